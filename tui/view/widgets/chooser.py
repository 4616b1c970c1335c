"""One line of names of which one is chosen, by key or by click."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from tui.view import format as fmt


class Chooser(Widget):
    """The names, the chosen one in brackets; where not all fit, those around the chosen one."""

    can_focus = False

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._names: tuple[tuple[str, bool], ...] = ()
        self._chosen: str | None = None
        self._spans: list[tuple[int, int, str]] = []

    def offer(self, names: Sequence[tuple[str, bool]], chosen: str | None) -> None:
        """Show these names; those with False have nothing to show and are dim."""
        if (tuple(names), chosen) != (self._names, self._chosen):
            self._names, self._chosen = tuple(names), chosen
            self.refresh()

    def render(self) -> Text:
        """As many as fit."""
        line, self._spans = name_line(self._names, self._chosen, self.size.width)
        return line

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        for begin, end, name in self._spans:
            if begin <= event.x < end:
                self.post_message(self.Chosen(name))


def name_line(
    names: Sequence[tuple[str, bool]], chosen: str | None, width: int
) -> tuple[Text, list[tuple[int, int, str]]]:
    """The line, and which columns belong to which name."""
    parts = []
    for name, there in names:
        here = name == chosen
        label = f"[{fmt.plain(name)}]" if here else f" {fmt.plain(name)} "
        parts.append((name, Text(label, style="bold reverse" if here else "" if there else "dim")))
    first = 0
    at = next((i for i, (name, _) in enumerate(parts) if name == chosen), 0)
    while first < at and sum(part.cell_len for _, part in parts[first : at + 2]) > width:
        first += 1
    line, spans = Text("…" if first else "", no_wrap=True), []
    for name, part in parts[first:]:
        if line.cell_len + part.cell_len > width:
            line.append("…")
            break
        spans.append((line.cell_len, line.cell_len + part.cell_len, name))
        line.append_text(part)
    return line, spans
