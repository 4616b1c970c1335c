"""Who runs the actions, and how they went."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from textual.message import Message

from tui.core.actions import Action
from tui.core.cockpit import Report
from tui.model.activity import Activity
from tui.model.errors import LakehouseError
from tui.model.stack import Progress
from tui.view.messages import Ended, Stepped


class Performer:
    """Runs actions, each in a daemon thread, never two of a group at once; knows what runs and how the last ones ended.

    Steps and ends are posted as messages; the application hands them back to `stepped` and `ended`.
    """

    def __init__(self, post: Callable[[Message], object], report: Report, clock: Callable[[], datetime]) -> None:
        self._post = post
        self._report = report
        self._clock = clock
        self._known: dict[str, Activity] = {}
        self._refreshes: dict[str, tuple[str, ...]] = {}

    @property
    def activities(self) -> tuple[Activity, ...]:
        """What runs and what has ended, oldest first."""
        return tuple(sorted(self._known.values(), key=lambda a: a.began))

    @property
    def running(self) -> tuple[Activity, ...]:
        """What runs."""
        return tuple(a for a in self.activities if a.running)

    def refusal(self, action: Action) -> str | None:
        """Why `action` cannot start now: it, or one of its group, still runs."""
        for other in self.running:
            if other.group == action.group:
                seconds = max(0, int((self._clock() - other.began).total_seconds()))
                what = "it" if other.action == action.name else f"“{other.title}”"
                return f"{action.title}: {what} is already running ({seconds} s); wait for its end."
        return None

    def start(self, action: Action) -> None:
        """Run `action`; how others ended is forgotten."""
        self.forget()
        self._known[action.name] = Activity(action.name, action.title, action.group, self._clock())
        self._refreshes[action.name] = action.refreshes
        threading.Thread(target=self._run, args=(action,), name=f"action-{action.name}", daemon=True).start()

    def stepped(self, message: Stepped) -> None:
        """A step of a running action."""
        known = self._known.get(message.action)
        if known is not None and known.running:
            self._known[message.action] = known.stepped(message.step)

    def ended(self, message: Ended) -> tuple[str, ...]:
        """An action has ended; returns the sources that it may have changed."""
        known = self._known.get(message.action)
        if known is None:
            return ()
        self._known[message.action] = known.finished(message.sentence, self._clock(), ok=message.ok)
        return self._refreshes[message.action]

    def forget(self) -> None:
        """Forget what has ended."""
        self._known = {name: a for name, a in self._known.items() if a.running}

    def _run(self, action: Action) -> None:
        def sink(step: Progress) -> None:
            self._post(Stepped(action.name, step))

        try:
            end = Ended(action.name, action.run(sink), ok=True)
        except LakehouseError as error:
            end = Ended(action.name, str(error), ok=False)
        except Exception as error:  # noqa: BLE001 - a bug in an action must not end the dashboard
            end = Ended(action.name, self._report(error), ok=False)
        self._post(end)
