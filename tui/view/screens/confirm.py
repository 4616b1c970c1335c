"""A question before something is lost."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.view.screens.overlay import Overlay


class Confirm(Overlay[bool]):
    """Ends with whether the answer was yes; the safe answer has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
        Binding("left,right,up,down", "other", "other", show=False),
    ]

    def __init__(self, title: str, question: str) -> None:
        super().__init__()
        self._title = title
        self._question = question

    def compose(self) -> ComposeResult:
        """Title, question, two buttons."""
        with Vertical(id="confirm") as box:
            box.border_title = self._title
            yield Static(Text(self._question))
            with Horizontal():
                yield Button(Text("Yes (y)"), id="yes", variant="error")
                yield Button(Text("No (n)"), id="no", variant="default")

    def on_mount(self) -> None:
        """Enter alone changes nothing."""
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click or enter on a button."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """A key answered."""
        self.dismiss(yes)

    def action_other(self) -> None:
        """The other button."""
        self.focus_next()
