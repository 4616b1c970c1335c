"""Plays a recording: which state it shows at which moment. Pure: the caller says how much time has passed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from tui.core.recording import Recording
from tui.core.store import State, apply
from tui.model.logs import LogChunk
from tui.model.reading import Reading

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
KEY_EVERY = 200
"""After so many readings the state is kept, so that going back starts from there."""

LOG_LINES = 2_000
"""So many of a log's newest lines are shown."""


class Player:
    """Stands at `position_s` seconds after the start of `recording`; goes on at `speed` unless `paused`."""

    def __init__(self, recording: Recording, speed: float = 1.0) -> None:
        self.recording = recording
        self.speed = speed
        self.paused = False
        self.position_s = 0.0
        start = recording.header.started_at
        offsets = ((r.taken_at - start).total_seconds() for r in recording.readings)
        self._offsets_s = list(accumulate(offsets, max, initial=0.0))[1:]  # a clock that was set back stands still
        self._keys = [State()]
        self._applied = 0
        self._state = State()
        self.seek(0.0)

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return max(self.recording.length_s, self._offsets_s[-1])

    @property
    def ended(self) -> bool:
        """Whether it stands at the end."""
        return self.position_s >= self.length_s

    @property
    def now(self) -> datetime:
        """The moment that is shown."""
        return self.recording.header.started_at + timedelta(seconds=self.position_s)

    @property
    def state(self) -> State:
        """What was known then."""
        return self._state

    def advance(self, seconds: float) -> None:
        """So much time has passed for the one who looks on."""
        if not self.paused:
            self.seek(self.position_s + seconds * self.speed)

    def seek(self, position_s: float) -> None:
        """Go to that moment, forwards or backwards; past an end means to that end."""
        self.position_s = min(max(0.0, position_s), self.length_s)
        target = bisect_right(self._offsets_s, self.position_s)
        if target < self._applied:
            key = target // KEY_EVERY
            self._applied, self._state = key * KEY_EVERY, self._keys[key]
        for reading in self.recording.readings[self._applied : target]:
            self._state = apply(self._state, joined(self._state, reading))
            self._applied += 1
            if self._applied == len(self._keys) * KEY_EVERY:
                self._keys.append(self._state)

    def pause(self) -> None:
        """Stop or go on; at the end it starts again."""
        if self.ended:
            self.seek(0.0)
            self.paused = False
        else:
            self.paused = not self.paused

    def faster(self, step: int) -> None:
        """The next speed up (1) or down (-1)."""
        if step > 0:
            self.speed = next((s for s in SPEEDS if s > self.speed), SPEEDS[-1])
        else:
            self.speed = next((s for s in reversed(SPEEDS) if s < self.speed), SPEEDS[0])


def joined(state: State, reading: Reading[Any]) -> Reading[Any]:
    """A piece of a log with what came before it: who jumps into a recording has not seen the other pieces."""
    chunk, before = reading.value, state.shown(reading.source).value
    if not isinstance(chunk, LogChunk) or not isinstance(before, LogChunk) or chunk.start != before.cursor:
        return reading
    if not chunk.lines and chunk.cursor == before.cursor:
        return replace(reading, value=before)
    lines = (*before.lines, *chunk.lines)
    skipped = before.skipped_bytes if len(lines) <= LOG_LINES else None
    whole = replace(chunk, lines=lines[-LOG_LINES:], start=before.start, skipped_bytes=skipped)
    return replace(reading, value=whole)
