"""Runs blocking calls in daemon threads, so that nothing outside can hold up a key or the end of the program.

A source keeps its thread between fetches, because clients keep connections by thread. A thread whose fetch is given up
is left to itself and ends when its call does. Threads touch no widget: they only hand over a `Reading`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tui.core.cockpit import Report
from tui.model.errors import LakehouseError
from tui.model.reading import Reading

IDLE_S = 30.0
"""A thread without work for so long ends."""


@dataclass(slots=True, eq=False)
class _Lane:
    """One thread and the fetches that wait for it."""

    waiting: queue.SimpleQueue[tuple[str, int, Callable[[], object]]] = field(default_factory=queue.SimpleQueue)
    busy: bool = False
    alive: bool = True


class Courier:
    """Fetches sources; `deliver` is called from the worker's thread with each result."""

    def __init__(
        self,
        deliver: Callable[[Reading[object]], None],
        report: Report,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deliver = deliver
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def fetch(self, source: str, generation: int, call: Callable[[], object]) -> None:
        """Run `call` in the thread of `source`; returns at once."""
        name = source.partition(":")[0]
        with self._lock:
            lane = self._lanes.get(name)
            if lane is None or not lane.alive or lane.busy:  # what a busy one still fetches has been given up
                lane = self._lanes[name] = _Lane()
                threading.Thread(target=self._serve, args=(lane,), name=f"fetch-{name}", daemon=True).start()
            lane.busy = True
        lane.waiting.put((source, generation, call))

    def _serve(self, lane: _Lane) -> None:
        while True:
            try:
                source, generation, call = lane.waiting.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    if lane.busy:
                        continue
                    lane.alive = False
                return
            reading = self._read(source, generation, call)
            with self._lock:
                lane.busy = False
                current = self._lanes.get(source.partition(":")[0]) is lane
            self._deliver(reading)
            if not current:
                return

    def _read(self, source: str, generation: int, call: Callable[[], object]) -> Reading[object]:
        try:
            value = call()
        except LakehouseError as error:
            return Reading(source, self._clock(), generation, error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one source must not end the others
            return Reading(source, self._clock(), generation, error=self._report(error))
        return Reading(source, self._clock(), generation, value=value)
