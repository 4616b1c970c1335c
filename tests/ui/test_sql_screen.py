"""The SQL screen on recorded tables: every key, what is said when something is wrong, and that it never freezes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot

from tests import recorded_lake
from tests.ui import cockpits
from tests.ui.cockpits import Fake, screen_text, until, until_shown
from tests.worked import ENDLESS
from tui.clients.lake import LakeClient
from tui.clients.query import QueryEngine
from tui.stack.query_notes import QueryNotes
from tui.view.app import LakehouseApp
from tui.view.screens.confirm import Confirm
from tui.view.screens.sql import SqlScreen
from tui.view.sql import cells
from tui.view.sql.editor import SqlEditor
from tui.view.widgets.table import DiffTable


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeClient:
    return recorded_lake.opened(tmp_path_factory.mktemp("recorded"))


def ports(lake: LakeClient, **options: Any) -> dict[str, Any]:
    engine = QueryEngine(lake, **options)
    return {"query": lambda: engine, "query_notes": QueryNotes(None)}


@asynccontextmanager
async def opened(
    fake: Fake, size: tuple[int, int] = (120, 40), **given: Any
) -> AsyncIterator[tuple[Pilot[object], SqlScreen]]:
    app = fake.app(**given)
    async with app.run_test(size=size) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, SqlScreen), "the SQL screen")
        screen = app.screen
        assert isinstance(screen, SqlScreen)
        await pilot.pause()
        yield pilot, screen


async def ask(pilot: Pilot[object], screen: SqlScreen, sql: str, key: str = "f5") -> None:
    screen.query_one(SqlEditor).put(sql)
    await pilot.press(key)


def text(pilot: Pilot[object]) -> str:
    assert isinstance(pilot.app, LakehouseApp)
    return screen_text(pilot.app)


@pytest.mark.parametrize("key", ["f5", "ctrl+r", "ctrl+enter"])
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_query_is_run_and_its_answer_shown(
    fake: Fake, lake: LakeClient, key: str, size: tuple[int, int]
) -> None:
    async with opened(fake, size, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, "SELECT symbol, COUNT(*) AS n, NULL AS x, 'NULL' AS y FROM raw_trades GROUP BY 1", key)
        await until_shown(pilot, "∅ null")
        assert "raw_trades as of" in text(pilot)
        assert "3 rows" in text(pilot)


async def test_typed_keys_are_the_editors_while_it_is_open(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        editor = screen.query_one(SqlEditor)
        await pilot.press("e")
        await until(pilot, lambda: editor.has_focus, "the editor")
        editor.put("")
        await pilot.press(*"select 16 as q")
        assert editor.text == "select 16 as q"
        await pilot.press("escape", "1")
        await until(pilot, lambda: pilot.app.current_mode == "dashboard", "the dashboard")


async def test_tab_completes_tables_columns_and_keywords(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        editor = screen.query_one(SqlEditor)
        await until(pilot, lambda: editor.columns, "the columns are known")
        editor.focus()
        for typed, wanted in (("SELECT kafka_o", "kafka_offset"), ("FROM raw_", "raw_trades"), ("DISTI", "DISTINCT")):
            editor.put(typed)
            await pilot.press("tab")
            await until(pilot, lambda w=wanted: editor.text.endswith(w), wanted)
        editor.put("SELECT kafka_")
        await until_shown(pilot, "kafka_partition  kafka_offset")


async def test_history_is_at_the_edges_of_the_editor(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        editor = screen.query_one(SqlEditor)
        for n in (1, 2):
            await ask(pilot, screen, f"SELECT {n} AS n{n}")
            await until_shown(pilot, f" n{n} ")
        editor.put("draft")
        editor.focus()
        steps = (("up", "SELECT 2 AS n2"), ("up", "SELECT 1 AS n1"), ("down", "SELECT 2 AS n2"), ("down", "draft"))
        for key, shown in steps:
            await pilot.press(key)
            await until(pilot, lambda s=shown: editor.text == s, shown)


async def test_a_worked_query_is_chosen_from_the_list(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await pilot.press("f2")
        await until_shown(pilot, "top_movers")
        assert "vwap" in text(pilot)
        await pilot.press("enter")
        editor = screen.query_one(SqlEditor)
        await until(pilot, lambda: "`agg_1m$files`" in editor.text, "the first one, deletes")
        await pilot.press("f5")
        await until_shown(pilot, "equality deletes")


async def test_what_is_cut_is_said(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, "SELECT * FROM raw_trades")
        await until_shown(pilot, "415 rows")
        await pilot.press("L", *["backspace"] * 4, "7", "x", "enter")
        await until_shown(pilot, "is no limit")
        await pilot.press("backspace", "enter")
        await until_shown(pilot, "the first 7 rows, there are more")
        assert screen.query_one(DiffTable).row_count == 7


async def test_an_error_is_a_sentence_and_the_cursor_is_on_it(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, "SELECT 1 AS before")
        await until_shown(pilot, " before ")
        await ask(pilot, screen, "SELECT\n  nope\nFROM agg_1m")
        await until_shown(pilot, "! Line 2, column 3:")
        assert screen.query_one(SqlEditor).cursor_location == (1, 2)
        assert "answer to the query before" in text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "! Line 2" not in text(pilot), "the error is gone")


async def test_a_query_without_end_freezes_nothing_and_is_cancelled(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, ENDLESS)
        await until_shown(pilot, "esc cancels")
        await pilot.press("1")
        await until(pilot, lambda: pilot.app.current_mode == "dashboard", "another screen")
        await pilot.press("6")
        await until_shown(pilot, "esc cancels")
        await pilot.press("escape")
        await until_shown(pilot, "! The query was cancelled.")
        await ask(pilot, screen, "SELECT 1 AS alive")
        await until_shown(pilot, " alive ")


async def test_an_old_answer_says_so(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        fake.says["history.agg_1m"] = lake.history("agg_1m")
        await ask(pilot, screen, "SELECT COUNT(*) FROM agg_1m")
        await until_shown(pilot, "agg_1m as of")
        await until(pilot, lambda: not screen.query_one("#sql-answer").has_class("-stale"), "it is fresh")
        history = lake.history("agg_1m")
        newer = replace(history.snapshots[-1], id=1, committed_at=cockpits.NOW.replace(year=2030))
        fake.says["history.agg_1m"] = replace(history, snapshots=(*history.snapshots, newer), current_id=1)
        await until_shown(pilot, "f5 asks again: newer data is in agg_1m")
        assert screen.query_one("#sql-answer").has_class("-stale")


async def test_an_export_asks_for_its_path_and_before_it_overwrites(
    fake: Fake, lake: LakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await pilot.press("f9")
        await until_shown(pilot, "run a query first")
        await ask(pilot, screen, "SELECT * FROM raw_trades")
        await until_shown(pilot, "415 rows")
        await pilot.press("f9", "enter")
        await until_shown(pilot, "Written: 415 rows")
        (file,) = tmp_path.iterdir()
        assert file.name == "query-20260301T123000Z.csv"
        assert len(file.read_text().splitlines()) == 416
        file.write_text("mine")
        await pilot.press("f9", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm), "a question")
        await pilot.press("n")
        assert file.read_text() == "mine"
        await pilot.press("f9", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm), "a question")
        await pilot.press("y")
        await until(pilot, lambda: file.read_text() != "mine", "it is overwritten")


async def test_read_only_exports_nothing(fake: Fake, lake: LakeClient, tmp_path: Path) -> None:
    async with opened(fake, read_only=True, **ports(lake, exports=False)) as (pilot, screen):
        await ask(pilot, screen, "SELECT 1 AS one")
        await until_shown(pilot, " one ")
        await pilot.press("E")
        await until_shown(pilot, "Not possible: the dashboard is read-only")
        await ask(pilot, screen, f"COPY (SELECT 1) TO '{tmp_path / 'x'}'")
        await until_shown(pilot, "COPY is not possible here")
    assert list(tmp_path.iterdir()) == []


async def test_a_row_is_shown_in_full(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, "SELECT repeat('long ', 40) || chr(64) || 'end' AS a, 1 AS b")
        await until_shown(pilot, "long long")
        assert "@end" not in text(pilot)
        await pilot.press("enter")
        await until_shown(pilot, "@end")


async def test_a_recording_says_that_there_are_no_tables(fake: Fake) -> None:
    async with opened(fake) as (pilot, screen):
        await until_shown(pilot, "SQL needs the lakehouse itself")
        await pilot.press("f5", "f2", "E")
        await pilot.pause()
        assert "SQL needs the lakehouse itself" in text(pilot)
        assert screen.query_one(SqlEditor).read_only


async def test_a_value_is_no_order_and_no_markup(fake: Fake, lake: LakeClient) -> None:
    async with opened(fake, **ports(lake)) as (pilot, screen):
        await ask(pilot, screen, "SELECT '[red]x[/]' || chr(27) || '[31m' AS \"[b]head[/b]\"")
        await until_shown(pilot, "[red]x[/]�[31m")
        assert "[b]head[/b]" in text(pilot)
        assert "\x1b" not in text(pilot)


def test_cells_are_exact() -> None:
    from datetime import UTC, datetime
    from decimal import Decimal

    values = (Decimal("1E+3"), Decimal("0.10"), 0.1 + 0.2, None, True, b"\x00\xff")
    assert [cells.text(v) for v in values] == ["1000", "0.10", "0.30000000000000004", "∅ null", "true", "0x00ff"]
    assert cells.text(datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)) == "2026-01-02 03:04:05.678000"
    assert cells.cell(None) == Text("∅ null", style="dim italic", no_wrap=True)
