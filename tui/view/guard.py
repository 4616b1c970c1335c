"""The last step before the terminal: no text on any screen, whoever wrote it, is an order to the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""Control characters (C0 and C1), those that turn the direction of writing, and halves of characters."""


class Guard(LineFilter):
    """Leaves out what has no place in a cell; panels show it as `�` where they expect text from outside.

    It is the last of `filters`, and all of them are one for the lines, which remember what each filter made of them.
    """

    def __init__(self, filters: Iterable[LineFilter] = ()) -> None:
        super().__init__()
        self._filters = tuple(filters)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, of the same width."""
        for each in self._filters:
            segments = each.apply(segments, background)
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [Segment(_ORDERS.sub("", s.text), s.style, s.control) for s in segments]


@lru_cache(maxsize=8)
def guarded(*filters: LineFilter) -> tuple[Guard]:
    """`filters`, and then the guard: always the same for the same ones."""
    return (Guard(filters),)
