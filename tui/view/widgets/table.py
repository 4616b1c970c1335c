"""A data table that changes, and draws, only what differs.

Textual's own draws every cell of a table anew, through Rich, when one of them has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual._segment_tools import line_crop
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import DataTable
from textual.widgets.data_table import CellKey, ColumnKey, RowKey

from tui.view import format as fmt
from tui.view.widgets.pieces import pieces, same

Column = tuple[str, str, Literal["left", "right"]]
"""Key, label, and on which side its cells are set."""


Cells = tuple[Text, ...]


class Drawn(NamedTuple):
    """A line of the table as it was drawn: all that decides how it looks, its cells, and the line."""

    look: tuple[object, ...]
    cells: Cells
    strip: Strip


class DiffTable(DataTable[Text]):
    """Rows by key, a line each: `set_rows` keeps cursor and scroll, and touches only cells that differ."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._shape: tuple[Column, ...] = ()
        self._shown: dict[str, Cells] = {}
        self._header: Cells = ()
        self._drawn: dict[RowKey, Drawn] = {}
        self._across: tuple[int, ...] = ()

    def set_columns(self, shape: Sequence[Column]) -> None:
        """Use these columns; the rows go where they differ from those before."""
        if tuple(shape) == self._shape:
            return
        self._shape = tuple(shape)
        self._shown = {}
        self._drawn.clear()
        self.clear(columns=True)
        self._header = tuple(Text(label, justify=side) for _, label, side in shape)
        for (key, _, _), label in zip(shape, self._header, strict=True):
            self.add_column(label, key=key)

    def set_rows(self, rows: Sequence[tuple[str, Sequence[str | Text]]]) -> None:
        """Show exactly these rows, in this order; texts from outside are shown as they are, without markup."""
        wanted = {key: self._cells(key, cells) for key, cells in rows}
        if list(wanted) != list(self._shown):
            self._rebuild(wanted)
            return
        before, self._shown = self._shown, wanted
        for index, (key, cells) in enumerate(wanted.items()):
            if cells is not before[key]:
                self._change(RowKey(key), index, cells, before[key])

    def _change(self, row: RowKey, index: int, cells: Cells, before: Cells) -> None:
        """Put other cells into a row; it alone is drawn anew, unless a column has to become wider."""
        self._update_count += 1
        for (name, _, _), now, then in zip(self._shape, cells, before, strict=True):
            if now is not then:
                column = ColumnKey(name)
                self._data[row][column] = now
                if now.cell_len > self.columns[column].content_width:
                    self._updated_cells.add(CellKey(row, column))
                    self._require_update_dimensions = True
        self.refresh_row(index)
        self.check_idle()  # columns are measured then

    def _cells(self, key: str, cells: Sequence[str | Text]) -> Cells:
        """The cells of a row as texts; those of now where they look the same."""
        made = tuple(self._cell(i, c) for i, c in enumerate(cells))
        before = self._shown.get(key, ())
        if len(before) != len(made):
            return made
        kept = tuple(then if same(now, then) else now for now, then in zip(made, before, strict=True))
        return before if all(now is then for now, then in zip(kept, before, strict=True)) else kept

    def _rebuild(self, wanted: dict[str, Cells]) -> None:
        """Rows came, went or changed places; the cursor stays on its row."""
        at = self.selected_key
        scroll = self.scroll_offset
        with self.app.batch_update():
            self.clear()
            for key, cells in wanted.items():
                self.add_row(*cells, key=key)
        self._shown = wanted
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if key.value is None or key.value in wanted}
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

    # --- drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of it."""
        self._across = tuple(column.get_render_width(self) for column in self.ordered_columns)
        return super().render_lines(crop)

    def _render_line(self, y: int, x1: int, x2: int, base_style: Style) -> Strip:
        """Line `y` from column `x1` to before `x2`: as it was drawn before, where it would look the same."""
        try:
            key, _ = self._get_offsets(y)
        except LookupError:
            return Strip.blank(self.size.width, base_style)
        header = key is self._header_row_key
        index = -1 if header else self.get_row_index(key)
        cells = self._header if header else self._shown[str(key.value)]
        style = self._get_row_style(index, base_style)
        own, over = self._get_styles_to_render_cell(
            header,
            False,
            False,
            index == self.hover_coordinate.row,
            index == self.cursor_coordinate.row,
            self.show_cursor,
            self._show_hover_cursor,
            self.cursor_foreground_priority == "css",
            self.cursor_background_priority == "css",
        )
        look = (index, x1, x2, self.size.width, self._across, self.cell_padding, style, own, over)
        drawn = self._drawn.get(key)
        if drawn is None or drawn.cells is not cells or drawn.look != look:
            drawn = self._drawn[key] = Drawn(look, cells, self._draw(index, cells, style, own, over, (x1, x2)))
        return drawn.strip

    def _draw(self, index: int, cells: Cells, style: Style, own: Style, over: Style, part: tuple[int, int]) -> Strip:
        """The cells between their padding, and blanks up to the width of the table."""
        edge, width = " " * self.cell_padding, self.size.width
        line: list[Segment] = []
        for number, (cell, room) in enumerate(zip(cells, self._across, strict=True)):
            before = style + _place(index, number) + own
            inner = [
                Segment(edge, before),
                *pieces(_fitted(cell, room - 2 * self.cell_padding), before),
                Segment(edge, before),
            ]
            line += Segment.apply_style(inner, post_style=over) if over else inner
        beyond = style + own + _place(index, 0, out_of_bounds=True)
        line.append(Segment(" " * max(0, width - sum(self._across)), beyond))
        return Strip(line_crop(line, *part, width)).adjust_cell_length(width, style).simplify()


@lru_cache(4096)
def _place(row: int, column: int, **more: bool) -> Style:
    """Which cell the mouse is over."""
    return Style.from_meta({"row": row, "column": column, **more})


def _fitted(cell: Text, width: int) -> Text:
    """`cell` in exactly `width` cells, at its side."""
    line = cell.copy()
    if cell.justify == "right":
        line.rstrip()
        line.truncate(width, overflow=cell.overflow or "fold")
        line.pad_left(width - line.cell_len)
    else:
        line.truncate(width, overflow=cell.overflow or "fold", pad=True)
    return line
