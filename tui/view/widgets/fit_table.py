"""A table whose columns fit its width; keys that it does not need go to its screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from tui.view.fit import Cells, Col, Fitted, fit
from tui.view.widgets.table import DiffTable


class FitTable(DiffTable, inherit_bindings=False):
    """Rows by key under the columns that have room; ← → and enter are left to the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
    ]

    def __init__(self, columns: Sequence[Col], *, id: str, classes: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.add_class(*classes.split())
        self._columns = tuple(columns)
        self._filled: tuple[tuple[str, Cells], ...] = ()
        self._fitted: Fitted | None = None
        self._width = 0

    def fill(self, rows: Iterable[tuple[str, Cells]]) -> None:
        """Show exactly these rows; without one not even the header."""
        self._filled = tuple(rows)
        self.show_header = bool(self._filled)
        self._fit()

    def on_resize(self, _: events.Resize) -> None:
        """Other columns may fit."""
        self._fit()

    def _fit(self) -> None:
        width = self.size.width - self.styles.scrollbar_size_vertical
        if width <= 0:
            return
        fitted = fit(self._columns, self._filled, width)
        if fitted == self._fitted:
            return
        chosen = self.selected_key
        again = width != self._width or self._fitted is None or fitted.columns != self._fitted.columns
        self._fitted, self._width = fitted, width
        if again:
            self.set_columns(())  # a column never becomes narrower by itself
        self.set_columns(fitted.columns)
        self.set_rows(fitted.rows)
        if again and chosen is not None:
            self.choose(chosen)

    def choose(self, key: str) -> None:
        """Put the cursor on the row of this key, if it is there."""
        keys = [row for row, _ in self._filled]
        if key in keys:
            self.move_cursor(row=keys.index(key), animate=False)
