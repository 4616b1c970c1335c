"""The keeper: a job that a lost JobManager forgot is submitted again, one that was ended is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from tui.core.control import Submitted
from tui.core.keeper import Keeper
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.flink import JobSummary, RestorePoint
from tui.ports import ProgressSink

OLD, NEW = "a" * 32, "b" * 32
POINT = RestorePoint(f"s3a://warehouse/flink/checkpoints/{OLD}/chk-7", "checkpoint", 7, datetime.now(UTC), OLD)


def job(job_id: str, state: str) -> JobSummary:
    return JobSummary(job_id, "kafka_to_iceberg", state, datetime.now(UTC), None, 0, 0)


@dataclass
class World:
    """A cluster, its containers, and what the keeper remembers."""

    known: tuple[JobSummary, ...] = ()
    ended: tuple[str, ...] = ()
    remembered: str | None = None
    away: bool = False
    refusal: str | None = None
    submits: int = 0
    said: list[str] = field(default_factory=list)

    def wanted(self) -> str | None:
        return self.remembered

    def want(self, job_id: str | None) -> None:
        self.remembered = job_id

    def revive(self) -> tuple[str, ...]:
        found, self.ended = self.ended, ()
        return found

    def jobs(self) -> tuple[JobSummary, ...]:
        if self.away:
            raise UnavailableError("Flink does not answer.")
        return self.known

    def submit(self, progress: ProgressSink) -> Submitted:
        if self.refusal:
            raise LakehouseError(self.refusal)
        self.submits += 1
        self.known = (job(NEW, "RUNNING"),)
        return Submitted(NEW, POINT, 9.0)

    def look(self) -> None:
        Keeper(self.revive, self.jobs, lambda: self, self, self.said.append).look()


def test_a_job_that_was_seen_running_and_is_forgotten_is_submitted_again() -> None:
    world = World(known=(job(OLD, "RUNNING"),))
    world.look()
    world.away = True
    world.look()
    assert world.submits == 0
    world.away, world.known = False, ()
    world.look()
    assert world.submits == 1
    assert world.remembered == NEW
    assert "from checkpoint 7" in world.said[-1]
    world.look()
    assert world.submits == 1


def test_a_cancelled_or_finished_job_stays_ended() -> None:
    for state in ("CANCELED", "FINISHED", "FAILED"):
        world = World(known=(job(OLD, "RUNNING"),))
        world.look()
        world.known = (job(OLD, state),)
        world.look()
        world.known = ()  # the JobManager is killed later
        world.look()
        assert (world.submits, world.remembered) == (0, None), state


def test_nothing_is_submitted_where_no_job_ever_ran() -> None:
    world = World()
    world.look()
    assert (world.submits, world.said) == (0, [])


def test_a_job_that_restarts_is_left_alone() -> None:
    world = World(known=(job(OLD, "RESTARTING"),), remembered=OLD)
    world.look()
    assert (world.submits, world.remembered) == (0, OLD)


def test_a_refused_submit_is_said_and_tried_again() -> None:
    world = World(remembered=OLD, refusal="Another submit is under way; wait for its end.")
    world.look()
    assert world.said[-1] == world.refusal
    assert world.remembered == OLD
    world.refusal = None
    world.look()
    assert world.submits == 1


def test_containers_that_ended_are_named() -> None:
    world = World(ended=("kafka",))
    world.look()
    assert world.said == ["kafka had ended and is started again."]
