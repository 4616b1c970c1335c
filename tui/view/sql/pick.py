"""The list of queries: those that come with the product, then what was asked before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.model.query import WorkedQuery
from tui.view import format as fmt
from tui.view.screens.overlay import Overlay

_NAME = 12


class Pick(Overlay[str | None]):
    """Ends with the text of the chosen query, or with `None`."""

    DEFAULT_CSS = """
    Pick { align: center middle; background: $background 60%; }
    Pick #pick {
        width: 100; max-width: 96%; height: auto; max-height: 90%; border: round $primary; background: $surface;
    }
    Pick OptionList { height: auto; max-height: 70vh; background: $surface; border: none; }
    Pick OptionList { text-wrap: nowrap; text-overflow: ellipsis; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f2", "close", "close")]

    def __init__(self, worked: Sequence[WorkedQuery], history: Sequence[str]) -> None:
        super().__init__()
        self._texts = [*(w.sql for w in worked), *history]
        self._lines = [
            *(Text.assemble((f" {w.name:<{_NAME}} ", "bold"), (w.about, "dim"), no_wrap=True) for w in worked),
            *(Text.assemble((f" {'before':<{_NAME}} ", "dim"), brief(sql), no_wrap=True) for sql in history),
        ]

    def compose(self) -> ComposeResult:
        """One line a query."""
        with Vertical(id="pick") as box:
            box.border_title = "Queries"
            box.border_subtitle = "enter takes it, esc closes"
            yield OptionList(*(Option(line, id=str(n)) for n, line in enumerate(self._lines)), compact=True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the chosen one."""
        event.stop()
        self.dismiss(self._texts[event.option_index])

    def action_close(self) -> None:
        """None of them."""
        self.dismiss(None)


def brief(sql: str) -> str:
    """A query on one line, without its comments."""
    lines = (line.strip() for line in sql.splitlines() if not line.strip().startswith("--"))
    return fmt.plain(" ".join(filter(None, lines)))
