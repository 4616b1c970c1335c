"""Runs the checks in a daemon thread and tells how far they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic

from tui.core.cockpit import Report
from tui.core.verify import NAMES
from tui.model.checks import Check, VerifyRun
from tui.model.errors import LakehouseError


class Verification:
    """One run at a time; `now` may be asked by any thread."""

    def __init__(self, checks: Callable[[], Iterator[Check]], report: Report, clock: Callable[[], datetime]) -> None:
        self._checks = checks
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._run = VerifyRun()
        self._began = 0.0

    def now(self) -> VerifyRun:
        """The run so far, or the last one."""
        with self._lock:
            run = self._run
            return VerifyRun(run.checks, True, run.began_at, monotonic() - self._began) if run.running else run

    def start(self) -> str | None:
        """Begin a run; a sentence where one is under way."""
        with self._lock:
            if self._run.running:
                return f"The checks are already running ({monotonic() - self._began:.0f} s); wait for their end."
            self._run = VerifyRun((), True, self._clock())
            self._began = monotonic()
        threading.Thread(target=self._work, name="verify", daemon=True).start()
        return None

    def _work(self) -> None:
        try:
            for check in self._checks():
                self._add(check)
        except LakehouseError as error:
            self._add(self._broken("unknown", str(error)))
        except Exception as error:  # noqa: BLE001 - a bug in a check must not end the dashboard
            self._add(self._broken("an unexpected error", self._report(error)))
        with self._lock:
            self._run = VerifyRun(self._run.checks, False, self._run.began_at, monotonic() - self._began)

    def _add(self, check: Check) -> None:
        with self._lock:
            self._run = VerifyRun((*self._run.checks, check), True, self._run.began_at)

    def _broken(self, actual: str, why: str) -> Check:
        """The check that could not be made."""
        done = {check.name for check in self._run.checks}
        name = next((name for name in NAMES if name not in done), "verify")
        return Check(name, ok=False, expected="the check can be made", actual=actual, detail=why)
