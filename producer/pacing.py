"""Exact pacing: message number n is due at start + n / rate, whatever the messages before it took."""

from __future__ import annotations

from collections.abc import Callable

BURST_S = 1.0
"""After a stall at most this much of the schedule is made up for; the rest is dropped."""


class Pacer:
    """Says how many messages are due at `rate` a second (0: without bound); `clock` gives monotonic seconds."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        if rate < 0:
            raise ValueError("the rate must not be negative")
        self._rate = rate
        self._clock = clock
        self._start = clock()
        self._given = 0

    def due(self, most: int) -> int:
        """How many messages to send now, at most `most`; they count as sent."""
        if not self._rate:
            return most
        behind = int((self._clock() - self._start) * self._rate) + 1 - self._given
        allowed = max(1, int(self._rate * BURST_S))
        if behind > allowed:
            self._start += (behind - allowed) / self._rate
            behind = allowed
        now = max(0, min(behind, most))
        self._given += now
        return now

    def wait_s(self) -> float:
        """Seconds until the next message is due; never negative."""
        if not self._rate:
            return 0.0
        return max(0.0, self._start + self._given / self._rate - self._clock())
