"""One row in full, on top of the screen it is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.view.screens.overlay import Overlay

_LONG = 48
"""A longer value begins on a line of its own."""


class Record(Overlay[None]):
    """Named values, one below the other; long ones are wrapped."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", "close")]

    def __init__(self, title: str, values: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._values = tuple(values)

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="record") as box:
            box.border_title = Text(self._title)
            box.border_subtitle = "esc closes"
            width = max([len(name) for name, _ in self._values], default=0)
            for name, value in self._values:
                gap = "\n" if len(value) > _LONG else "  "
                yield Static(Text.assemble((name.ljust(width), "dim"), gap, value), markup=False)

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss()
