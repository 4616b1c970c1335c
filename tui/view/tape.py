"""What of the dashboard goes into a recording: the readings, the actions, and what the user has chosen to see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tui.model.activity import Activity
from tui.model.display import Display
from tui.model.reading import Reading

ACTIVITY, DISPLAY = "activity", "display"
"""Sources that exist in recordings only."""


class Tape:
    """Hands readings to `note`, which must be quick; `told` gives a sentence once the recording has failed."""

    def __init__(
        self,
        note: Callable[[Reading[object]], None] = lambda _: None,
        told: Callable[[], str | None] = lambda: None,
        running: bool = False,
    ) -> None:
        self.note = note
        self.running = running
        self._told = told
        self._last: tuple[tuple[Activity, ...], Display | None] = ((), None)

    def look(self, activities: tuple[Activity, ...], display: Display, now: datetime) -> str | None:
        """Note what is new of these; returns a sentence if the recording has just ended by itself."""
        if not self.running:
            return None
        if activities != self._last[0]:
            self.note(Reading(ACTIVITY, now, 0, value=activities))
        if display != self._last[1]:
            self.note(Reading(DISPLAY, now, 0, value=display))
        self._last = activities, display
        failure = self._told()
        self.running = failure is None
        return failure
