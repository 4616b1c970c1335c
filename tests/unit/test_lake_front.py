"""Where the tables end: by stamp, by partition, over restarts, and with as few files read as possible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lake_writer import CANDLES, RAW, Row, Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.front import LakeFront
from tui.model.errors import UnavailableError
from tui.model.live import Edge, Edges, Front

MINUTE = 1_700_000_040_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JOB, OTHER, THIRD = "a" * 32, "b" * 32, "c" * 32


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def trade(partition: int, offset: int, ts: int = MINUTE, price: float = 1.0, symbol: str = "A") -> Row:
    return {
        "symbol": symbol, "ts": ts, "price": price, "qty": 1.0, "side": "BUY", "event_time": at(ts),
        "kafka_partition": partition, "kafka_offset": offset,
    }  # fmt: skip


def candle(count: int, minute: int = MINUTE, symbol: str = "A") -> Row:
    prices = dict.fromkeys(("open_price", "high_price", "low_price", "close_price"), 1.0)
    sums = {"total_qty": float(count), "buy_qty": float(count), "sell_qty": 0.0}
    start = at(minute)
    return {
        "symbol": symbol, "window_start": start, "window_end": start + timedelta(minutes=1),
        "trade_count": count, **prices, **sums,
    }  # fmt: skip


class Lake:
    """Both tables, committed as the job does it, and a reader that counts the files it opens."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw = Writer.create(f"{root}/db/raw_trades", RAW)
        self.agg = Writer.create(f"{root}/db/agg_1m", CANDLES)
        self.client = LakeClient(str(root), "db")
        self.opened: list[str] = []
        batches = self.client.batches

        def counted(table, file, columns):  # type: ignore[no-untyped-def]
            self.opened.append(file.uri)
            return batches(table, file, columns)

        self.client.batches = counted  # type: ignore[method-assign]
        self.reader = LakeFront(self.client)

    def trades(self, checkpoint: int, rows: Sequence[Row], job: str = JOB) -> None:
        self.raw.commit(data=[rows] if rows else [], checkpoint=checkpoint, job=job)

    def candles(self, checkpoint: int, rows: Sequence[Row], job: str = JOB) -> None:
        keys = [{k: r[k] for k in ("symbol", "window_start")} for r in rows]
        self.agg.commit([rows], [(["symbol", "window_start"], keys)], checkpoint=checkpoint, job=job)

    def both(self, checkpoint: int, trades: Sequence[Row], candles: Sequence[Row], job: str = JOB) -> None:
        self.trades(checkpoint, trades, job)
        self.candles(checkpoint, candles, job)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_nothing_is_committed(tmp_path: Path) -> None:
    assert LakeFront(LakeClient(str(tmp_path), "db")).front() == Front()
    lake = Lake(tmp_path)
    assert lake.reader.front() == Front()
    lake.candles(1, [candle(1)])  # the trades of the first checkpoint are not there yet
    assert lake.reader.front() == Front()
    assert lake.reader.candles(Front(), "A", 5).candles == ()
    assert lake.reader.edges(Front(), 0) == {}


def test_the_end_of_each_partition_and_the_newest_trade(lake: Lake) -> None:
    lake.both(1, [trade(0, 4, MINUTE + 9), trade(2, 70, MINUTE + 5), trade(0, 5, MINUTE + 2)], [candle(3)])
    found = lake.reader.front()
    assert found.next_offsets == {0: 6, 2: 71}
    assert found.highest_ts == {0: MINUTE + 9, 2: MINUTE + 5}
    assert found.newest_ts == at(MINUTE + 9)
    assert (found.checkpoint_id, found.job_id) == (1, JOB)
    assert lake.reader.candles(found, "A", 5).candles[0].trade_count == 3
    assert not lake.reader.candles(found, "B", 5).candles


@pytest.mark.parametrize("ahead", ["raw_trades", "agg_1m"])
def test_between_the_commits_of_one_checkpoint_the_one_before_holds(lake: Lake, ahead: str) -> None:
    lake.both(1, [trade(0, 0)], [candle(1)])
    if ahead == "raw_trades":
        lake.trades(2, [trade(0, 1)])
    else:
        lake.candles(2, [candle(2)])
    found = lake.reader.front()
    assert (found.checkpoint_id, found.next_offsets) == (1, {0: 1})
    assert [c.trade_count for c in lake.reader.candles(found, "A", 5).candles] == [1]
    if ahead == "raw_trades":
        lake.candles(2, [candle(2)])
    else:
        lake.trades(2, [trade(0, 1)])
    found = lake.reader.front()
    assert (found.checkpoint_id, found.next_offsets) == (2, {0: 2})
    assert [c.trade_count for c in lake.reader.candles(found, "A", 5).candles] == [2]


def test_only_new_files_are_read(lake: Lake) -> None:
    for checkpoint in range(1, 6):
        at_ms = MINUTE + checkpoint
        lake.both(checkpoint, [trade(0, checkpoint, at_ms), trade(1, checkpoint, at_ms)], [candle(checkpoint)])
    assert lake.reader.front(frozenset({0, 1})).next_offsets == {0: 6, 1: 6}
    assert len(lake.opened) == 1
    assert lake.reader.front() is lake.reader.front()
    lake.both(6, [trade(0, 6)], [candle(6)])
    assert lake.reader.front(frozenset({0, 1})).next_offsets == {0: 7, 1: 6}
    assert len(lake.opened) == 2


