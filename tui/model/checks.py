"""Results of verification and of the machine's check-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was expected, what was found, and a sentence about the difference."""

    name: str
    ok: bool
    expected: str
    actual: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one run."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed (a report without checks did not)."""
        return bool(self.checks) and all(c.ok for c in self.checks)


@dataclass(frozen=True, slots=True)
class VerifyRun:
    """One run of the checks as far as it has come; `took_s` grows while it is `running`."""

    checks: tuple[Check, ...] = ()
    running: bool = False
    began_at: datetime | None = None
    took_s: float | None = None
