"""One line of text as segments: Rich's own way is slower, and only needed where spans overlap."""

from __future__ import annotations

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

_PLAIN = Console()


def pieces(line: Text, style: Style) -> list[Segment]:
    """`line`, which has one line, on `style`."""
    outer, plain, at = style + parsed(line.style), line.plain, 0
    made: list[Segment] = []
    for start, end, own in line.spans:
        if start < at:
            rendered = Segment.apply_style(line.render(_PLAIN, end=""), outer)
            return [segment for segment in rendered if segment.text]
        if start > at:
            made.append(Segment(plain[at:start], outer))
        if end > start:
            made.append(Segment(plain[start:end], outer + parsed(own)))
        at = max(at, end)
    if at < len(plain):
        made.append(Segment(plain[at:], outer))
    return made


def same(one: Text, other: Text) -> bool:
    """Whether these lines look the same; `Text` itself compares less."""
    return one is other or (
        (one.plain, one.style, one.spans, one.justify) == (other.plain, other.style, other.spans, other.justify)
    )


def parsed(style: str | Style) -> Style:
    """A style by its name, or itself."""
    return Style.parse(style) if isinstance(style, str) else style
