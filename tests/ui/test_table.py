"""A table shows its cells whole, whenever it happens to be drawn, and draws them as Textual does, but only once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from rich.segment import Segment
from rich.text import Text
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widgets import DataTable

from tui.view.widgets import table as table_module
from tui.view.widgets.table import DiffTable

COLUMNS = (("at", "at", "left"), ("n", "n", "right"))


class Frame(App[None]):
    """The table alone."""

    def compose(self) -> ComposeResult:
        yield DiffTable()


def drawn(table: DiffTable) -> str:
    return "\n".join(strip.text for strip in table.render_lines(table.size.region))


async def test_cells_are_whole_although_the_table_was_drawn_before_it_was_measured() -> None:
    async with Frame().run_test(size=(40, 8)) as pilot:
        table = pilot.app.query_one(DiffTable)
        table.set_columns(COLUMNS)
        table.set_rows([("1", ("12:29:59.750", "7"))])
        assert "12:29:59.750" not in drawn(table)  # Textual measures when it is idle
        await pilot.pause()
        assert "12:29:59.750" in drawn(table)
        table.set_rows([("1", ("12:29:59.750", "1,000,000"))])
        assert "1,000,000" not in drawn(table)
        await pilot.pause()
        assert "12:29:59.750  1,000,000" in drawn(table)


async def test_only_a_cell_that_is_wider_than_its_column_has_it_measured_anew() -> None:
    async with Frame().run_test(size=(40, 8)) as pilot:
        table = pilot.app.query_one(DiffTable)
        table.set_columns(COLUMNS)
        table.set_rows([("1", ("12:29:59", "7")), ("2", ("12:30:00", "1,000,000"))])
        await pilot.pause()
        table.set_rows([("1", ("12:29:59", "70,000")), ("2", ("12:30:00", "1"))])
        assert not table._require_update_dimensions
        table.set_rows([("1", ("12:29:59", "70,000")), ("2", ("12:30:00", "10,000,000"))])
        assert table._require_update_dimensions


def cells() -> list[tuple[str, tuple[str | Text, ...]]]:
    overlapping = Text("one two", style="italic").append(" three", "red")
    overlapping.stylize("bold", 2, 9)
    return [
        ("a", ("plain", "12")),
        ("b", (Text("RUNNING", style="bold green"), Text("→ 変化", style="cyan"))),
        ("c", (overlapping, Text.assemble("1", ("2", "reverse"), ("3 ", "dim")))),
        ("d", ("much longer than its column is wide", Text("longer as well", overflow="ellipsis"))),
        ("e", ("", Text())),
    ]


class Both(App[None]):
    """The same cells in Textual's table and in ours, the columns of one width."""

    CSS = "DataTable { height: 7; width: 34; }"

    def compose(self) -> ComposeResult:
        yield DataTable[Text](cursor_type="row", id="textual")
        yield DiffTable(id="ours")

    def on_mount(self) -> None:
        ours, theirs = self.query_one(DiffTable), self.query_one("#textual", DataTable)
        ours.set_columns(COLUMNS)
        ours.set_rows(cells())
        for key, label, side in COLUMNS:
            theirs.add_column(Text(label, justify=side), key=key)
        for key, row in cells():
            made = [c if isinstance(c, Text) else Text(c, no_wrap=True) for c in row]
            for cell, (_, _, side) in zip(made, COLUMNS, strict=True):
                cell.justify = side
            theirs.add_row(*made, key=key)


def seen(strips: Iterable[Strip]) -> list[list[Segment]]:
    return [list(Segment.simplify(strip)) for strip in strips]


@pytest.mark.parametrize(("width", "most_left"), [(None, 5), (10, 0)])
async def test_a_table_is_drawn_as_textual_draws_it(width: int | None, most_left: int) -> None:
    async with Both().run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        ours, theirs = pilot.app.query_one(DiffTable), pilot.app.query_one("#textual", DataTable)
        for table in (ours, theirs):
            for column in table.ordered_columns:
                column.auto_width, column.width = width is None, width or 0
            table._clear_caches()
        pilot.app.set_focus(None)
        for row, left in ((0, 0), (2, 0), (4, most_left)):
            for table in (ours, theirs):
                table.move_cursor(row=row, animate=False)
                table.scroll_to(x=left, animate=False)
            await pilot.pause()
            crop = ours.size.region
            assert ours.scroll_offset == theirs.scroll_offset == (left, 0)
            assert seen(ours.render_lines(crop)) == seen(theirs.render_lines(crop))
            assert ("RUNNING" in "".join(strip.text for strip in ours.render_lines(crop))) is not bool(left)


async def test_only_the_row_that_has_changed_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    real = table_module._fitted

    def noting(cell: Text, width: int) -> Text:
        drawn.append(cell.plain)
        return real(cell, width)

    async with Frame().run_test(size=(40, 8)) as pilot:
        table = pilot.app.query_one(DiffTable)
        table.set_columns(COLUMNS)
        table.set_rows([("1", ("x", "1")), ("2", ("y", "2")), ("3", (Text("z", style="green"), "3"))])
        await pilot.pause()
        monkeypatch.setattr(table_module, "_fitted", noting)
        table.set_rows([("1", ("x", "1")), ("2", ("y", "5")), ("3", (Text("z", style="green"), "3"))])
        await pilot.pause()
        assert drawn == ["y", "5"]
        table.set_rows([("1", ("x", "1")), ("2", ("y", "5")), ("3", (Text("z", style="red"), "3"))])
        await pilot.pause()
        assert drawn == ["y", "5", "z", "3"]
        assert [cell.style for cell in table.get_row("3")] == ["red", ""]
