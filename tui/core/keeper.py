"""Keeps running what nothing else does: containers that were killed, and the job of a lost JobManager.

A job is wanted from the moment it was seen running until it was seen ended: a JobManager that was killed forgets its
jobs, one that cancelled or finished a job remembers it. A wanted job that nobody knows is submitted again, from its
newest restore point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tui.core.control import Submitted
from tui.model.errors import LakehouseError
from tui.model.flink import JobSummary
from tui.model.stack import Progress
from tui.ports import ProgressSink


class Jobs(Protocol):
    """The part of `tui.core.control.Control` that the keeper needs."""

    def submit(self, progress: ProgressSink) -> Submitted:
        """Submit from the newest restore point."""


class Memory(Protocol):
    """What outlives the keeper itself."""

    def wanted(self) -> str | None:
        """The id of the job that is to run."""

    def want(self, job_id: str | None) -> None:
        """Remember it."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """One look at a time; `say` gets a sentence for everything it does."""

    revive: Callable[[], tuple[str, ...]]
    jobs: Callable[[], tuple[JobSummary, ...]]
    control: Callable[[], Jobs]
    memory: Memory
    say: Callable[[str], None]

    def look(self) -> None:
        """Look once, and mend what is broken; what fails is said and tried again at the next look."""
        try:
            for name in self.revive():
                self.say(f"{name} had ended and is started again.")
            known = self.jobs()
        except LakehouseError:
            return  # the engine or the JobManager is away: nothing can be said about the job
        try:
            self._keep(known)
        except LakehouseError as error:
            self.say(str(error))

    def _keep(self, known: tuple[JobSummary, ...]) -> None:
        active = next((job for job in known if job.active), None)
        wanted = self.memory.wanted()
        if active is not None:
            if active.id != wanted:
                self.memory.want(active.id)
        elif wanted is not None and any(job.id == wanted for job in known):
            self.memory.want(None)
        elif wanted is not None:
            self.say(f"Job {wanted} is lost; it is submitted again.")
            done = self.control().submit(_silent)
            self.memory.want(done.job_id)
            origin = f"{done.restored.kind} {done.restored.checkpoint_id}" if done.restored else "the beginning"
            self.say(f"Job {done.job_id} runs, from {origin} ({done.seconds:.1f} s).")


def _silent(step: Progress) -> None:
    """Nobody watches."""
