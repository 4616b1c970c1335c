"""Who fetches when: at most one fetch a source is in flight, and a late answer never replaces a newer one.

Pure bookkeeping: the caller asks `due`, runs the fetch in a worker of its own, and hands the result to `accept`.
Times are seconds of a monotonic clock, handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tui.model.reading import Reading


@dataclass(frozen=True, slots=True)
class Schedule:
    """One source: how often it is fetched, and after how long a fetch that hangs is given up."""

    interval_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Flight:
    """The newest fetch of one source; `running` until its result was accepted or its deadline passed."""

    generation: int = 0
    started_at: float = 0.0
    running: bool = False


class Refresh:
    """Generations and deadlines of all sources."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self._schedules = dict(schedules)
        self._flights = dict.fromkeys(self._schedules, Flight())

    def due(self, now: float) -> dict[str, int]:
        """The sources to fetch now, each with the generation its result must carry."""
        return {source: self.begin(source, now) for source in self._schedules if self._is_due(source, now)}

    def begin(self, source: str, now: float) -> int:
        """Start a fetch of `source` at once (a key asks for it); the one in flight, if any, is outdated."""
        flight = Flight(self._flights[source].generation + 1, now, running=True)
        self._flights[source] = flight
        return flight.generation

    def _is_due(self, source: str, now: float) -> bool:
        flight, schedule = self._flights[source], self._schedules[source]
        if flight.generation == 0:
            return True
        waited = now - flight.started_at
        return waited >= (schedule.deadline_s if flight.running else schedule.interval_s)

    def overdue(self, now: float) -> tuple[str, ...]:
        """Sources whose fetch is in flight for longer than their interval, so that what is shown grows old."""
        return tuple(
            source
            for source, flight in self._flights.items()
            if flight.running and now - flight.started_at > self._schedules[source].interval_s
        )

    def accept(self, reading: Reading[object]) -> bool:
        """Whether `reading` answers the newest fetch of its source; an outdated one is dropped."""
        flight = self._flights.get(reading.source)
        if flight is None or reading.generation != flight.generation or not flight.running:
            return False
        self._flights[reading.source] = replace(flight, running=False)
        return True
