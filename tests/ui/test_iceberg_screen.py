"""The Iceberg screen on tables in memory: every key, time travel, and what is said when something is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from tests.ui import cockpits
from tests.ui.cockpits import JOB_ID, NOW, Fake, ago, screen_text, services
from tui.model.candles import Candle, CandleSet
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.iceberg import (
    CandleChange,
    Column,
    FileCount,
    FileDetail,
    FileHealth,
    RowSet,
    SchemaField,
    Snapshot,
    SnapshotChange,
    TableFiles,
    TableHistory,
    TableSchema,
    ValueChange,
)
from tui.model.stack import ServiceState
from tui.view.app import LakehouseApp
from tui.view.lake.panes import SNAPSHOTS, LakeTable
from tui.view.screens.iceberg import IcebergScreen
from tui.view.screens.record import Record

HOSTILE = '[red]x[/]\x1b[31m"'
BASE = 7_000_000_000_000_000_000


def at(snapshot_id: int | None) -> int:
    """The number of a snapshot; the current one is 15."""
    return 15 if snapshot_id is None else snapshot_id - BASE


@dataclass
class Lake:
    """Tables in memory: `LakeDetailPort`; it fails with `failure` while that is set."""

    asked: list[str] = field(default_factory=list)
    failure: LakehouseError | None = None
    keys: int | None = 3
    note: str | None = None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure

    def schema(self, table: str) -> TableSchema:
        self._ask(f"schema {table}")
        fields = (
            SchemaField(1, "symbol", "string", True, "the pair", True),
            SchemaField(2, "window_start", "timestamptz", True, None, True),
            SchemaField(3, "close_price", "double", False, None, False),
        )
        specs = ("day(window_start)", "unpartitioned")
        return TableSchema(
            table, f"s3a://w/{table}", "uuid-1", 2, 4, fields, specs, "unsorted", (("write.upsert.enabled", "true"),)
        )

    def change(self, table: str, snapshot_id: int) -> SnapshotChange:
        self._ask(f"change {table} {at(snapshot_id)}")
        n = at(snapshot_id)
        snapshot = next(s for s in cockpits.history(table).snapshots if s.id == snapshot_id)
        closes = ValueChange("close_price", 100.0, 100.0 + n)
        candles = (
            CandleChange("added", "BTCUSDT", ago(60), (ValueChange("trade_count", None, 7),)),
            CandleChange("corrected", "ETHUSDT", ago(120), (closes, ValueChange("trade_count", 5, 6))),
            CandleChange("removed", "SOLUSDT", ago(180), (ValueChange("trade_count", 9, None),)),
        )
        candle_table = table == "agg_1m"
        return SnapshotChange(
            table, snapshot, snapshot_id - 1, FileCount(2, 45, 9400), FileCount(), FileCount(1, 22, 1500),
            FileCount(2, 23, 1800), FileCount(), self.keys if candle_table else None,
            candles if candle_table else (), self.note,
        )  # fmt: skip

    def files(self, table: str, snapshot_id: int | None = None) -> TableFiles:
        self._ask(f"files {table} {at(snapshot_id)}")
        files = (
            FileDetail("equality deletes", "00-b.parquet", 23, 900, 15, "window_start", ago(600), ago(60), ()),
            FileDetail(
                "data", "00-a.parquet", 45, 4700, 14, "window_start", ago(600), ago(60), (("symbol", "BTC", "SOL"),)
            ),
        )
        health = FileHealth(
            FileCount(124, 3000, 600_000), FileCount(123, 1400, 180_000), FileCount(124, 1800, 110_000), 100_000_000,
            124, 4838.7, 1.0, 247 / 124, "Many files: rewrite them.", True,
        )  # fmt: skip
        return TableFiles(table, snapshot_id or BASE + 15, 371, files, health)

    def rows(self, table: str, snapshot_id: int | None = None, limit: int = 200) -> RowSet:
        self._ask(f"rows {table} {at(snapshot_id)}")
        columns = (Column("raw", "string"), Column("kafka_partition", "int"), Column("kafka_time", "timestamptz"))
        rows = (
            (HOSTILE, "0", (NOW - timedelta(milliseconds=250)).isoformat(timespec="milliseconds")),
            (f"row of {at(snapshot_id)}", "1", None),
        )
        return RowSet(table, snapshot_id or BASE + 15, columns, rows)

    def candles_at(self, snapshot_id: int | None, symbol: str | None, limit: int) -> CandleSet:
        self._ask(f"candles {symbol} {at(snapshot_id)}")

        def one(minute: int) -> Candle:
            start = NOW.replace(second=0) - timedelta(minutes=minute)
            close = 1000.0 + at(snapshot_id) if minute else 900.0
            end = start + timedelta(minutes=1)
            return Candle(str(symbol), start, end, 1000.0, 1200.0, 800.0, close, 4.0, 7, 3.0, 1.0)

        return CandleSet(snapshot_id or BASE + 15, NOW, (one(2), one(1), one(0)))


@pytest.fixture
def lake() -> Lake:
    return Lake()


class Seen:
    """The screen, and what can be done with it."""

    def __init__(self, fake: Fake, app: LakehouseApp, pilot: Pilot[str]) -> None:
        self.fake, self.app, self.pilot = fake, app, pilot

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def flat(self) -> str:
        """The text as if no line had been broken."""
        return " ".join(self.text.split())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], object], what: str = "the condition") -> None:
        await cockpits.until(self.pilot, true, what)

    async def reads(self, *texts: str) -> None:
        for text in texts:
            await self.until(lambda text=text: text in self.text or text in self.flat, repr(text))

    async def no_longer(self, text: str) -> None:
        await self.until(lambda: text not in self.text, f"no {text!r}")

    @property
    def told(self) -> str:
        return " ".join(note.message for note in self.app._notifications)

    def rows_in_place(self) -> bool:
        """Whether the line that says what is awaited has gone, and the rows have moved up."""
        screen = self.app.screen
        return "000015" in self.text and self.focused.region.y == screen.query_one("#lake-tabs").region.bottom

    @property
    def focused(self) -> LakeTable:
        assert isinstance(self.app.focused, LakeTable)
        return self.app.focused


@asynccontextmanager
async def opened(
    lake: Lake | None, fake: Fake | None = None, size: tuple[int, int] = (80, 24), **values: object
) -> AsyncIterator[Seen]:
    fake = fake or Fake()
    port = None if lake is None else lambda: lake
    app = fake.app(lake_detail=port, refresh_interval_s=0.2, **values)
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await cockpits.until(pilot, lambda: isinstance(app.screen, IcebergScreen), "the screen")
        await cockpits.until(pilot, lambda: isinstance(app.focused, LakeTable), "the focus")
        yield Seen(fake, app, pilot)
    assert not fake.bugs, fake.bugs


# --- snapshots


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (120, 40), (200, 60)])
async def test_tables_and_snapshots_are_there_at_every_size(lake: Lake, size: tuple[int, int]) -> None:
    async with opened(lake, size=size) as seen:
        await seen.reads("agg_1m", "raw_trades", "bad_trades", "45.0k records", "000015", "24 s", "overwrite")
        if size[0] >= 80:
            await seen.reads("ckpt", "a1b2c3d4", "30 +2", "60 +4", "45.0k +3.0k" if size[0] < 200 else "45,000 +3,000")
        if size[0] >= 200:
            await seen.reads(str(BASE + 15), JOB_ID, "12:29:36")
        assert "[snapshots] schema  files  data" in seen.text


async def test_a_snapshot_opens_with_what_it_changed_and_closes_where_it_was(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("down", "enter")
        await seen.reads(f"Snapshot {BASE + 14} of agg_1m: overwrite, checkpoint 14", f"parent {BASE + 13}")
        await seen.reads(
            "+2 data files (45 rows, 9.4 kB)",
            "+2 equality delete files",
            "1 added, 1 corrected, 1 removed",
            "+ added      BTCUSDT",
            "~ corrected  ETHUSDT   12:28  trades 5 → 6 · close 100.00 → 114.00",
            "− removed    SOLUSDT",
        )
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, Record), "a candle in full")
        await seen.reads("BTCUSDT 2026-03-01 12:29:00: added", "trade_count")
        await seen.press("escape")
        await seen.press("escape")
        await seen.no_longer("parent")
        assert seen.focused.selected_key == str(BASE + 14)
        assert lake.asked == ["change agg_1m 14"]


async def test_an_opened_snapshot_can_be_stepped_to_its_neighbours(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("enter")
        await seen.reads("checkpoint 15")
        await seen.press("b", "b")
        await seen.reads("checkpoint 13", "100.00 → 113.00")
        await seen.press("n")
        await seen.reads("checkpoint 14")
        await seen.press("n", "n")
        await seen.until(lambda: "the newest snapshot" in seen.told)
        await seen.press(*"bbbbbb")
        await seen.until(lambda: "the oldest snapshot" in seen.told)
        await seen.reads("checkpoint 10")


async def test_what_is_left_out_is_said(lake: Lake) -> None:
    lake.note = "The newest 3 of 369 candles that it wrote."
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("enter")
        await seen.reads(lake.note)


async def test_a_table_without_keys_says_so_and_other_tables_follow(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("right", "enter")
        await seen.reads("of raw_trades: append", "in the table of candles only")


async def test_many_snapshots_are_listed_up_to_a_bound(lake: Lake, fake: Fake) -> None:
    history = cockpits.history("agg_1m")
    first = history.snapshots[0]
    older = tuple(replace(first, id=n + 1, sequence_number=n) for n in range(SNAPSHOTS + 4))
    fake.says["history.agg_1m"] = replace(history, snapshots=older + history.snapshots)
    async with opened(lake, fake) as seen:
        await seen.reads("The newest 300; 10 older ones by stepping (b).")
        assert seen.focused.row_count == SNAPSHOTS


async def test_ages_grow_while_cursor_and_rows_stay(lake: Lake, fake: Fake) -> None:
    async with opened(lake, fake) as seen:
        await seen.reads("24 s")
        await seen.press("down", "down")
        fake.now = ago(-10)
        await seen.reads("34 s")
        assert seen.focused.cursor_row == 2


# --- time travel


async def test_as_of_a_snapshot_and_back_to_now(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("down", "down", "a")
        await seen.reads("AS OF SNAPSHOT …000013 (2m 24s ago, checkpoint 13, 2 commits ago)", "N back to now")
        await seen.reads("[data]", "1,013.00")
        assert "candles BTCUSDT 13" in lake.asked
        await seen.press("b")
        await seen.reads("AS OF SNAPSHOT …000012", "1,012.00")
        await seen.press("n", "n")
        await seen.reads("AS OF SNAPSHOT …000014 (1m 24s ago, checkpoint 14, 1 commit ago)", "1,014.00")
        await seen.press("n")
        await seen.reads("now: snapshot …000015, 24 s ago", "1,015.00")
        assert "AS OF" not in seen.text
        await seen.press("b", "b")
        await seen.reads("AS OF SNAPSHOT …000013")
        await seen.press("N")
        await seen.no_longer("AS OF")
        await seen.reads("now: snapshot …000015")


async def test_files_too_are_those_of_the_snapshot_and_the_list_marks_it(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("down", "a", "shift+tab")
        await seen.reads("[files]", "AS OF SNAPSHOT …000014", "124 data files")
        assert "files agg_1m 14" in lake.asked
        await seen.press("shift+tab", "shift+tab")
        await seen.reads("[snapshots]", "AS OF SNAPSHOT …000014", "▶…000014")


async def test_every_table_keeps_its_own_moment(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("down", "a")
        await seen.reads("AS OF SNAPSHOT …000014")
        await seen.press("right")
        await seen.reads("row of 15")
        assert "AS OF" not in seen.text
        await seen.press("left")
        await seen.reads("AS OF SNAPSHOT …000014")


async def test_an_opened_snapshot_can_be_travelled_to(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("enter", "b")
        await seen.reads("checkpoint 14")
        await seen.press("a")
        await seen.reads("[data]", "AS OF SNAPSHOT …000014", "1,014.00")


async def test_without_a_snapshot_under_the_cursor_it_says_what_to_do(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.press("tab", "a")
        await seen.until(lambda: "Choose a snapshot first" in seen.told)


async def test_what_an_old_snapshot_holds_is_asked_once_and_now_again_and_again(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("down", "a")
        await seen.reads("1,014.00")
        await seen.until(lambda: seen.fake.asked.count("lag") > 20, "time goes by")
        assert lake.asked.count("candles BTCUSDT 14") == 1
        await seen.press("N")
        await seen.until(lambda: lake.asked.count("candles BTCUSDT 15") > 1)


async def test_a_new_commit_moves_now_and_not_an_older_moment(lake: Lake, fake: Fake) -> None:
    async with opened(lake, fake) as seen:
        await seen.reads("000015")
        await seen.press("down", "a")
        await seen.reads("1 commit ago")
        history = cockpits.history("agg_1m")
        newest = replace(history.snapshots[-1], id=BASE + 16, parent_id=BASE + 15, committed_at=NOW)
        fake.says["history.agg_1m"] = replace(history, snapshots=(*history.snapshots, newest), current_id=newest.id)
        await seen.reads("AS OF SNAPSHOT …000014", "2 commits ago")


async def test_a_snapshot_that_is_gone_says_how_to_go_back(lake: Lake, fake: Fake) -> None:
    async with opened(lake, fake) as seen:
        await seen.reads("000015")
        await seen.press("down", "a")
        await seen.reads("1,014.00")
        other = replace(cockpits.history("agg_1m").snapshots[-1], id=BASE + 99)
        fake.says["history.agg_1m"] = TableHistory("agg_1m", "s3a://w", 1, other.id, (other,))
        await seen.reads("AS OF SNAPSHOT …000014, which is gone from the table · N back to now")
        await seen.press("N")
        await seen.no_longer("AS OF")


# --- the other tabs


async def test_tabs_go_round_by_key_and_by_click(lake: Lake) -> None:
    async with opened(lake) as seen:
        for tab in ("[schema]", "[files]", "[data]", "[snapshots]"):
            await seen.press("tab")
            await seen.reads(tab)
        await seen.press("shift+tab")
        await seen.reads("[data]")
        await seen.pilot.click("#lake-tabs", offset=(14, 0))
        await seen.reads("[schema]")


async def test_the_schema_in_words(lake: Lake) -> None:
    async with opened(lake, size=(80, 40)) as seen:
        await seen.press("tab")
        await seen.reads(
            "window_start  timestamptz  required  key", "symbol: the pair", "key         symbol, window_start",
            "partitions  day(window_start) (older files: unpartitioned)", "Iceberg version 2, schema 4",
            "write.upsert.enabled = true", "s3a://w/agg_1m",
        )  # fmt: skip


async def test_files_with_their_health_and_one_in_full(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.press("tab", "tab")
        await seen.reads(
            "124 data files, 600 kB: 4.8 kB on average, 100% small (below 100 MB)",
            "2.0 per data file · listed: the",
            "newest 2 of 371",
            "! Many files: rewrite them.",
            "eq. deletes",
            "12:20 – 12:29  BTC–SOL",
        )
        await seen.press("down", "enter")
        await seen.reads("00-a.parquet", "sequence number 14", "4,700 bytes", "BTC – SOL")
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, IcebergScreen))


async def test_candles_of_the_symbol(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.press("shift+tab")
        await seen.reads("candles of BTCUSDT, now: snapshot …000015", "▲ 1,015.00", "▼ 900.00", "75%")
        lines = [line for line in seen.text.splitlines() if "1,200.00" in line]
        assert [line.split()[0] for line in lines] == ["12:30", "12:29", "12:28"]
        await seen.press("right_square_bracket")
        await seen.reads("candles of ETHUSDT")
        await seen.press("enter")
        await seen.reads("ETHUSDT 2026-03-01 12:30:00", "window_end", "trade_count")


async def test_rows_are_plain_text_whatever_they_hold(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.press("right", "right", "shift+tab")
        await seen.reads("the newest 2 rows", '12:29:59.750  [red]x[/]�[31m"', "row of 15", "null")
        await seen.press("enter")
        await seen.reads("row of bad_trades", "kafka_partition", '[red]x[/]�[31m"', "2026-03-01 12:29:59.750")


async def test_a_table_is_chosen_by_click(lake: Lake) -> None:
    for size in ((80, 24), (200, 60)):
        async with opened(lake, size=size) as seen:
            await seen.reads("▶ agg_1m")
            if size[0] >= 120:
                await seen.until(lambda seen=seen: screen_text(seen.app).count("6 snapshots,") == 3, "three cards")
            await seen.pilot.click("#lake-tables", offset=(8, 2 if size[0] < 120 else 12))
            await seen.reads("▶ bad_trades")


async def test_a_second_click_on_a_row_opens_it(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.until(seen.rows_in_place, "no line between the views' names and the rows")
        await seen.pilot.click(LakeTable, offset=(10, 2))
        assert seen.focused.selected_key == str(BASE + 14)
        await seen.pilot.click(LakeTable, offset=(10, 2))
        await seen.reads(f"Snapshot {BASE + 14} of agg_1m")


async def test_escape_and_q_go_back_to_the_dashboard(lake: Lake) -> None:
    for key in ("escape", "q"):
        async with opened(lake) as seen:
            await seen.press(key)
            await seen.until(lambda: not isinstance(seen.app.screen, IcebergScreen), "the dashboard")


# --- what can go wrong


async def test_a_table_that_does_not_exist_yet_hides_no_other(lake: Lake, fake: Fake) -> None:
    good = fake.says["history.bad_trades"]
    fake.says["history.bad_trades"] = NotFoundError("Table bad_trades does not exist yet: submit the job first.")
    lake.failure = NotFoundError("Table bad_trades does not exist yet: submit the job first.")
    async with opened(lake, fake) as seen:
        await seen.reads("bad_trades  ! Table bad_trades does not exist yet: submit the job first.", "45.0k records")
        await seen.press("left")
        await seen.reads("▶ bad_trades")
        assert seen.text.count("does not exist yet") == 2
        for _ in range(3):
            await seen.press("tab")
            await seen.until(lambda: seen.text.count("does not exist yet") == 2)
        lake.failure, fake.says["history.bad_trades"] = None, good
        await seen.reads("row of 15")


async def test_a_table_without_a_snapshot_says_when_the_first_one_comes(lake: Lake, fake: Fake) -> None:
    for table in ("agg_1m", "bad_trades"):
        fake.says[f"history.{table}"] = TableHistory(table, "s3a://w", 1, None, ())
    async with opened(lake, fake) as seen:
        await seen.reads("checkpoint with trades makes one", "checkpoint with a bad or too late", "k: checkpoint")
        await seen.reads("agg_1m has no snapshot yet: the first checkpoint with trades makes one")
        await seen.press("b")
        await seen.until(lambda: "agg_1m has no snapshot to go to" in seen.told)
        await seen.press("a", "enter")


async def test_s3_away_keeps_what_was_known_marked_stale_and_recovers(lake: Lake, fake: Fake) -> None:
    good = fake.says["history.agg_1m"]
    away = UnavailableError("S3 at http://127.0.0.1:9000 does not answer within 3 s: see whether it runs.")
    async with opened(lake, fake) as seen:
        await seen.press("tab", "tab")
        await seen.reads("124 data files")
        lake.failure = fake.says["history.agg_1m"] = away
        fake.now = ago(-30)
        await seen.reads(
            "! S3 at http://127.0.0.1:9000 does not answer", "shown is what was known then", "124 data files"
        )
        await seen.press("shift+tab", "shift+tab")
        await seen.reads("! S3 at http://127.0.0.1:9000 does not answer", "000015", "6 snapshots ! stale")
        lake.failure, fake.says["history.agg_1m"] = None, good
        await seen.no_longer("does not answer")
        await seen.press("tab", "tab")
        await seen.no_longer("shown is what was known then")


async def test_s3_stopped_says_which_key_starts_it(lake: Lake, fake: Fake) -> None:
    lake.failure = UnavailableError("S3 refuses the connection.")
    fake.says |= {"services": services(ServiceState.STOPPED), "history.agg_1m": lake.failure}
    async with opened(lake, fake) as seen:
        await seen.reads("! S3 is stopped. u starts it.")
    async with opened(lake, fake, read_only=True) as seen:
        await seen.reads("! S3 is stopped.")
        assert "starts it" not in seen.text


async def test_half_written_metadata_is_one_sentence(lake: Lake, fake: Fake) -> None:
    sentence = "The metadata of table agg_1m (v15.metadata.json) is damaged: it is not valid JSON."
    fake.says["history.agg_1m"] = UnavailableError(sentence)
    async with opened(lake, fake) as seen:
        await seen.reads("! " + sentence, "45.0k records")
    async with opened(lake, fake, size=(200, 60)) as seen:
        await seen.reads("! " + sentence, "agg_1m (v15.metadata.json) is", "damaged: it is not valid JSON.")


async def test_before_the_first_answer_it_waits(fake: Fake) -> None:
    fake.says = {}
    lake = Lake()
    async with opened(lake, fake) as seen:
        await seen.reads("Waiting for an answer …")
        await seen.press("enter", "a", "b", "N", "escape")


async def test_paused_says_why_nothing_new_comes(lake: Lake) -> None:
    async with opened(lake) as seen:
        await seen.reads("000015")
        await seen.press("space", "tab")
        await seen.reads("Paused; space goes on.")
        await seen.press("space")
        await seen.reads("timestamptz")


async def test_where_tables_cannot_be_opened_it_says_so(fake: Fake) -> None:
    async with opened(None, fake) as seen:
        await seen.reads("000015")
        await seen.press("tab")
        await seen.reads("Not known here: the tables cannot be opened.")
        await seen.press("tab", "tab", "tab")
        await seen.reads("000015")
        await seen.press("enter")
        await seen.reads("Not known here: the tables cannot be opened.")


async def test_what_a_recording_holds_is_shown_without_any_table(lake: Lake, fake: Fake) -> None:
    fake.says |= {
        "iceberg.files:agg_1m:now": lake.files("agg_1m"),
        "iceberg.rows:raw_trades:now": lake.rows("raw_trades"),
    }
    async with opened(None, fake) as seen:
        await seen.press("tab", "tab")
        await seen.reads("124 data files")
        await seen.press("tab", "right")
        await seen.reads("row of 15")


async def test_remapped_keys_are_named_as_they_are(lake: Lake) -> None:
    async with opened(lake, keys={"lake_now": "f9", "lake_older": "f7"}) as seen:
        await seen.reads("000015")
        await seen.press("down", "a")
        await seen.reads("f9 back to now", "f7 older")
        await seen.press("f7")
        await seen.reads("AS OF SNAPSHOT …000013")
        await seen.press("f9")
        await seen.no_longer("AS OF")


async def test_nothing_is_redrawn_while_nothing_changes(
    lake: Lake, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(lake, fake) as seen:
        await seen.reads("000015")
        await seen.press("shift+tab")
        await seen.reads("1,015.00")
        touched: list[str] = []
        for name in ("update_cell", "add_row", "clear"):
            monkeypatch.setattr(DataTable, name, lambda *_, name=name, **__: touched.append(name))
        fake.asked.clear()
        await seen.until(lambda: fake.asked.count("lag") > 10, "time goes by")
        assert touched == []


def test_the_moments_of_the_fakes_are_what_the_texts_expect() -> None:
    newest: Snapshot = cockpits.history("agg_1m").snapshots[-1]
    assert (newest.id, newest.checkpoint_id) == (BASE + 15, 15)
    assert isinstance(newest.committed_at, datetime)
