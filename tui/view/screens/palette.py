"""Every command by name: type a part of it, enter runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.view.registry import Command, shown
from tui.view.screens.overlay import Overlay

_KEY, _LABEL = 10, 15


class Palette(Overlay[str | None]):
    """Ends with the action of the chosen command, or with `None`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "close", "close"),
        Binding("up", "move('cursor_up')", priority=True),
        Binding("down", "move('cursor_down')", priority=True),
        Binding("pageup", "move('page_up')", priority=True),
        Binding("pagedown", "move('page_down')", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._commands: tuple[Command, ...] = ()
        self._listed: tuple[Command, ...] = ()
        self._typed = Input(placeholder="Search for commands …", compact=True)
        self._found = OptionList(id="found", compact=True)
        self._found.can_focus = False

    def compose(self) -> ComposeResult:
        """What is typed, and the commands that fit."""
        with Vertical(id="palette") as box:
            box.border_title = "Commands"
            box.border_subtitle = "enter runs it, esc closes"
            yield self._typed
            yield self._found

    def offer(self, commands: Sequence[Command]) -> None:
        """These commands, nothing typed yet."""
        self._commands = tuple(c for c in commands if c.palette)
        with self._typed.prevent(Input.Changed):
            self._typed.value = ""
        self._list(self._commands)

    def on_input_changed(self, event: Input.Changed) -> None:
        """List what fits, the best first."""
        self._list(matching(self._commands, event.value))

    def _list(self, commands: Sequence[Command]) -> None:
        if tuple(commands) != self._listed or not self._found.option_count:
            self._listed = tuple(commands)
            self._found.set_options(_options(commands))
        self._found.highlighted = 0

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the highlighted one."""
        event.stop()
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Run the chosen one."""
        event.stop()
        action = next((c.action for c in self._commands if c.id == event.option_id), None)
        if action is not None:  # else it is the sentence that nothing fits
            self.dismiss(action)

    def action_move(self, how: str) -> None:
        """Along the list, whatever has the focus."""
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_close(self) -> None:
        """Nothing."""
        self.dismiss(None)


def matching(commands: Sequence[Command], typed: str) -> list[Command]:
    """The commands whose label (counted double) or help fits what was typed, the best first; all for nothing typed."""
    if not typed.strip():
        return list(commands)
    matcher = Matcher(typed.strip())
    scored = [(max(2 * matcher.match(c.label), matcher.match(c.help)), c) for c in commands]
    return [c for score, c in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


def _options(commands: Sequence[Command]) -> list[Option]:
    return [Option(_line(c), id=c.id) for c in commands] or [Option(Text("No command is called that.", style="dim"))]


def _line(command: Command) -> Text:
    key = shown(command.keys.split(",")[0])
    return Text.assemble(
        (f" {key:<{_KEY}}", "bold"), f"{command.label:<{_LABEL}} ", (command.help, "dim"), no_wrap=True
    )
