"""Committed candles and the tail as one: beside a recomputation from all trades, in every order of events."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui.core.book import LiveBook
from tui.model.candles import Candle
from tui.model.live import MINUTE_MS, Edge, Edges, Front, MinuteKey, TailBatch, Trade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = 28_000_000 * MINUTE_MS
SYMBOLS = ("A", "B")
LIMIT = 60


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def grouped(trades: Iterable[Trade]) -> dict[MinuteKey, list[Trade]]:
    minutes: dict[MinuteKey, list[Trade]] = defaultdict(list)
    for trade in sorted(trades, key=lambda t: (t[2], t[0], t[1])):
        minutes[trade[3], trade[2] // MINUTE_MS * MINUTE_MS].append(trade)
    return minutes


def candle(key: MinuteKey, trades: list[Trade]) -> Candle:
    prices = [t[4] for t in trades]
    buy, sell = (math.fsum(abs(t[5]) for t in trades if (t[5] > 0) == side) for side in (True, False))
    start = at(key[1])
    ohlc = (prices[0], max(prices), min(prices), prices[-1])
    return Candle(key[0], start, start + timedelta(minutes=1), *ohlc, buy + sell, len(trades), buy, sell)


def candles(trades: Iterable[Trade], symbol: str) -> dict[int, Candle]:
    return {key[1]: candle(key, found) for key, found in sorted(grouped(trades).items()) if key[0] == symbol}


def edges(trades: Iterable[Trade], since: int, before: int | None) -> dict[MinuteKey, Edges]:
    return {
        key: Edges(*(Edge(t[2], t[0], t[1], t[4]) for t in (found[0], found[-1])))
        for key, found in grouped(trades).items()
        if key[1] >= since and (before is None or key[1] < before)
    }


def same(found: Candle, expected: Candle, *, prices: bool = True) -> None:
    assert (found.symbol, found.window_start, found.trade_count) == (
        expected.symbol, expected.window_start, expected.trade_count
    )  # fmt: skip
    assert (found.high_price, found.low_price) == (expected.high_price, expected.low_price)
    if prices:
        assert (found.open_price, found.close_price) == (expected.open_price, expected.close_price)
    for name in ("total_qty", "buy_qty", "sell_qty"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-12)


class Seam(RuleBasedStateMachine):
    """A topic, a job that commits it bit by bit, a tail that reads it, and a book between them, in any order."""

    MOST = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.topic: dict[int, list[Trade | None]] = {p: [] for p in range(3)}  # None: not a trade
        self.times: dict[int, list[int]] = {p: [] for p in range(3)}
        self.now = START
        self.front = Front()
        self.book: LiveBook | None = None
        self.starts: dict[int, int] = {}
        self.generation = 0

    # --- the world

    @rule(
        partition=st.integers(0, 2),
        messages=st.lists(
            st.tuples(
                st.sampled_from(SYMBOLS), st.integers(0, 4 * MINUTE_MS), st.integers(1, 9), st.integers(-5, 5)
            ),
            max_size=8,
        ),
        step=st.integers(0, MINUTE_MS),
    )  # fmt: skip
    def produce(self, partition: int, messages: list[tuple[str, int, int, int]], step: int) -> None:
        self.now += step
        for symbol, late, price, qty in messages:
            offset = len(self.topic[partition])
            trade = (partition, offset, self.now - late, symbol, float(price), qty / 7)
            self.topic[partition].append(trade if qty else None)
            self.times[partition].append(self.now)

    @rule(shares=st.tuples(*[st.floats(0, 1)] * 3))
    def commit(self, shares: tuple[float, float, float]) -> None:
        """The job goes on, perhaps beyond what the tail has read."""
        ends: dict[int, int] = {}
        for partition, share in enumerate(shares):
            done = self.front.next_offsets.get(partition, 0)
            reached = done + round(share * (len(self.topic[partition]) - done))
            trades = [t for t in self.topic[partition][:reached] if t is not None]
            if trades:
                ends[partition] = trades[-1][1] + 1
        self.generation += 1
        newest = max((t[2] for t in self.committed(ends)), default=None)
        self.front = Front(
            self.generation, self.generation, "j", None if newest is None else at(newest), ends, trades_snapshot_id=1
        )

    def committed(self, ends: Mapping[int, int]) -> list[Trade]:
        return [t for p, end in ends.items() for t in self.topic[p][:end] if t is not None]

    # --- the book

    def lows(self) -> dict[int, int]:
        return dict.fromkeys(self.topic, 0)

    def join(self, skip: Mapping[int, int]) -> None:
        self.starts = {p: self.front.next_offsets.get(p, 0) + skip.get(p, 0) for p in self.topic}
        self.book = LiveBook(self.front, self.starts, self.lows(), self.MOST)

    @initialize()
    def begin(self) -> None:
        self.join({})

    @rule(partition=st.integers(0, 2), count=st.integers(1, 12))
    def read(self, partition: int, count: int) -> None:
        assert self.book is not None
        begin = self.book.positions[partition]
        end = min(begin + count, len(self.topic[partition]))
        trades = tuple(t for t in self.topic[partition][begin:end] if t is not None)
        positions = {**self.book.positions, partition: max(begin, end)}
        firsts = {p: self.times[p][s] for p, s in self.starts.items() if positions[p] > s}
        self.book.add(TailBatch(trades, positions, firsts))

    @rule()
    def advance(self) -> None:
        assert self.book is not None
        assert self.book.continues(self.front)
        self.book.advance(self.front)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def learn(self, symbol: str) -> None:
        assert self.book is not None
        trades = self.committed(self.book.front.next_offsets)
        wanted = self.book.wanted(symbol, tuple(candles(trades, symbol).values()), LIMIT)
        if wanted is not None:
            self.book.learn(*wanted, edges(trades, *wanted))

    @precondition(lambda self: self.front.next_offsets)
    @rule()
    def join_anew(self) -> None:
        self.join({})

    @invariant()
    def every_trade_is_counted_once(self) -> None:
        book = self.book
        if book is None:
            return
        ends = book.front.next_offsets
        committed = self.committed(ends)
        union = {p: max(ends.get(p, 0), position) for p, position in book.positions.items()}
        trades = self.committed(union)
        for symbol in SYMBOLS:
            rows = candles(committed, symbol)
            exact = book.wanted(symbol, tuple(rows.values()), LIMIT) is None and book.has_read(book.front)
            found = book.union(symbol, tuple(rows.values()), LIMIT)
            assert [c.window_start for c in found] == sorted({c.window_start for c in found})
            expected = candles(trades, symbol)
            live_from = book.live_from_ms
            shown = {m: c for m, c in expected.items() if m >= live_from} | {
                m: c for m, c in rows.items() if m < live_from
            }
            assert [c.window_start for c in found] == [at(m) for m in sorted(shown)][-LIMIT:]
            for one in found:
                minute = round(one.window_start.timestamp() * 1000)
                live = minute >= live_from and (minute not in rows or rows[minute] != expected[minute])
                assert one.source == ("live" if live else "committed")
                if live:
                    same(one, shown[minute], prices=exact)
                else:
                    assert one == rows[minute]


class SeamWithGaps(Seam):
    """As `Seam`, but the tail may begin behind the front, and holds few trades."""

    MOST = 20

    @precondition(lambda self: self.book is not None)
    @rule(shares=st.tuples(*[st.floats(0, 1)] * 3))
    def join_behind(self, shares: tuple[float, float, float]) -> None:
        ends = {p: len(messages) - self.front.next_offsets.get(p, 0) for p, messages in self.topic.items()}
        self.join({p: round(shares[p] * most) for p, most in ends.items()})


TestSeam = Seam.TestCase
TestSeam.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSeamWithGaps = SeamWithGaps.TestCase
TestSeamWithGaps.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
