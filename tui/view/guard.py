"""The last step before the terminal: no text on any screen, whoever wrote it, is an order to the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""Control characters (C0 and C1), those that turn the direction of writing, and halves of characters."""


class Guard(LineFilter):
    """Leaves out what has no place in a cell; panels show it as `�` where they expect text from outside."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The segments, of the same width."""
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [Segment(_ORDERS.sub("", s.text), s.style, s.control) for s in segments]


GUARD = Guard()
"""One for all: lines remember what a filter made of them."""
