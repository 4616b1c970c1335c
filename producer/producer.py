"""Sends trades to Kafka: `python producer/producer.py --bootstrap 127.0.0.1:9092 --rate 50`.

Stands alone: needs confluent-kafka and orjson, and knows nothing of the dashboard. Ends with 0 when every message
sent was acknowledged, 1 when some are missing or Kafka cannot be used, 2 on a wrong option.

Order of a run: history first (`--backfill`, valid trades in order of `ts`, ending now, as fast as it goes), then live
messages at `--rate`, each with the time of its making, faults mixed in.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import orjson
from delivery import Delivery, DeliveryError
from events import DEFAULT_SYMBOLS, Event, Faults, Market, history_times
from pacing import Pacer
from status import State, Status, counted_before, history_was_written, timestamp, write_status

HISTORY_PER_S = 5.0
"""Trades a second of history, unless `--rate` is lower: enough for candles with a body, few enough to be quick."""
STOP_DEADLINE_S = 8.0
"""After SIGINT or SIGTERM, how long outstanding messages are waited for: less than the 10 s until a KILL."""
_BATCH = 256  # messages between two looks at reports, signals and the clock at full speed
_NAP_S = 0.02  # messages due in between go together: a wake-up each would cost half a core at 500/s
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Run:
    """One run: counts, status file, progress line, and the reaction to signals."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.status = Status(os.getpid(), options.rate, started_at=timestamp(), updated_at=timestamp())
        self.stop_by: float | None = None
        self._started = time.monotonic()
        self._next_write = 0.0
        self._next_word = self._started + 2.0
        self._tty = sys.stderr.isatty()
        self._unwritten = False  # the status file could not be written, and that was said
        left = options.status_file
        self._resumed = left is not None and history_was_written(left)
        self._counted_before = counted_before(left) if left is not None and options.count is not None else 0
        self._live_after: int | None = None  # what was acknowledged before the first live message
        self.market = Market(options.symbols, options.seed, options.faults, orjson.dumps)
        self.delivery = Delivery(options.bootstrap, options.topic, self.keep_waiting, options.kafka_properties)

    def main(self) -> int:
        """Run to the end and return the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        problem: str | None = None
        try:
            self._tick()
            if self.delivery.connect() and self._history():
                self._live()
            self.delivery.drain()
        except DeliveryError as error:
            problem = str(error)
        return self._summary(problem)

    def _history(self) -> bool:
        seconds = self.options.backfill
        if not seconds:
            return True
        if self._resumed:
            self.status.backfill = "done"
            self._say("The history was written before the last run broke off: going on with live trades.")
            return True
        self.status.backfill = "running"
        per_second = min(self.options.rate or HISTORY_PER_S, HISTORY_PER_S)
        times = history_times(now_ms(), seconds, per_second)
        if not self._send_all(self.market.trade(at_ms) for at_ms in times):
            return False
        if not self.delivery.drain():
            return False
        self.status.backfill = "done"
        self._tick(force=True)
        return True

    def _send_all(self, events: Iterable[Event]) -> bool:
        send = self.delivery.send
        for number, event in enumerate(events):
            if not send(event):
                return False
            if not number % _BATCH:
                self.delivery.serve(0.0)
                self._tick()
                if self.stop_by is not None:
                    return False
        return True

    def _live(self) -> None:
        """Send until `--count` is reached or a signal asks to stop."""
        left = self.options.count
        if left is not None and self._counted_before:
            left -= self._counted_before
            self._say(
                f"{self._counted_before:,} were delivered before the last run broke off: {max(0, left):,} are left."
            )
        self._live_after = self.delivery.acknowledged
        pacer = Pacer(self.options.rate, time.monotonic)
        send, following = self.delivery.send, self.market.next
        while self.stop_by is None and (left is None or left > 0):
            due = pacer.due(_BATCH if left is None else min(_BATCH, left))
            for _ in range(due):
                if not send(following(now_ms())):
                    return
            if left is not None:
                left -= due
            self.delivery.serve(min(0.2, max(_NAP_S, pacer.wait_s())) if due < _BATCH else 0.0)
            self._tick()

    def keep_waiting(self) -> bool:
        """Called while Kafka is waited for: keeps the user informed; `False` once it is time to give up."""
        self._tick()
        if self.stop_by is None:
            return True
        return bool(self.delivery.outstanding) and time.monotonic() < self.stop_by

    def _on_signal(self, _number: int, _frame: object) -> None:
        now = time.monotonic()
        self.stop_by = now if self.stop_by is not None else now + STOP_DEADLINE_S  # a second one: end now

    def _tick(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if now < self._next_write and not force:
            return
        self._next_write = now + 1.0
        away = self.delivery.stalled() or (not self.delivery.connected and now - self._started > 1.0)
        self._record(self._state(away))
        if away and now >= self._next_word:
            self._next_word = now + 5.0
            reason = f" ({self.delivery.last_error})" if self.delivery.last_error else ""
            self._say(f"waiting for Kafka at {self.options.bootstrap}{reason}")
        elif self._tty:
            print(f"\r{self._counts()}   ", end="", file=sys.stderr, flush=True)

    def _state(self, away: bool) -> State:
        if self.stop_by is not None:
            return "stopping"
        if away:
            return "waiting"
        return "running" if self.delivery.sent else "starting"

    def _record(self, state: State, detail: str | None = None) -> None:
        status, delivery = self.status, self.delivery
        status.state, status.detail = state, detail
        status.sent, status.acknowledged, status.failed = delivery.sent, delivery.acknowledged, delivery.failed
        live = 0 if self._live_after is None else delivery.acknowledged - self._live_after
        status.counted = self._counted_before + live
        if self.options.status_file is None:
            return
        try:
            write_status(self.options.status_file, status)
        except OSError as error:  # a full disk passes: it is tried again
            if not self._unwritten:
                self._say(f"The status file {self.options.status_file} cannot be written: {error.strerror}.")
            self._unwritten = True
        else:
            self._unwritten = False

    def _summary(self, problem: str | None) -> int:
        delivery = self.delivery
        missing = delivery.sent - delivery.acknowledged
        if missing:
            reason = f" ({delivery.last_error})" if delivery.last_error else ""
            lost = f"{missing:,} of {delivery.sent:,} messages were not acknowledged{reason}"
            lost += ": they may or may not be in Kafka."
            problem = f"{problem} {lost}" if problem else lost
        ended: State = "failed" if problem else "finished" if self.stop_by is None else "stopped"
        self._record(ended, problem)
        if problem:
            self._say(problem)
        print(self._counts(), flush=True)
        return 1 if problem else 0

    def _counts(self) -> str:
        delivery, took = self.delivery, time.monotonic() - self._started
        rate = delivery.acknowledged / took if took else 0.0
        return (
            f"sent {delivery.sent:,}, acknowledged {delivery.acknowledged:,}, failed {delivery.failed:,} "
            f"in {took:,.1f} s ({rate:,.0f}/s)"
        )

    def _say(self, text: str) -> None:
        print(f"\n{text}" if self._tty else text, file=sys.stderr, flush=True)


def now_ms() -> int:
    """The time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence and ends with 2."""

    def error(self, message: str) -> NoReturn:
        """End with one sentence."""
        self.exit(2, f"producer: {message}; --help lists the options.\n")


def duration(text: str) -> float:
    """`90s`, `30m`, `2h`, `1d` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 30m or 2h")
    return float(found[1]) * _UNITS[found[2]]


