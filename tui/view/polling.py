"""Asks the sources when they are due and keeps the newest state."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from tui.core.cockpit import Report
from tui.core.refresh import Refresh
from tui.core.sources import Source
from tui.core.store import State, apply
from tui.model.reading import Reading
from tui.view.courier import Courier


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reading that was taken into the state, when it came (monotonic), and whether it says anything new."""

    reading: Reading[object]
    at: float
    news: bool


class Polling:
    """What is known of all sources. Workers leave their readings here; `collect` takes them in."""

    def __init__(self, interval_s: float, report: Report, clock: Callable[[], datetime]) -> None:
        self.state = State()
        self._refresh = Refresh(interval_s)
        self._arrived: queue.SimpleQueue[tuple[float, Reading[object]]] = queue.SimpleQueue()
        self._courier = Courier(lambda reading: self._arrived.put((monotonic(), reading)), report, clock)

    @property
    def interval_s(self) -> float:
        """The refresh interval of the user."""
        return self._refresh.interval_s

    @interval_s.setter
    def interval_s(self, value: float) -> None:
        self._refresh.interval_s = value

    def tick(self, sources: Mapping[str, Source]) -> None:
        """Start the fetches that are due."""
        for name, generation in self._refresh.due(sources, monotonic()).items():
            self._courier.fetch(name, generation, sources[name].fetch)

    def fetch(self, sources: Mapping[str, Source], names: Iterable[str]) -> None:
        """Fetch these now, whatever their interval; names that nobody offers are passed over."""
        for name in names:
            if name in sources:
                self._courier.fetch(name, self._refresh.begin(name, monotonic()), sources[name].fetch)

    def collect(self) -> Iterator[Arrival]:
        """Take in what has come since the last call, oldest first; what is outdated by then is dropped."""
        while True:
            try:
                at, reading = self._arrived.get_nowait()
            except queue.Empty:
                return
            if self._refresh.accept(reading):
                before = self.state.shown(reading.source)
                self.state = apply(self.state, reading)
                same = reading.ok and before.error is None and before.value is reading.value is not None
                yield Arrival(reading, at, news=not same)
