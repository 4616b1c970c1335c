"""Where the tables end and the tail begins: what has to be asked before both can be joined, and may block.

A thread of its own asks for it, so that a frozen service holds up nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tui.model.candles import Candle
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.live import Edges, Front, MinuteKey
from tui.ports import FrontPort, TailPort

LOOK_S = 2.0
"""How often the tables are asked for a new checkpoint."""

_IDLE_S = 10.0  # nobody has fetched for so long: nothing is asked
_RETRY_S = 3.0  # between two attempts to start the tail
_ENDS_S = 30.0  # how often new partitions are looked for


@dataclass(frozen=True, slots=True)
class Committed:
    """Candles by symbol, all as of `front`."""

    front: Front
    candles: Mapping[str, tuple[Candle, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the tail is to start, for `front`; `lows` are the topic's first offsets."""

    front: Front
    starts: Mapping[int, int]
    lows: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Lesson:
    """First and last trades of the minutes in [`since_ms`, `before_ms`), as of the snapshot of `front`."""

    front: Front
    since_ms: int
    before_ms: int | None
    edges: Mapping[MinuteKey, Edges]


def plan(front: Front, ends: Mapping[int, tuple[int, int]], most: int) -> Plan:
    """Start behind the front, or so that at most `most` messages are to be read.

    Raises `UnavailableError` when the topic ends before the tables do: it was made anew.
    """
    starts: dict[int, int] = {}
    for partition, (low, high) in ends.items():
        wanted = front.next_offsets.get(partition, low)
        if wanted > high:
            raise UnavailableError(
                f"Partition {partition} of the topic ends at {high:,}, the tables hold it up to {wanted:,}: the topic "
                "was made anew. Candles are committed ones only until the job has passed that, or was submitted "
                "with --fresh."
            )
        starts[partition] = max(low, wanted)
    backlog = sum(high - starts[partition] for partition, (_, high) in ends.items())
    if backlog > most:
        for partition, (_, high) in ends.items():
            starts[partition] = high - (high - starts[partition]) * most // backlog
    return Plan(front, starts, {partition: low for partition, (low, _) in ends.items()})


class Background:
    """What blocks: the newest committed candles, where the tail starts, first and last trades. One thread at a time.

    The attributes without underscore are handed over: each is one frozen value, replaced as a whole.
    """

    def __init__(self, tail: TailPort, tables: FrontPort, limit: int, most: int, clock: Callable[[], float]) -> None:
        self._tail = tail
        self._tables = tables
        self._limit = limit
        self._most = most
        self._clock = clock
        self.symbols: tuple[str, ...] = ()
        self.asked_at = clock()
        self.wanted: tuple[Front, int, int | None] | None = None
        self.plans_wanted = 1
        self.bug: Exception | None = None
        self.committed: Committed | None = None
        self.plan: Plan | None = None
        self.lesson: Lesson | None = None
        self.tables_error: str | None = None
        self.topic_error: str | None = None
        self.ends: Mapping[int, tuple[int, int]] = {}
        self._search: frozenset[int] = frozenset()
        self._tried_at = -_ENDS_S
        self._plans_made = 0
        self._partitions: frozenset[int] = frozenset()
        self._closed = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_running(self) -> None:
        """Start the thread, or wake it."""
        self.asked_at = self._clock()
        if self._thread is None or not self._thread.is_alive():
            self._closed = False
            self._thread = threading.Thread(target=self._serve, name="live-tables", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()

    def _serve(self) -> None:
        while not self._closed and self._clock() - self.asked_at < _IDLE_S:
            self._wake.clear()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - whoever fetches reports it
                self.bug = error
            self._wake.wait(LOOK_S)

    def look(self) -> None:
        """One round; what fails is said in the two errors."""
        try:
            self._look_at_tables()
            self.tables_error = None
        except LakehouseError as error:
            self.tables_error = str(error)
        try:
            self._look_at_topic()
        except LakehouseError as error:
            self.topic_error = str(error)

    def _look_at_tables(self) -> None:
        front = self._tables.front(self._search)
        known = self.committed
        kept = known.candles if known is not None and known.front.snapshot_id == front.snapshot_id else {}
        if known is None or known.front != front or not set(self.symbols[:1]) <= kept.keys():
            chosen, *others = self.symbols
            hurry = known is None or chosen not in known.candles
            for symbol in (chosen, *others):
                if symbol not in kept:
                    kept = {**kept, symbol: self._tables.candles(front, symbol, self._limit).candles}
                if hurry:  # else the one before is shown until this one has all symbols at hand
                    self.committed = Committed(front, kept)
            self.committed = Committed(front, kept)
        wanted = self.wanted
        if wanted is not None:
            of, since_ms, before_ms = wanted
            self.lesson = Lesson(of, since_ms, before_ms, self._tables.edges(of, since_ms, before_ms))
            self.wanted = None

    def _look_at_topic(self) -> None:
        committed = self.committed
        wanted = self.plans_wanted
        pause = _RETRY_S if wanted != self._plans_made or self.topic_error else _ENDS_S
        if committed is None or self._clock() - self._tried_at < pause:
            return
        self._tried_at = self._clock()
        ends = self.ends = self._tail.ends()
        front = committed.front
        missing = {p for p, (low, high) in ends.items() if high > low} - front.next_offsets.keys()
        if missing and not front.complete:
            self._search |= missing
            front = self._tables.front(self._search)
            if front.snapshot_id != committed.front.snapshot_id:  # candles of that one are read next time
                self._tried_at = -_ENDS_S
                self._wake.set()
                return
            self.committed = replace(committed, front=front)
        if wanted != self._plans_made or ends.keys() != self._partitions:
            self.plan = plan(front, ends, self._most)
            self._partitions = frozenset(ends)
            self._plans_made = wanted
        self.topic_error = None
