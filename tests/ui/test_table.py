"""A table shows its cells whole, whenever it happens to be drawn."""

from __future__ import annotations

from textual.app import App, ComposeResult

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
