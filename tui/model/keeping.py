"""Values about the job that is to run, and about the keeper that brings it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether the job `job_id` is to run; `pipeline` are the settings it was started with, by their names.

    `begun` are those of a submission that began after this and has not said yet which job came of it.
    """

    job_id: str
    wanted: bool
    pipeline: Mapping[str, str | int] = field(default_factory=dict)
    begun: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the keeper does about the lost job `job_id`.

    `attempt` is the one that comes next, runs, or was the last; `next_at` is when the next one begins, where that is
    known; `reason` says why the last one failed or what is waited for.
    """

    phase: Literal["waiting", "submitting", "gave up"]
    job_id: str
    attempt: int
    next_at: datetime | None = None
    reason: str | None = None
