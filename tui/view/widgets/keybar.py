"""The last line: the keys that matter now; a click does what the key does."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.widget import Widget

from tui.view.registry import Command


class KeyBar(Widget):
    """Keys and labels, the most needed first; what does not fit is in the help."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._commands: tuple[Command, ...] = ()
        self._spans: list[tuple[int, int, str]] = []

    def offer(self, commands: Sequence[Command]) -> None:
        """Show these."""
        if tuple(commands) != self._commands:
            self._commands = tuple(commands)
            self.refresh()

    def render(self) -> Text:
        """As many as fit."""
        line, self._spans = key_line(self._commands, self.size.width)
        return line

    async def on_click(self, event: events.Click) -> None:
        """Do what the clicked label says."""
        for start, end, action in self._spans:
            if start <= event.x < end:
                await self.app.run_action(action)
                return


def key_line(commands: Sequence[Command], width: int) -> tuple[Text, list[tuple[int, int, str]]]:
    """The line, and which columns belong to which action."""
    line, spans = Text(no_wrap=True), []
    for command in commands:
        part = Text.assemble((f" {command.shown_key} ", "bold reverse"), f" {command.label} ")
        if line.cell_len + part.cell_len > width:
            continue
        spans.append((line.cell_len, line.cell_len + part.cell_len, command.action))
        line.append_text(part)
    return line, spans
