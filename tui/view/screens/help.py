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

    def __init__(self) -> None:
        super().__init__()
        self._text = Static()
        self._box = VerticalScroll(self._text, id="help")
        self._box.border_subtitle = "esc closes"
        self._offered: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield self._box

    def offer(self, screen: str, commands: Sequence[Command], about: str) -> None:
        """The text of a screen, from its top."""
        offered = (screen, *commands, about)
        if offered != self._offered:
            self._offered = offered
            self._box.border_title = f"Help: {screen}"
            self._text.update(help_text(commands, about))
        self._box.scroll_home(animate=False, immediate=True)

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
