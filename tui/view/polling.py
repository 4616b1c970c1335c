"""Asks the sources when they are due and keeps the newest state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from time import monotonic

from tui.core.cockpit import Report
from tui.core.refresh import Refresh
from tui.core.sources import Source
from tui.core.store import State, apply
from tui.model.reading import Reading
from tui.view.courier import Courier


class Polling:
    """What is known of all sources; `deliver` is called from a worker's thread with each reading."""

    def __init__(
        self,
        interval_s: float,
        deliver: Callable[[Reading[object]], None],
        report: Report,
        clock: Callable[[], datetime],
    ) -> None:
        self.state = State()
        self._refresh = Refresh(interval_s)
        self._courier = Courier(deliver, report, clock)

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

    def accept(self, reading: Reading[object]) -> bool:
        """Take a reading into the state, unless it is outdated; whether it was taken."""
        if not self._refresh.accept(reading):
            return False
        self.state = apply(self.state, reading)
        return True
