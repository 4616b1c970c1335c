"""Who fetches when: at most one fetch a source is in flight, and a late answer never replaces a newer one.

Pure bookkeeping: the caller asks `due` with the sources of the moment, runs each fetch in a worker of its own, and
hands the result to `accept`. Times are seconds of a monotonic clock, handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tui.core.sources import Source
from tui.model.reading import Reading


@dataclass(frozen=True, slots=True)
class Flight:
    """The newest fetch of one source; `running` until its result was accepted or its deadline passed."""

    generation: int = 0
    started_at: float = 0.0
    running: bool = False


SLACK_S = 0.05
"""How much too early a fetch may be: sources of one interval stay together, though timers are never exact."""


class Refresh:
    """Generations and deadlines of all sources; `interval_s` is how often they are fetched at most."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self._flights: dict[str, Flight] = {}

    def due(self, sources: Mapping[str, Source], now: float) -> dict[str, int]:
        """The sources to fetch now, each with the generation its result must carry."""
        return {name: self.begin(name, now) for name, source in sources.items() if self._is_due(name, source, now)}

    def begin(self, name: str, now: float) -> int:
        """Start a fetch of `name` at once (a key asks for it); the one in flight, if any, is outdated."""
        flight = Flight(self._flights.get(name, Flight()).generation + 1, now, running=True)
        self._flights[name] = flight
        return flight.generation

    def _is_due(self, name: str, source: Source, now: float) -> bool:
        flight = self._flights.get(name)
        if flight is None:
            return True
        waited = now - flight.started_at
        return waited >= (source.deadline_s if flight.running else self.period_s(source) - SLACK_S)

    def period_s(self, source: Source) -> float:
        """Seconds between two fetches of `source`."""
        return source.interval_s if source.own_pace else max(self.interval_s, source.interval_s)

    def late_s(self, name: str, now: float) -> float | None:
        """Since how many seconds a fetch of `name` is in flight; `None` when none is."""
        flight = self._flights.get(name)
        return now - flight.started_at if flight is not None and flight.running else None

    def accept(self, reading: Reading[object]) -> bool:
        """Whether `reading` answers the newest fetch of its source; an outdated one is dropped."""
        flight = self._flights.get(reading.source)
        if flight is None or reading.generation != flight.generation or not flight.running:
            return False
        self._flights[reading.source] = replace(flight, running=False)
        return True