def test_a_silent_partition_is_looked_for_only_on_request(lake: Lake) -> None:
    lake.both(1, [trade(0, 8), trade(2, 0)], [candle(2)])
    for checkpoint in range(2, 6):
        lake.both(checkpoint, [trade(0, 8 + checkpoint), trade(2, checkpoint)], [candle(9)])
    lake.both(6, [trade(2, 6)], [candle(9)])
    found = lake.reader.front()
    assert (found.next_offsets, found.complete) == ({2: 7}, False)
    assert len(lake.opened) == 1
    assert lake.reader.front(frozenset({0})).next_offsets == {0: 14, 2: 7}
    assert len(lake.opened) == 2
    found = lake.reader.front(frozenset({0, 1}))  # partition 1 holds no trade: all is read, once
    assert (found.next_offsets, found.complete) == ({0: 14, 2: 7}, True)
    assert len(lake.opened) == 6
    lake.both(7, [trade(2, 7)], [candle(9)])
    found = lake.reader.front(frozenset({0, 1, 3}))
    assert (found.next_offsets, found.complete) == ({0: 14, 2: 8}, True)
    assert len(lake.opened) == 7


def test_the_newest_ts_of_a_partition_may_be_in_an_older_commit(lake: Lake) -> None:
    lake.both(1, [trade(0, 0, MINUTE + 50_000)], [candle(1)])
    lake.both(2, [trade(0, 1, MINUTE)], [candle(2)])
    assert lake.reader.front().highest_ts == {0: MINUTE + 50_000}
    assert lake.reader.front().newest_ts == at(MINUTE + 50_000)


def test_a_restored_job_goes_on_where_the_other_one_ended(lake: Lake) -> None:
    lake.both(1, [trade(0, 0), trade(1, 5)], [candle(2)])
    lake.reader.front()
    lake.both(2, [trade(0, 1)], [candle(3)], job=OTHER)
    for reader in (lake.reader, LakeFront(lake.client)):
        found = reader.front(frozenset({0, 1}))
        assert (found.next_offsets, found.job_id) == ({0: 2, 1: 6}, OTHER)
        assert (found.candles_after, found.trades_after) == (0, 0)


def fresh(lake: Lake, late: int = MINUTE + 60_000) -> None:
    lake.both(1, [trade(0, 0), trade(1, 0)], [candle(2)])
    lake.both(2, [trade(0, 1, late), trade(1, 1)], [candle(3), candle(1, MINUTE + 60_000)])
    lake.reader.front()
    lake.both(1, [trade(0, 0)], [candle(1)], job=OTHER)


def test_a_job_that_started_anew_leaves_older_rows_behind(lake: Lake) -> None:
    fresh(lake)
    for reader in (lake.reader, LakeFront(lake.client)):
        found = reader.front(frozenset({0, 1}))
        assert (found.next_offsets, found.complete) == ({0: 1}, True), "partition 1 was not read again yet"
        assert found.newest_ts == at(MINUTE)
        assert [c.trade_count for c in reader.candles(found, "A", 5).candles] == [1]
        edge = Edge(MINUTE, 0, 0, 1.0)
        assert reader.edges(found, 0) == {("A", MINUTE): Edges(edge, edge)}


def test_a_job_restored_from_one_that_started_anew(lake: Lake) -> None:
    fresh(lake, MINUTE)
    lake.both(2, [trade(1, 0)], [candle(2)], job=THIRD)
    for reader in (lake.reader, LakeFront(lake.client)):
        found = reader.front(frozenset({0, 1}))
        assert found.next_offsets == {0: 1, 1: 1}
        assert [c.trade_count for c in reader.candles(found, "A", 5).candles] == [2]


def test_a_table_made_anew(lake: Lake, tmp_path: Path) -> None:
    lake.both(1, [trade(0, 7)], [candle(1)])
    assert lake.reader.front().next_offsets == {0: 8}
    (tmp_path / "db" / "raw_trades").rename(tmp_path / "old_raw")
    (tmp_path / "db" / "agg_1m").rename(tmp_path / "old_agg")
    assert lake.reader.front() == Front()
    again = Lake(tmp_path)
    again.both(1, [trade(0, 2)], [candle(1)])
    assert lake.reader.front().next_offsets == {0: 3}


def test_without_a_common_stamp_it_says_so(lake: Lake) -> None:
    lake.trades(1, [trade(0, 0)])
    lake.candles(2, [candle(1)])
    with pytest.raises(UnavailableError, match="next checkpoint"):
        lake.reader.front()


def test_a_commit_without_a_stamp_changes_nothing(lake: Lake) -> None:
    lake.both(1, [trade(0, 0)], [candle(1)])
    lake.agg.commit()
    found = lake.reader.front()
    assert (found.checkpoint_id, found.next_offsets) == (1, {0: 1})


def test_edges_are_by_ts_then_partition_then_offset_and_within_the_span(lake: Lake) -> None:
    rows = [
        trade(1, 5, MINUTE + 7, 10.0), trade(0, 9, MINUTE + 7, 20.0), trade(0, 10, MINUTE + 7, 30.0),
        trade(2, 1, MINUTE + 7, 40.0), trade(0, 1, MINUTE - 1, 50.0), trade(0, 2, MINUTE + 60_000, 60.0),
        trade(0, 3, MINUTE + 8, 70.0, "B"),
    ]  # fmt: skip
    lake.both(1, rows[:3], [candle(3)])
    lake.both(2, rows[3:], [candle(7)])
    front = lake.reader.front()
    assert lake.reader.edges(front, MINUTE, MINUTE + 60_000) == {
        ("A", MINUTE): Edges(Edge(MINUTE + 7, 0, 9, 20.0), Edge(MINUTE + 7, 2, 1, 40.0)),
        ("B", MINUTE): Edges(Edge(MINUTE + 8, 0, 3, 70.0), Edge(MINUTE + 8, 0, 3, 70.0)),
    }
    assert len(lake.reader.edges(front, 0)) == 4
