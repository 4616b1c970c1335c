"""The seam on the real pipeline: numbered trades, many commits, a restart of the job, sampled all the time.

Each symbol has a partition of its own, and its n-th trade the quantity n. So a view with k trades must be exactly the
first k of them, whatever part is committed: their sum is k (k + 1) / 2, and every column follows from them.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.integration.conftest import Lab, silent, until
from tui.clients.kafka_tail import KafkaTail
from tui.clients.lake.front import LakeFront
from tui.core import live as live_module
from tui.core.live import LiveCandles
from tui.model.candles import Candle
from tui.model.live import LiveView

SYMBOLS = ("S0", "S1", "S2")
RATE = 2_000
COMMITS = 20
SAMPLE_S = 0.05
DELAY_S = 2.0
LATE = 0.02
LATE_MS = 10 * 60_000
Values = tuple[float | int, ...]


@dataclass
class Stream:
    """Writes numbered trades; `sent` by symbol as (`ts`, price, is a buy), `acked` as (moment, symbol, number)."""

    lab: Lab
    sent: dict[str, list[tuple[int, float, bool]]] = field(default_factory=lambda: {s: [] for s in SYMBOLS})
    acked: list[tuple[float, str, int]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _run(self, over: threading.Event) -> None:
        from confluent_kafka import Producer

        draw = random.Random(4)
        producer = Producer({"bootstrap.servers": self.lab.settings.kafka, "acks": "all", "linger.ms": 5})
        began, count = time.monotonic(), 0
        while not over.is_set():
            for _ in range(int((time.monotonic() - began) * RATE) - count):
                symbol = SYMBOLS[count % 3]
                self._send(producer, draw, symbol)
                count += 1
            producer.poll(0)
            over.wait(0.01)
        assert producer.flush(30) == 0

    def _send(self, producer: object, draw: random.Random, symbol: str) -> None:
        late = draw.randrange(LATE_MS) if draw.random() < LATE else 0
        ts, price, buy = int(time.time() * 1000) - late, round(draw.uniform(90, 110), 2), draw.random() < 0.5
        self.sent[symbol].append((ts, price, buy))
        number = len(self.sent[symbol])
        trade = {"symbol": symbol, "ts": ts, "price": price, "qty": number, "side": "BUY" if buy else "SELL"}
        producer.produce(  # type: ignore[attr-defined]
            self.lab.settings.topic, json.dumps(trade).encode(), partition=SYMBOLS.index(symbol),
            on_delivery=lambda error, _: self.acked.append((time.monotonic(), symbol, number)) if not error else None,
        )  # fmt: skip


@dataclass
class Samples:
    """Views of all symbols, one after the other, each with the moment it was asked for."""

    candles: LiveCandles
    views: list[tuple[float, LiveView]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        over = threading.Event()

        def run() -> None:
            while not over.wait(SAMPLE_S):
                for symbol in SYMBOLS:
                    began = time.monotonic()
                    try:
                        self.views.append((began, self.candles.fetch(symbol)))
                    except Exception as error:  # noqa: BLE001 - the test tells
                        self.errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def snapshots(self) -> set[int | None]:
        """The snapshots of `agg_1m` that views were of."""
        return {view.snapshot_id for _, view in list(self.views)}

    def of(self, symbol: str) -> list[tuple[int, float, LiveView]]:
        """Views that the tail is part of, by how many trades they show."""
        found = [(sum(c.trade_count for c in v.candles), at, v) for at, v in self.views if v.symbol == symbol]
        return sorted((f for f in found if f[2].tail is not None), key=lambda f: f[:2])


def open_live(lab: Lab) -> LiveCandles:
    late_after_ms = (lab.settings.watermark_delay_s + lab.settings.allowed_lateness_s) * 1000
    tail = KafkaTail(lab.clients.kafka, lab.settings.topic, late_after_ms)
    return LiveCandles(tail, LakeFront(lab.clients.lake))


def commits(lab: Lab, count: int, seen: Samples) -> None:
    """So many more checkpoints, each committed to the candles and in a view before the next one is triggered."""
    job = lab.control.require_job()
    for _ in range(count):
        wanted = lab.clients.flink.trigger_checkpoint(job.id, 60)
        until(lambda n=wanted: _held(lab, job.id) >= n, f"checkpoint {wanted} in agg_1m")
        until(
            lambda: lab.clients.lake.history("agg_1m").current_id in seen.snapshots(), f"checkpoint {wanted} in a view"
        )


def _held(lab: Lab, job_id: str) -> int:
    snapshots = lab.control.histories()["agg_1m"]
    stamps = [s.checkpoint_id for s in snapshots.snapshots if s.job_id == job_id] if snapshots else []
    return max((stamp for stamp in stamps if stamp is not None), default=0)


def values(c: Candle) -> Values:
    return (c.open_price, c.high_price, c.low_price, c.close_price, c.trade_count, c.buy_qty, c.sell_qty)


class Model:
    """Candles of the first trades of a symbol, by the definition."""

    def __init__(self, sent: list[tuple[int, float, bool]]) -> None:
        self.sent = sent
        self.count = 0
        self.minutes: dict[int, dict[str, object]] = defaultdict(dict)

    def upto(self, count: int) -> dict[int, Values]:
        for number in range(self.count, count):
            ts, price, buy = self.sent[number]
            minute = self.minutes[ts // 60_000]
            order = (ts, number)
            first, last = minute.get("first", (order, price)), minute.get("last", (order, price))
            minute["first"] = min(first, (order, price))  # type: ignore[type-var]
            minute["last"] = max(last, (order, price))  # type: ignore[type-var]
            minute["high"] = max(minute.get("high", price), price)  # type: ignore[type-var]
            minute["low"] = min(minute.get("low", price), price)  # type: ignore[type-var]
            minute["count"] = minute.get("count", 0) + 1  # type: ignore[operator]
            side = "buy" if buy else "sell"
            minute[side] = minute.get(side, 0) + number + 1  # type: ignore[operator]
        self.count = count
        return {
            m: (v["first"][1], v["high"], v["low"], v["last"][1], v["count"], v.get("buy", 0), v.get("sell", 0))  # type: ignore[index, misc]
            for m, v in self.minutes.items()
        }


def check(stream: Stream, samples: Samples, since: float) -> dict[str, float]:
    """Every view is a prefix of what was sent; returns how late trades show, and how many views were not settled."""
    assert not samples.errors
    delays: list[float] = []
    unsettled = 0
    for symbol in SYMBOLS:
        model = Model(stream.sent[symbol])
        for count, _, view in samples.of(symbol):
            total = sum(c.total_qty for c in view.candles)
            assert total == count * (count + 1) / 2, f"{symbol}: {count} trades are not the first {count}"
            expected = model.upto(count)
            unsettled += not view.settled
            for candle in view.candles:
                found, right = values(candle), expected[int(candle.window_start.timestamp()) // 60]
                if not view.settled:  # open and close may still be the committed ones
                    found, right = (found[1:3] + found[4:]), (right[1:3] + right[4:])
                assert found == right, f"{symbol}, {count} trades: {candle}"
        acked = [(at, number) for at, s, number in stream.acked if s == symbol and at >= since]
        delays += _delays(acked, sorted((at, count) for count, at, _ in samples.of(symbol)))
    delays.sort()
    shares = {"p50": 0.5, "p95": 0.95, "p999": 0.999}
    found_delays = {name: round(delays[int(len(delays) * share)], 3) for name, share in shares.items()}
    return {**found_delays, "unsettled": unsettled / len(samples.views)}


def _delays(acked: list[tuple[float, int]], shown: list[tuple[float, int]]) -> list[float]:
    """Seconds from the acknowledgement of each trade to the first view that held it."""
    position, found = 0, []
    for at, count in shown:
        while position < len(acked) and acked[position][1] <= count:
            found.append(max(0.0, at - acked[position][0]))
            position += 1
    return found


def test_no_trade_is_counted_twice_or_missed_over_many_commits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "PUSH_S", SAMPLE_S)
    lab.control.submit(silent)
    stream = Stream(lab)
    early = Samples(open_live(lab))
    with stream.running(), early.running():
        commits(lab, COMMITS // 2, early)
        late = Samples(open_live(lab))  # joins tables that hold data
        joined_at = time.monotonic()
        with late.running():
            commits(lab, COMMITS // 4, early)
            lab.control.cancel()
            lab.control.submit(silent)  # goes on from its newest checkpoint
            commits(lab, COMMITS - COMMITS // 2 - COMMITS // 4, early)
            time.sleep(DELAY_S)
        late.candles.close()
    with early.running():  # the last ones are shown as well
        until(lambda: len(stream.acked) == sum(map(len, stream.sent.values())), "every trade is acknowledged")
        done = {s: len(stream.sent[s]) for s in SYMBOLS}
        until(lambda: all(early.of(s)[-1][0] == done[s] for s in SYMBOLS), "every trade is shown")
        lab.committed(sum(done.values()))
        until(lambda: all(_committed(early, s) == done[s] for s in SYMBOLS), "every trade is shown as committed")
    early.candles.close()
    for name, samples, since in (("from the first trade on", early, 0.0), ("joined later", late, joined_at)):
        found = check(stream, samples, since)
        snapshots = samples.snapshots()
        print(f"{name}: {found}, {len(samples.views)} views of {len(snapshots)} snapshots")
        assert found["p95"] < DELAY_S
        assert found["unsettled"] < 0.2
    assert len(early.snapshots()) > COMMITS


def _committed(samples: Samples, symbol: str) -> int:
    _, view = next((at, v) for at, v in reversed(samples.views) if v.symbol == symbol)
    return sum(c.trade_count for c in view.candles if c.source == "committed")
