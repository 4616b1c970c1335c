"""Keeps running what nothing else does: containers that were killed, and the job that its cluster has lost.

A job is wanted from its submission until it is cancelled or stopped with a savepoint, or the stack goes down. A
JobManager that was killed forgets its jobs; one that ended a job remembers it. So a wanted job that nobody knows, or
that failed, is submitted again, from its newest good restore point.

Between attempts the keeper waits ever longer, and after `ATTEMPTS` without any progress it gives up, until somebody
submits. Progress is a completed checkpoint. A service that is away is waited for and costs no attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tui.core.control import Submitted
from tui.model.errors import BusyError, CancelledError, LakehouseError, UnavailableError
from tui.model.flink import CheckpointStats, ClusterInfo, JobSummary
from tui.model.keeping import Keeping, Wish
from tui.model.stack import Progress
from tui.ports import ProgressSink, WishPort

ATTEMPTS = 6
FIRST_PAUSE_S = 2.0
AWAY_PAUSE_S = 1.0
_ENDED = ("CANCELED", "FINISHED")


class Jobs(Protocol):
    """The part of `tui.core.control.Control` that the keeper needs, for the pipeline of one job."""

    @property
    def wish(self) -> WishPort:
        """What is remembered, with this pipeline."""

    def submit(self, progress: ProgressSink, *, lost: str | None) -> Submitted:
        """Submit from the newest restore point in the place of `lost`."""


class Cluster(Protocol):
    """The part of `tui.ports.FlinkPort` that the keeper needs."""

    def jobs(self) -> tuple[JobSummary, ...]:
        """All jobs the cluster remembers."""

    def cluster(self) -> ClusterInfo:
        """TaskManagers and slots."""

    def checkpoints(self, job_id: str) -> CheckpointStats:
        """Checkpoints of a job since it started."""


@dataclass(slots=True)
class Keeper:
    """One look at a time.

    `control` gives the actions on a job with the pipeline of a wish, `tell` gets what the dashboard shows (`None`:
    nothing to mend), `say` a sentence for the log. A keeper that `adopts` keeps any job that it sees running, with its
    own pipeline; else only what was submitted by this home, and what runs in the place of such a job.
    """

    revive: Callable[[], tuple[str, ...]]
    cluster: Cluster
    wish: WishPort
    control: Callable[[Wish | None], Jobs]
    tell: Callable[[Keeping | None], None]
    say: Callable[[str], None]
    now: Callable[[], datetime]
    adopts: bool = False
    _own: str | None = None
    _lost: str | None = None
    _attempts: int = 0
    _reason: str | None = None
    _next_at: datetime | None = None
    _told: Keeping | None = None
    _trouble: str | None = None

    def look(self) -> None:
        """Look once, and mend what is broken; what fails is said and tried again at a later look."""
        try:
            for name in self.revive():
                self.say(f"{name} had ended and is started again.")
            known = self.cluster.jobs()
            self._judge(known)
        except UnavailableError:
            return  # the engine or the JobManager is away: nothing can be said about the job
        except LakehouseError as error:
            if str(error) != self._trouble:
                self.say(str(error))
            self._trouble = str(error)
        else:
            self._trouble = None

    def _judge(self, known: tuple[JobSummary, ...]) -> None:
        active = next((job for job in known if job.ours), None)
        wish = self.wish.read()
        if active is not None:
            self._watch(active, wish)
        elif wish is None or not wish.wanted:
            self._all_well()
        elif any(job.id == wish.job_id and job.state in _ENDED for job in known):
            self.wish.end(wish.job_id)
            self._all_well()
        else:
            self._mend(wish, failed=any(job.id == wish.job_id for job in known))

    def _watch(self, active: JobSummary, wish: Wish | None) -> None:
        """A job runs: it is the wanted one, unless somebody is ending it."""
        self._publish(None)
        unknown = wish is None or wish.job_id != active.id
        if unknown and wish is not None and wish.begun is not None:  # whoever submitted it may be dead
            self.control(Wish(active.id, False, wish.begun)).wish.want(active.id)
        elif unknown and (self.adopts or (wish is not None and wish.wanted)):
            self.control(wish).wish.want(active.id)
            self.say(f"Job {active.id} runs and is kept.")
        if self._attempts and self.cluster.checkpoints(active.id).completed:
            self._forget()

    def _mend(self, wish: Wish, *, failed: bool) -> None:
        if wish.job_id not in (self._own, self._lost):
            self._forget()  # somebody else has submitted since
        if wish.job_id != self._lost:
            self._lost = wish.job_id
            self.say(f"Job {wish.job_id} {'failed' if failed else 'is lost'}; it is submitted again.")
        if self._attempts >= ATTEMPTS:
            self._publish(Keeping("gave up", wish.job_id, self._attempts, None, self._reason))
        elif self._next_at is not None and self.now() < self._next_at:
            self._publish(Keeping("waiting", wish.job_id, self._attempts + 1, self._next_at, self._reason))
        elif failed and self._occupied():
            self._publish(Keeping("waiting", wish.job_id, self._attempts + 1, None, "its tasks are still ending"))
        else:
            self._attempt(wish)

    def _occupied(self) -> bool:
        """Whether tasks of a job that failed still hold slots."""
        found = self.cluster.cluster()
        return found.slots_available < found.slots_total

    def _attempt(self, wish: Wish) -> None:
        self._attempts += 1
        self._publish(Keeping("submitting", wish.job_id, self._attempts, None, self._reason))
        try:
            done = self.control(wish).submit(_silent, lost=wish.job_id)
        except BusyError:
            self._attempts -= 1
        except CancelledError as error:
            self.say(str(error))
            self._forget()
        except UnavailableError as error:
            if self._started(wish):
                self._pause(wish, _pause_s(self._attempts), str(error))
            else:
                self._attempts -= 1
                self._pause(wish, AWAY_PAUSE_S, str(error))
        except LakehouseError as error:
            self._started(wish)
            self._pause(wish, _pause_s(self._attempts), str(error))
            self.say(f"Attempt {self._attempts} of {ATTEMPTS} failed: {error}")
        else:
            self._own = done.job_id
            self._pause(wish, _pause_s(self._attempts), "it was lost again before its first checkpoint")
            self._publish(None)
            self.say(_sentence(done))

    def _started(self, lost: Wish) -> bool:
        """Whether a job took the place of the lost one, though its tasks were not seen running."""
        wish = self.wish.read()
        started = wish is not None and wish.wanted and wish.job_id != lost.job_id
        if wish is not None and started:
            self._own = wish.job_id
        return started

    def _pause(self, wish: Wish, seconds: float, reason: str) -> None:
        self._next_at = self.now() + timedelta(seconds=seconds)
        self._reason = reason
        if self._attempts < ATTEMPTS:
            self._publish(Keeping("waiting", wish.job_id, self._attempts + 1, self._next_at, reason))

    def _all_well(self) -> None:
        self._forget()
        self._publish(None)

    def _forget(self) -> None:
        self._own, self._lost, self._attempts, self._reason, self._next_at = None, None, 0, None, None

    def _publish(self, keeping: Keeping | None) -> None:
        if keeping != self._told:
            self._told = keeping
            self.tell(keeping)


def _pause_s(attempts: int) -> float:
    return FIRST_PAUSE_S * float(1 << (attempts - 1))


def _sentence(done: Submitted) -> str:
    origin = f"{done.restored.kind} {done.restored.checkpoint_id}" if done.restored else "the beginning"
    remark = f" Note: {done.remark}." if done.remark else ""
    return f"Job {done.job_id} runs, from {origin} ({done.seconds:.1f} s).{remark}"


def _silent(step: Progress) -> None:
    """Nobody watches."""
