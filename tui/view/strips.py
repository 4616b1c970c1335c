"""Textual's strips and their caches, as light as a screen of changing numbers needs them.

A strip remembers its parts, also where the only part is itself. Such a circle is freed by a full garbage collection
alone: a minute of keys left some 400,000 objects, and collecting them held the next key up for 0.6 s. And each strip is
made with seven caches, of which most never hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual._styles_cache import StylesCache
from textual.cache import FIFOCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

_divide, _crop_extend, _render_widget = Strip.divide, Strip.crop_extend, StylesCache.render_widget
_ROOM = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}


def mend() -> None:
    """Have the strips of this process made with what they need, and give themselves back without noting it."""
    Strip.__init__ = begin  # type: ignore[method-assign, assignment]
    Strip.__getattr__ = cache  # type: ignore[attr-defined]
    Strip.divide = divide  # type: ignore[method-assign, assignment]
    Strip.crop_extend = crop_extend  # type: ignore[method-assign, assignment]
    StylesCache.render_widget = render_widget  # type: ignore[method-assign, assignment]


def begin(strip: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    """Make a strip; its caches are made when they are first looked at, by `cache`."""
    strip._segments = list(segments)
    strip._cell_length = cell_length
    strip._render_cache = None
    strip._link_ids = None
    strip._cell_count = None


def cache(strip: Strip, name: str) -> FIFOCache[Any, Any]:
    """One of the caches that `begin` left out."""
    if name not in _ROOM:
        raise AttributeError(name)
    made: FIFOCache[Any, Any] = FIFOCache(_ROOM[name])
    setattr(strip, name, made)
    return made


def divide(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    """The parts of `strip` up to each of `cuts`, in cells."""
    length = strip.cell_length
    wanted = [cut for cut in cuts if cut <= length]
    return [strip] if wanted == [length] else _divide(strip, wanted)


def crop_extend(strip: Strip, start: int, end: int, style: Style | None) -> Strip:
    """The cells of `strip` from `start` to before `end`, filled up in `style`."""
    return strip if start == 0 and end == strip.cell_length else _crop_extend(strip, start, end, style)


def render_widget(kept: StylesCache, widget: Widget, crop: Region) -> list[Strip]:
    """The lines of a widget; those of the last time where nothing of it was marked as changed since."""
    asked = (crop, widget.outer_size, widget.get_line_filters())
    if kept._cache and not kept._dirty_lines and getattr(kept, "_asked", None) == asked:
        return kept._lines  # type: ignore[attr-defined, no-any-return]
    lines = _render_widget(kept, widget, crop)
    kept._asked, kept._lines = asked, lines  # type: ignore[attr-defined]
    return lines
