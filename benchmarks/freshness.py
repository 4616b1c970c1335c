"""How long after its acknowledgement a trade is seen, on the dashboard and in the committed candles alone.

    uv run python -m benchmarks.freshness [--marks 110] [--rates 50,1000] [--json]

The real stack with its defaults (a checkpoint a minute), the product's producer at so many trades a second, and the
real dashboard in a terminal of 120×40. Marked trades go in between: each has a price above all before it, so that it is
the high of its candle, which the candles panel shows as `H`. A mark counts from Kafka's acknowledgement (`acks=all`)
until the terminal's screen holds it. Beside it the same marks in Iceberg alone: the lake client, asked four times a
second. No mark is made in the last seconds of a minute: the panel would go on to the next candle before it shows it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyte
from confluent_kafka import Producer

from benchmarks import lab
from benchmarks.terminal import Terminal
from benchmarks.tui import ours
from producer.events import encode_json
from tui import bootstrap
from tui.clients.lake import LakeClient
from tui.resources import resource
from tui.settings import Settings

SYMBOL = "BTCUSDT"
FIRST_PRICE = 60_000.0
"""Above any price of the producer."""
ASK_S = 0.25
LOST_S = 10.0
MINUTE_S = 60
QUIET_S = 3.0
"""The end of a minute in which nothing is marked."""
_HIGH = re.compile(r" H ([\d,]+\.\d\d)")
_UNKNOWN = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p")  # pyte would print their letters


class Screen(Terminal):
    """A program in a terminal whose screen is kept."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self.screen = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self.screen)
        self._rows = range(40)
        super().__init__(command, env)

    def _read(self, until: float) -> bool:
        before = len(self._unseen)
        found = super()._read(until)
        self._stream.feed(_UNKNOWN.sub(b"", self._unseen[before:]))
        self._unseen = b""
        return found

    def until_high(self, price: float, timeout_s: float) -> float | None:
        """When the candles panel shows a high of at least `price`; `None` when not in time."""
        until = time.perf_counter() + timeout_s
        while time.perf_counter() < until:
            if self._read(until) and self.high() >= price:
                return time.perf_counter()
        return None

    def high(self) -> float:
        """The high of the newest candle on the screen, 0 while there is none."""
        for row in self._rows:
            line = "".join(self.screen.buffer[row][column].data for column in range(120))
            if found := _HIGH.search(line):
                self._rows = range(row, row + 1)
                return float(found[1].replace(",", ""))
        return 0.0


@dataclass(slots=True)
class Marks:
    """Marked trades: price and moment of acknowledgement; the delay of each on the dashboard, in s."""

    producer: Producer
    topic: str
    acked: list[tuple[float, float]] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    lost: int = 0

    def send(self, price: float) -> float:
        """One marked trade; the moment of its acknowledgement."""
        moments: list[float] = []
        trade = {"symbol": SYMBOL, "ts": time.time_ns() // 1_000_000, "price": price, "qty": 0.001, "side": "BUY"}
        self.producer.produce(
            self.topic, encode_json(trade), SYMBOL.encode(), on_delivery=lambda *_: moments.append(time.perf_counter())
        )
        while not moments:
            self.producer.poll(0.01)
        self.acked.append((price, moments[0]))
        return moments[0]


class Committed:
    """Asks the lake client for the newest candles again and again; the first moment of each high."""

    def __init__(self, lake: LakeClient) -> None:
        self._lake = lake
        self._over = threading.Event()
        self.highs: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(ASK_S):
            candles = self._lake.candles(SYMBOL, 3).candles
            high = max((c.high_price for c in candles), default=0.0)
            if not self.highs or high > self.highs[-1][1]:
                self.highs.append((time.perf_counter(), high))

    def seen_at(self, price: float) -> float | None:
        """When a mark of that price was first there."""
        return next((moment for moment, high in self.highs if high >= price), None)

    def close(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class Result:
    """Delays in seconds at one rate."""

    rate: int
    dashboard: list[float]
    iceberg: list[float]
    lost: int


@contextmanager
def produced(stack: Settings, rate: int) -> Iterator[None]:
    """The product's producer, in the foreground of a process of its own."""
    command = [sys.executable, str(resource("producer") / "producer.py"), "--bootstrap", stack.kafka]
    command += ["--topic", stack.topic, "--rate", str(rate)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def marked(stack: Settings, screen: Screen, count: int, price: float) -> Marks:
    """Send marks at irregular moments, one after the other has been seen."""
    marks = Marks(Producer({"bootstrap.servers": stack.kafka, "acks": "all", "linger.ms": 0}), stack.topic)
    draw = random.Random(7)
    while len(marks.shown) + marks.lost < count:
        screen.drain(0.5 + draw.random() / 2)
        left = MINUTE_S - time.time() % MINUTE_S
        if left < QUIET_S:
            screen.drain(left + 2.0)
        price += 1.0
        acked = marks.send(price)
        seen = screen.until_high(price, LOST_S)
        if seen is None:
            marks.lost += 1
        else:
            marks.shown.append(seen - acked)
    return marks


def measure(stack: Settings, rate: int, count: int, price: float) -> Result:
    """Marks at one rate of trades, on the screen and in the table."""
    subject = ours(stack)
    with produced(stack, rate):
        screen = Screen(subject.command, dict(subject.env))
        committed = Committed(bootstrap.clients(stack).lake)
        try:
            if screen.until_high(1.0, 60.0) is None:
                raise SystemExit("no candle on the screen within a minute")
            screen.drain(10.0)
            marks = marked(stack, screen, count, price)
            deadline = time.monotonic() + 3 * MINUTE_S
            while committed.seen_at(marks.acked[-1][0]) is None and time.monotonic() < deadline:
                screen.drain(1.0)
        finally:
            committed.close()
            screen.close()
    seen = [(acked, committed.seen_at(mark)) for mark, acked in marks.acked]
    return Result(rate, marks.shown, [moment - acked for acked, moment in seen if moment is not None], marks.lost)


def show(results: Sequence[Result]) -> None:
    """One line a rate."""
    print("                       dashboard                    Iceberg alone")
    print("trades/s  marks  lost  p50, s  p95, s  max, s      p50, s  p95, s  max, s   wanted: dashboard p95 <= 1")
    for r in results:
        ours_s, iceberg = ([lab.percentile(v, s) for s in (0.5, 0.95, 1.0)] for v in (r.dashboard, r.iceberg))
        print(
            f"{r.rate:8,} {len(r.dashboard):6} {r.lost:5} "
            + "".join(f"{value:8.2f}" for value in ours_s)
            + "    "
            + "".join(f"{value:8.1f}" for value in iceberg)
        )


def main() -> None:
    """Bring up a stack with a job, measure at each rate, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--marks", type=int, default=110)
    parser.add_argument("--rates", default="50,1000")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = []
    with lab.home() as stack:
        bootstrap.backend(stack).up(lab.silent)
        lab.fill_topic(stack, 300)
        bootstrap.control(stack).submit(lab.silent)
        for number, rate in enumerate(int(rate) for rate in arguments.rates.split(",")):
            price = FIRST_PRICE + 10_000 * number
            results.append(measure(stack, rate, arguments.marks, price))
    if arguments.json:
        print(json.dumps([{"rate": r.rate, "dashboard": r.dashboard, "iceberg": r.iceberg} for r in results]))
        return
    show(results)


if __name__ == "__main__":
    main()
