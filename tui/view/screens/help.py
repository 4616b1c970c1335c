"""The keys and the numbers of one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.view.registry import Command, shown
from tui.view.screens.overlay import Overlay


class Help(Overlay[None]):
    """All commands by group, then what the numbers mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "close", "close")]

    def __init__(self, screen: str, commands: Sequence[Command], about: str) -> None:
        super().__init__()
        self._screen = screen
        self._commands = tuple(commands)
        self._about = about

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="help") as box:
            box.border_title = f"Help: {self._screen}"
            box.border_subtitle = "esc closes"
            yield Static(help_text(self._commands, self._about))

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss()


def help_text(commands: Sequence[Command], about: str) -> Text:
    """Commands by group, in the order of the registry, this screen's own first."""
    text = Text()
    if about:
        text.append(f"{about.strip()}\n\n")
    groups = list(dict.fromkeys(c.group for c in commands))
    groups.sort(key=lambda group: group != "This screen")
    for group in groups:
        text.append(f"{group}\n", style="bold underline")
        for c in commands:
            if c.group == group:
                keys = " ".join(shown(key) for key in c.keys.split(",") if key) or "palette"
                text.append(f"  {keys:<10}", style="bold")
                text.append(f"{c.help}\n")
        text.append("\n")
    return text
