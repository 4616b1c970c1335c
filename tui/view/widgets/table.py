"""A data table that changes only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable
from textual.widgets.data_table import CellKey, RowKey

from tui.view import format as fmt

Column = tuple[str, str, Literal["left", "right"]]
"""Key, label, and on which side its cells are set."""


class DiffTable(DataTable[Text]):
    """Rows by key: `set_rows` keeps cursor and scroll, and touches only cells that differ."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._shape: tuple[Column, ...] = ()
        self._shown: dict[str, tuple[Text, ...]] = {}

    def set_columns(self, shape: Sequence[Column]) -> None:
        """Use these columns; the rows go where they differ from those before."""
        if tuple(shape) == self._shape:
            return
        self._shape = tuple(shape)
        self._shown = {}
        self.clear(columns=True)
        for key, label, side in shape:
            self.add_column(Text(label, justify=side), key=key)

    def set_rows(self, rows: Sequence[tuple[str, Sequence[str | Text]]]) -> None:
        """Show exactly these rows, in this order; texts from outside are shown as they are, without markup."""
        wanted = {key: tuple(self._cell(i, c) for i, c in enumerate(cells)) for key, cells in rows}
        if list(wanted) != list(self._shown):
            self._rebuild(wanted)
            return
        with self.app.batch_update():
            for key, cells in wanted.items():
                for (name, _, _), now, before in zip(self._shape, cells, self._shown[key], strict=True):
                    if now != before:
                        self.update_cell(key, name, now, update_width=now.cell_len > before.cell_len)
        self._shown = wanted

    def _rebuild(self, wanted: dict[str, tuple[Text, ...]]) -> None:
        """Rows came, went or changed places; the cursor stays on its row."""
        at = self.selected_key
        scroll = self.scroll_offset
        with self.app.batch_update():
            self.clear()
            for key, cells in wanted.items():
                self.add_row(*cells, key=key)
        self._shown = wanted
        if at is not None and at in wanted:
            self.cursor_coordinate = Coordinate(list(wanted).index(at), 0)
        self.scroll_to(scroll.x, scroll.y, animate=False)

    def _update_dimensions(self, new_rows: Iterable[RowKey]) -> None:
        """Measure new rows."""
        with self._drawn_as_measured():
            super()._update_dimensions(new_rows)

    def _update_column_widths(self, updated_cells: set[CellKey]) -> None:
        """Measure changed cells."""
        with self._drawn_as_measured():
            super()._update_column_widths(updated_cells)

    @contextmanager
    def _drawn_as_measured(self) -> Iterator[None]:
        """Forget what was drawn in other widths: Textual keeps it, cut as it is, where it drew before it measured."""
        before = [column.get_render_width(self) for column in self.ordered_columns]
        yield
        if before != [column.get_render_width(self) for column in self.ordered_columns]:
            self._clear_caches()
            self.refresh()

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor."""
        if not self._shown or not self.is_valid_row_index(self.cursor_row):
            return None
        key: RowKey = self.coordinate_to_cell_key(self.cursor_coordinate).row_key
        return key.value

    def _cell(self, column: int, cell: str | Text) -> Text:
        side = self._shape[column][2]
        if isinstance(cell, Text):
            cell.justify = side
            return cell
        return Text(fmt.plain(cell), justify=side, no_wrap=True)
