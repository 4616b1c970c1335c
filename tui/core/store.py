"""The one state that every screen shows, as a pure function of the readings: `apply(state, reading) -> state`.

On an error the last value stays and is marked stale; rates and the time to catch up are computed here, from a
history of fixed length. Unknown is `None`, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tui.model.kafka import TopicLag
from tui.model.reading import Reading

HISTORY = 120
"""How many lag readings are kept: two minutes at one a second."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one source last said, and whether it still says so."""

    value: Any = None
    taken_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None

    @property
    def stale(self) -> bool:
        """Whether there is a value that the source no longer confirms."""
        return self.value is not None and self.error is not None

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the value was taken; `None` before the first.

        A value of the future, after the clock went back, is as far away: nothing says that it still holds.
        """
        return None if self.taken_at is None else abs((now - self.taken_at).total_seconds())


@dataclass(frozen=True, slots=True)
class PartitionRates:
    """Records a second that one partition takes in and that the job reads, and seconds until it catches up."""

    in_rate: float | None = None
    out_rate: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screens show; `sources` by name, lag history oldest first."""

    sources: Mapping[str, Shown] = field(default_factory=lambda: MappingProxyType({}))
    lag_history: tuple[TopicLag, ...] = ()
    rates: Mapping[int, PartitionRates] = field(default_factory=lambda: MappingProxyType({}))

    def shown(self, source: str) -> Shown:
        """What `source` last said; empty before its first reading."""
        return self.sources.get(source, Shown())


def apply(state: State, reading: Reading[Any]) -> State:
    """The state after `reading`; never changes `state`."""
    shown = _after(state.shown(reading.source), reading)
    state = replace(state, sources=MappingProxyType({**state.sources, reading.source: shown}))
    if reading.ok and isinstance(reading.value, TopicLag):
        history = (*_before(reading.value, state.lag_history), reading.value)[-HISTORY:]
        state = replace(state, lag_history=history, rates=MappingProxyType(_rates(history)))
    return state


def _after(shown: Shown, reading: Reading[Any]) -> Shown:
    if reading.ok:
        return Shown(reading.value, reading.taken_at)
    return replace(shown, error=reading.error, failing_since=shown.failing_since or reading.taken_at)


def _before(newest: TopicLag, history: tuple[TopicLag, ...]) -> tuple[TopicLag, ...]:
    """What rates may reach back to: nothing beyond a gap, or a jump of the machine's clock, ahead or back."""
    earlier = tuple(lag for lag in history if lag.taken_at != newest.taken_at)
    gap_s = (newest.taken_at - earlier[-1].taken_at).total_seconds() if earlier else 0.0
    return earlier if 0.0 <= gap_s <= READ_WINDOW_S else ()


RATE_WINDOW_S = 10.0


def _rates(history: tuple[TopicLag, ...]) -> dict[int, PartitionRates]:
    """Rates over the last `RATE_WINDOW_S`; unknown where an end of the window is unknown."""
    newest = history[-1]
    oldest = next(h for h in history if (newest.taken_at - h.taken_at).total_seconds() <= RATE_WINDOW_S)
    seconds = (newest.taken_at - oldest.taken_at).total_seconds()
    if seconds <= 0:
        return {p.partition: PartitionRates() for p in newest.partitions}
    before = {p.partition: p for p in oldest.partitions}
    rates = {}
    for now in newest.partitions:
        then = before.get(now.partition)
        in_rate = _rate(then.high if then else None, now.high, seconds)
        out_rate = _read_rate(history, now.partition)
        rates[now.partition] = PartitionRates(in_rate, out_rate, _eta(now.lag_read, in_rate, out_rate))
    return rates


def _rate(then: int | None, now: int | None, seconds: float) -> float | None:
    """Records a second; a counter that went back (a topic made anew, a job restored) is unknown, not negative."""
    return None if then is None or now is None or now < then else (now - then) / seconds


READ_WINDOW_S = 30.0
READ_QUIET_S = 15.0
"""Flink's metrics are up to 10 s old: an offset that stood still for so long is one that is not read."""


def _read_rate(history: tuple[TopicLag, ...], partition: int) -> float | None:
    """Records a second that the job reads: from step to step, because the offset that Flink tells moves in steps.

    The first reading says nothing about when its step was (Flink renews its metrics only while somebody looks), so it
    is left out.
    """
    newest = history[-1].taken_at
    steps: list[tuple[datetime, int]] = []
    for lag in history:
        read = next((p.read for p in lag.partitions if p.partition == partition), None)
        if read is None or (steps and read < steps[-1][1]):  # a job restored from a checkpoint reads again
            steps = []
        if read is not None and (not steps or read != steps[-1][1]):
            steps.append((lag.taken_at, read))
    if not steps:
        return None
    quiet_s = (newest - steps[-1][0]).total_seconds()
    if quiet_s > READ_QUIET_S:
        return 0.0
    recent = [s for s in steps[1:] if (newest - s[0]).total_seconds() <= READ_WINDOW_S]
    if len(recent) < 2:
        return None
    seconds = (recent[-1][0] - recent[0][0]).total_seconds()
    return (recent[-1][1] - recent[0][1]) / seconds if seconds > 0 else None


def _eta(lag: int | None, in_rate: float | None, out_rate: float | None) -> float | None:
    """Seconds to catch up; 0 when caught up, `None` while unknown or while the lag does not shrink."""
    if lag == 0:
        return 0.0
    if lag is None or in_rate is None or out_rate is None or out_rate <= in_rate:
        return None
    return lag / (out_rate - in_rate)
