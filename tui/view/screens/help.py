"""The numbers and the keys of one screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.view.explained import Explained, ordered
from tui.view.registry import Command, shown
from tui.view.screens.base import CockpitScreen
from tui.view.screens.overlay import Overlay

_OWN = "This screen"
_HINT = "tab or a click chooses a panel, and this help then begins with it."


class Help(Overlay[None]):
    """One text that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "close", "close")]

    def __init__(self) -> None:
        super().__init__()
        self._text = Text()
        self._shown = Static()
        self._box = VerticalScroll(self._shown, id="help")
        self._box.border_subtitle = "esc closes"

    def compose(self) -> ComposeResult:
        """The text in a box."""
        yield self._box

    def offer(self, screen: str, text: Text) -> None:
        """The text of a screen, from its top."""
        self._box.border_title = f"Help: {screen}"
        if text != self._text:
            self._text = text
            self._shown.update(text)
        self._box.scroll_home(animate=False, immediate=True)

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss()


def help_text(screen: CockpitScreen, commands: Sequence[Command]) -> Text:
    """The panel that has the focus; this screen's keys; the other panels, words and signs; the keys of every screen."""
    text = Text()
    here, others = ordered(screen.PANELS, screen.chosen_panels())
    _panels(text, here)
    own = [c for c in commands if c.group == _OWN]
    _keys(text, _OWN, own)
    if not here:
        text.append(f"{_HINT}\n\n", style="dim")
    _panels(text, others)
    if screen.ABOUT:
        text.append("Words and signs\n", style="bold underline")
        text.append(f"{screen.ABOUT.strip()}\n\n")
    for group in dict.fromkeys(c.group for c in commands if c not in own):
        _keys(text, group, [c for c in commands if c.group == group])
    return text


def _panels(text: Text, panels: Iterable[Explained]) -> None:
    for panel in panels:
        text.append(f"{panel.title}\n", style="bold underline")
        text.append(f"{panel.text}\n")
        text.append(f"{panel.hint}\n\n", style="italic")


def _keys(text: Text, group: str, commands: Sequence[Command]) -> None:
    if not commands:
        return
    text.append(f"{group}\n", style="bold underline")
    keys = [" ".join(shown(key) for key in c.keys.split(",") if key) or "palette" for c in commands]
    width = max(10, *(len(words) + 2 for words in keys))
    for words, c in zip(keys, commands, strict=True):
        text.append(f"  {words:<{width}}", style="bold")
        text.append(f"{c.help}\n")
    text.append("\n")
