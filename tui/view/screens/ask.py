"""A question for one line of text; what is wrong with the answer is said before it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui.view.screens.overlay import Overlay

T = TypeVar("T")


class Ask(Overlay[T | None], Generic[T]):
    """Ends with what `check` made of the text, or with `None` on escape; `check` raises `ValueError` sentences."""

    DEFAULT_CSS = """
    Ask #ask { width: 72; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 1 2; }
    Ask Input { border: tall $secondary; height: 3; margin: 1 0 0 0; }
    Ask #ask-error { height: auto; color: $error; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "cancel")]

    def __init__(self, title: str, hint: str, check: Callable[[str], T], value: str = "") -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._check = check
        self._value = value

    def compose(self) -> ComposeResult:
        """Hint, input, what is wrong."""
        with Vertical(id="ask") as box:
            box.border_title = self._title
            box.border_subtitle = "enter takes it, esc cancels"
            yield Static(Text(self._hint))
            yield Input(self._value, id="ask-input")
            yield Static(id="ask-error")

    def on_mount(self) -> None:
        """Typing can begin."""
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        """A new text has no error yet."""
        self.query_one("#ask-error", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the answer, or say what is wrong with it."""
        event.stop()
        try:
            answer = self._check(event.value)
        except ValueError as error:
            self.query_one("#ask-error", Static).update(Text(f"! {error}"))
            return
        self.dismiss(answer)

    def action_give_up(self) -> None:
        """No answer."""
        self.dismiss(None)
