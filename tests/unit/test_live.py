"""Live candles over fake tables and a fake topic: joining, following commits, starting anew, and what is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tui.core import live, seam
from tui.core.live import LiveCandles
from tui.core.seam import plan
from tui.model.candles import Candle, CandleSet
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.live import Edge, Edges, Front, LiveView, MinuteKey, TailBatch, Trade

START = 28_000_000 * 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def trade(offset: int, ts: int = START, price: float = 10.0, symbol: str = "A", partition: int = 0) -> Trade:
    return (partition, offset, ts, symbol, price, 1.0)


def row(count: int, price: float = 10.0, minute: int = START, symbol: str = "A") -> Candle:
    prices = (price, price, price, price)
    return Candle(symbol, at(minute), at(minute + 60_000), *prices, float(count), count, float(count), 0.0)


class Tables:
    """The tables at one checkpoint after another."""

    def __init__(self) -> None:
        self.now = Front()
        self.rows: dict[tuple[int | None, str], tuple[Candle, ...]] = {}
        self.edges_of: dict[MinuteKey, Edges] = {}
        self.searched: list[frozenset[int]] = []
        self.error: Exception | None = None
        self.looks = 0

    def commit(self, ends: Mapping[int, int], *rows: Candle, complete: bool = True, **changes: object) -> None:
        number = (self.now.snapshot_id or 0) + 1
        for symbol in {c.symbol for c in rows}:
            self.rows[number, symbol] = tuple(c for c in rows if c.symbol == symbol)
        front = Front(number, number, "job", at(START + 999), ends, complete=complete, trades_snapshot_id=number)
        self.now = replace(front, **changes)  # type: ignore[arg-type]

    def front(self, search: frozenset[int] = frozenset()) -> Front:
        self.looks += 1
        self.searched.append(search)
        if self.error is not None:
            raise self.error
        return self.now if not search else replace(self.now, complete=True)

    def candles(self, front: Front, symbol: str, limit: int) -> CandleSet:
        return CandleSet(front.snapshot_id, EPOCH, self.rows.get((front.snapshot_id, symbol), ())[-limit:])

    def edges(self, front: Front, since_ms: int, before_ms: int | None = None) -> Mapping[MinuteKey, Edges]:
        return {k: v for k, v in self.edges_of.items() if k[1] >= since_ms and (before_ms is None or k[1] < before_ms)}


class Tail:
    """A topic of up to three partitions; it is read as soon as it is asked."""

    def __init__(self) -> None:
        self.topic: dict[int, list[Trade]] = {0: []}
        self.low: dict[int, int] = {}
        self.starts: list[dict[int, int]] = []
        self.positions: dict[int, int] = {}
        self.error: str | None = None
        self.lost = False
        self.ends_error: Exception | None = None
        self.asked = threading.Event()
        self.closed = False

    def write(self, *trades: Trade) -> None:
        for one in trades:
            self.topic.setdefault(one[0], []).append(one)

    def ends(self) -> Mapping[int, tuple[int, int]]:
        if self.ends_error is not None:
            raise self.ends_error
        return {p: (self.low.get(p, 0), self._high(p)) for p in self.topic}

    def _high(self, partition: int) -> int:
        found = self.topic[partition]
        return found[-1][1] + 1 if found else self.low.get(partition, 0)

    def start(self, offsets: Mapping[int, int], highest_ts: Mapping[int, int]) -> None:
        self.starts.append(dict(offsets))
        self.positions = dict(offsets)
        self.lost = False

    def poll(self, timeout_s: float) -> TailBatch:
        self.asked.wait(timeout_s / 20)
        trades = tuple(t for p, o in self.positions.items() for t in self.topic[p] if t[1] >= o)
        for partition in self.positions:
            self.positions[partition] = max(self.positions[partition], self._high(partition))
        firsts = dict.fromkeys(self.positions, START)
        return TailBatch(trades, dict(self.positions), firsts, dict(self.positions), self.error, self.lost)

    def close(self) -> None:
        self.closed = True


class World:
    """Both halves, and a clock that goes a hundred times as fast as they wait."""

    def __init__(self, most: int = 1_000) -> None:
        self.tables, self.tail = Tables(), Tail()
        self.time = 0.0
        self.candles = LiveCandles(self.tail, self.tables, most=most, clock=self.clock)

    def clock(self) -> float:
        self.time += 0.01
        return self.time

    def until(self, condition: Callable[[LiveView], object], symbol: str = "A") -> LiveView:
        for _ in range(300):
            view = self.candles.fetch(symbol)
            if condition(view):
                return view
        pytest.fail(f"never came; last: {view}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(seam, "LOOK_S", 0.01)
    found = World()
    yield found
    found.candles.close()


def counts(view: LiveView) -> list[tuple[int, str]]:
    return [(c.trade_count, c.source) for c in view.candles]


def test_the_tail_alone_before_the_first_checkpoint(world: World) -> None:
    world.tail.write(trade(0), trade(1, price=12.0))
    view = world.until(lambda v: v.candles)
    assert counts(view) == [(2, "live")]
    assert (view.snapshot_id, view.newest_committed_at, view.newest_at) == (None, None, at(START))
    assert (view.last_price, view.change, view.tail, view.behind, view.note) == (12.0, pytest.approx(0.2), 2, 2, None)
    assert view.prices == {"A": 12.0}


def test_a_commit_takes_trades_out_of_the_tail_at_the_same_moment(world: World) -> None:
    world.tables.commit({0: 2}, row(2))
    world.tail.write(*(trade(o) for o in range(5)))
    world.tables.edges_of = {("A", START): Edges(Edge(START, 0, 0, 10.0), Edge(START, 0, 1, 10.0))}
    view = world.until(lambda v: v.tail == 3)
    assert counts(view) == [(5, "live")]
    world.tables.commit({0: 4}, row(4))
    view = world.until(lambda v: v.checkpoint_id == 2)
    assert (counts(view), view.tail, view.behind) == ([(5, "live")], 1, 1)
    world.tables.commit({0: 5}, row(5))
    view = world.until(lambda v: v.checkpoint_id == 3)
    assert (counts(view), view.tail, view.behind) == ([(5, "committed")], 0, 0)
    assert world.tail.starts == [{0: 2}], "it went on reading"


def test_a_late_trade_in_the_tail_corrects_the_candle_of_its_minute(world: World) -> None:
    later = START + 5 * 60_000
    world.tables.commit({0: 3}, row(2), row(1, 11.0, later))
    known = Edges(Edge(START + 5, 0, 0, 10.0), Edge(START + 900, 0, 1, 10.0))
    world.tables.edges_of = {("A", START): known, ("A", later): Edges(*[Edge(later, 0, 2, 11.0)] * 2)}
    view = world.until(lambda v: v.settled and v.candles)
    assert counts(view) == [(2, "committed"), (1, "committed")]
    world.tail.write(trade(3, START + 500, 14.0), trade(4, START + 950, 9.0))
    view = world.until(lambda v: v.tail == 2 and v.settled)
    late, newest = view.candles
    assert (late.open_price, late.high_price, late.low_price, late.close_price) == (10.0, 14.0, 9.0, 9.0)
    assert (late.trade_count, late.total_qty, late.source) == (4, 4.0, "live")
    assert (newest.close_price, newest.source) == (11.0, "committed")
    world.tail.write(trade(5, START + 1, 7.0))
    view = world.until(lambda v: v.tail == 3 and v.settled)
    assert (view.candles[0].open_price, view.candles[0].low_price, view.candles[0].close_price) == (7.0, 7.0, 9.0)


def test_the_tail_keeps_no_more_than_it_may_and_says_from_when_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam, "LOOK_S", 0.01)
    world = World(most=30)
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0), trade(1))
    assert world.until(lambda v: v.tail == 1).live_from is None
    for minute in range(1, 20):
        world.tail.write(*(trade(10 * minute + n, START + minute * 60_000 + n) for n in range(10)))
        view = world.until(lambda v, seen=10 * minute + 10: v.behind == seen - 1)
        assert view.tail is not None
        assert view.tail <= 30
    assert view.live_from is not None
    assert view.live_from >= at(START + 17 * 60_000)
    live = [c for c in view.candles if c.source == "live"]
    assert live
    assert all(c.trade_count == 10 and c.window_start >= view.live_from for c in live)
    world.candles.close()


def test_first_and_last_trades_of_a_committed_minute_are_learned(world: World) -> None:
    world.tables.commit({0: 2}, row(2))
    world.tables.edges_of = {("A", START): Edges(Edge(START + 5, 0, 0, 8.0), Edge(START + 900, 0, 1, 9.0))}
    world.tail.write(trade(2, START + 10, 20.0), trade(3, START + 6, 30.0))
    view = world.until(lambda v: v.candles and v.candles[0].close_price == 9.0)
    assert view.candles[0].open_price == 8.0
    assert (view.candles[0].high_price, view.candles[0].low_price) == (30.0, 10.0)


def test_a_silent_partition_is_looked_for_before_the_tail_starts(world: World) -> None:
    world.tables.commit({0: 1}, row(1), complete=False)
    world.tail.write(trade(0), trade(0, partition=1))
    world.tail.topic[2] = []
    view = world.until(lambda v: v.tail == 1)
    assert view.note is None
    assert frozenset({1}) in world.tables.searched
    assert world.tail.starts == [{0: 1, 1: 0, 2: 0}]


@pytest.mark.parametrize("change", [{"candles_after": 5}, {}])
def test_a_job_that_started_anew(world: World, change: dict[str, object]) -> None:
    world.tables.commit({0: 4}, row(4))
    world.tail.write(*(trade(o) for o in range(6)))
    assert counts(world.until(lambda v: v.tail == 2)) == [(6, "live")]
    world.tables.commit({0: 1} if not change else {0: 5}, row(1), **change)
    view = world.until(lambda v: v.checkpoint_id == 2 and v.tail)
    assert counts(view) == ([(6, "live")] if not change else [(2, "live")])
    assert len(world.tail.starts) == 2


def test_tables_that_are_away_leave_the_tail_going(world: World) -> None:
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0), trade(1))
    world.until(lambda v: v.tail == 1)
    world.tables.error = UnavailableError("S3 is away.")
    world.tail.write(trade(2))
    view = world.until(lambda v: v.note)
    assert (view.note, counts(view)) == ("S3 is away.", [(3, "live")])
    world.tables.error = None
    assert counts(world.until(lambda v: not v.note)) == [(3, "live")]


def test_tables_that_were_never_read_are_an_error(world: World) -> None:
    world.tables.error = UnavailableError("S3 is away.")
    with pytest.raises(UnavailableError, match="S3 is away"):
        world.until(lambda v: False)
    world.tables.error = None
    world.tail.write(trade(0))
    assert counts(world.until(lambda v: v.candles)) == [(1, "live")]


def test_kafka_that_is_away_leaves_the_committed_candles(world: World) -> None:
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0))
    world.tail.ends_error = NotFoundError("There is no topic.")
    view = world.until(lambda v: v.note == "There is no topic.")
    assert (counts(view), view.tail, view.behind, view.rate) == ([(1, "committed")], None, None, None)
    world.tail.ends_error = None
    world.tail.write(trade(1))
    assert counts(world.until(lambda v: v.tail == 1)) == [(2, "live")]
    world.tail.error = "Kafka does not answer."
    world.tail.write(trade(2))
    view = world.until(lambda v: v.tail == 2)
    assert (view.note, counts(view)) == ("Kafka does not answer.", [(3, "live")])


def test_a_tail_that_lost_its_place_starts_anew(world: World) -> None:
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0), trade(1))
    world.until(lambda v: v.tail == 1)
    world.tail.low = {0: 2}
    world.tail.topic[0] = [trade(2)]
    world.tail.lost = True
    view = world.until(lambda v: len(world.tail.starts) == 2 and v.tail == 1)
    assert world.tail.starts[1] == {0: 2}
    assert view.live_from == at(START + 60_000), "offset 1 is nowhere any more"
    assert counts(view) == [(1, "committed")]


def test_a_topic_made_anew_is_told(world: World) -> None:
    world.tables.commit({0: 7}, row(7))
    world.tail.write(trade(0))
    view = world.until(lambda v: v.note and "made anew" in v.note)
    assert "Partition 0 of the topic ends at 1, the tables hold it up to 7" in (view.note or "")
    assert counts(view) == [(7, "committed")]


def test_far_behind_the_tail_begins_near_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam, "LOOK_S", 0.01)
    world = World(most=10)
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0), *(trade(o) for o in range(1, 90)))
    world.tail.write(*(trade(o, START + 60_000 + o) for o in range(90, 101)))
    view = world.until(lambda v: v.behind == 100 and v.live_from)
    assert world.tail.starts == [{0: 91}]
    assert view.live_from == at(START + 60_000)
    assert counts(view) == [(1, "committed"), (10, "live")]
    world.candles.close()
    assert world.tail.closed


def test_plan_shares_what_may_be_read() -> None:
    front = Front(1, next_offsets={0: 100, 1: 0})
    found = plan(front, {0: (0, 400), 1: (0, 100), 2: (7, 7)}, 40)
    assert found.starts == {0: 370, 1: 90, 2: 7}
    assert plan(front, {0: (150, 400), 1: (0, 0)}, 1_000).starts == {0: 150, 1: 0}


def test_the_tail_starts_anew_rather_than_read_what_is_committed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SKIP", 3)
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0))
    world.until(lambda v: v.tail == 0)
    world.tail.poll = lambda timeout_s: TailBatch((), {0: 1})  # type: ignore[method-assign]
    world.tail.write(*(trade(o) for o in range(1, 9)))
    world.tables.commit({0: 8}, row(8))
    world.until(lambda v: len(world.tail.starts) == 2)
    assert world.tail.starts[1] == {0: 8}


def test_another_symbol_is_of_the_same_snapshot(world: World) -> None:
    world.tables.commit({0: 2}, row(1), row(1, symbol="B"))
    world.tail.write(trade(0), trade(1, symbol="B"), trade(2, symbol="B"))
    world.until(lambda v: v.tail == 1)
    assert counts(world.until(lambda v: v.candles, "B")) == [(2, "live")]
    assert counts(world.until(lambda v: v.candles and v.symbol == "A")) == [(1, "committed")]


def test_nothing_new_is_the_same_view(world: World) -> None:
    world.tables.commit({0: 1}, row(1))
    world.tail.write(trade(0))
    world.until(lambda v: v.tail == 0 and v.rate == 0)
    assert world.candles.fetch("A") is world.candles.fetch("A")


def test_views_are_not_pushed_faster_than_four_a_second(world: World) -> None:
    world.tables.commit({0: 0})
    world.until(lambda v: v.tail == 0)
    pushed = []
    for offset in range(40):
        world.tail.write(trade(offset))
        before = world.time
        if world.candles.fetch("A") is not None:
            pushed.append(world.time - before)
    assert min(pushed) >= 0.2


def test_nobody_asks_when_nobody_looks(world: World) -> None:
    world.until(lambda v: v.tail == 0)
    world.time += 60
    for thread in threading.enumerate():
        if thread.name == "live-tables":
            thread.join(5)
    assert not [t for t in threading.enumerate() if t.name == "live-tables"]
    world.tail.write(trade(0))
    assert counts(world.until(lambda v: v.candles)) == [(1, "live")]


def test_a_bug_in_the_background_reaches_whoever_fetches(world: World) -> None:
    world.tables.error = ZeroDivisionError("bug")
    with pytest.raises(ZeroDivisionError):
        world.until(lambda v: False)