def _at_least_0(kind: type[int] | type[float]) -> Any:
    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = -1
        if not 0 <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
        return value

    return convert


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of symbols such as BTCUSDT,ETHUSDT")
    return names


def _properties(text: str) -> dict[str, str]:
    try:
        found = orjson.loads(Path(text).read_bytes())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return {str(key): str(value) for key, value in found.items()}


def _address(text: str) -> str:
    if not re.fullmatch(r"[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 127.0.0.1:9092")
    return text


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; ends the process with 2 and one sentence where one is wrong."""
    parser = Parser(description="Send trades to Kafka.", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add, number = parser.add_argument, _at_least_0(float)
    add("--bootstrap", type=_address, default="127.0.0.1:9092", metavar="HOST:PORT", help="Kafka's address")
    add("--topic", default="trades", help="an existing topic")
    add("--rate", type=number, default=50.0, metavar="N", help="messages a second; 0: as fast as it goes")
    add("--count", type=_at_least_0(int), metavar="N", help="end after so many live messages (history not counted)")
    add("--seed", type=int, default=1, metavar="S", help="the same seed makes the same prices and quantities")
    add("--symbols", type=_names, default=",".join(DEFAULT_SYMBOLS), metavar="A,B", help="what is traded")
    add("--backfill", type=duration, metavar="2h", help="write so much history first, up to 5 trades a second of it")
    add("--late", type=number, default=0.0, metavar="P", help="share of live messages that are late, 0 to 1")
    add("--late-by", type=duration, default="10m", metavar="10m", help="how late they are at most")
    add("--bad", type=number, default=0.0, metavar="P", help="share of live messages that are broken, 0 to 1")
    add("--duplicates", type=number, default=0.0, metavar="P", help="share of live messages sent once more, 0 to 1")
    add("--kafka-properties", type=_properties, metavar="FILE", help="more properties of the client, a JSON object")
    add("--status-file", type=Path, metavar="FILE", help="keep the state here as JSON, renewed every second")
    options = parser.parse_args(arguments)
    try:
        options.faults = Faults(options.late, options.bad, options.duplicates, int(options.late_by * 1000))
    except ValueError as error:
        parser.error(str(error))
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: the exit status."""
    options = parse(arguments)
    try:
        return Run(options).main()
    except DeliveryError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
