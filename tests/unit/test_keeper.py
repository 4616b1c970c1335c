"""The keeper: a wanted job that its cluster lost is submitted again, one that was ended is not; never without end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import pytest

from tui.cli import keep
from tui.core.control import Control, Submitted
from tui.core.keeper import ATTEMPTS, Keeper
from tui.model.errors import BusyError, LakehouseError, NotFoundError, UnavailableError
from tui.model.flink import CheckpointStats, ClusterInfo, JobSummary, Lineage, RestorePoint
from tui.model.keeping import Keeping, Wish
from tui.model.stack import Progress
from tui.ports import ProgressSink

OLD, NEW, FOREIGN = "a" * 32, "b" * 32, "f" * 32
T0 = datetime(2026, 1, 1, tzinfo=UTC)
POINT = RestorePoint(f"s3a://warehouse/flink/checkpoints/{OLD}/chk-7", "checkpoint", 7, T0, OLD)


def job(job_id: str, state: str, name: str = "kafka_to_iceberg") -> JobSummary:
    return JobSummary(job_id, name, state, T0, None, 4, 4)


def silent(step: Progress) -> None:
    pass


@dataclass
class Wishes:
    """What is wished, in memory."""

    wished: Wish | None = None

    def read(self) -> Wish | None:
        return self.wished

    def begin(self) -> None:
        self.wished = replace(self.wished or Wish("", False), begun={"topic": "mine"})

    def want(self, job_id: str) -> None:
        self.wished = Wish(job_id, True)

    def end(self, job_id: str) -> None:
        self.wished = Wish(job_id, False)


@dataclass
class World(Wishes):
    """A cluster, its containers, what is wished, and a clock that only moves when told."""

    known: tuple[JobSummary, ...] = ()
    ended: tuple[str, ...] = ()
    away: bool = False
    failure: LakehouseError | None = None
    free: int = 4
    completed: int = 0
    adopts: bool = False
    starts: bool = False
    submits: list[Wish | None] = field(default_factory=list)
    shown: Keeping | None = None
    said: list[str] = field(default_factory=list)
    now: datetime = T0
    ids: Iterator[str] = field(default_factory=lambda: (f"{n:032x}" for n in count()))

    def __post_init__(self) -> None:
        self.keeper = Keeper(
            self.revive, self, self, self.control, self.tell, self.said.append, lambda: self.now, self.adopts
        )

    @property
    def wish(self) -> World:
        return self

    def revive(self) -> tuple[str, ...]:
        found, self.ended = self.ended, ()
        return found

    def jobs(self) -> tuple[JobSummary, ...]:
        if self.away:
            raise UnavailableError("Flink does not answer.")
        return self.known

    def cluster(self) -> ClusterInfo:
        return ClusterInfo("1.19", 1, 4, self.free)

    def checkpoints(self, job_id: str) -> CheckpointStats:
        return CheckpointStats(self.completed, 0, 0, None, 60_000, ())

    def control(self, wish: Wish | None) -> World:
        self.pipeline = wish
        return self

    def submit(self, progress: ProgressSink, *, lost: str | None) -> Submitted:
        self.submits.append(self.pipeline)
        if self.starts:
            self.want(next(self.ids))
        assert self.shown is not None
        assert self.shown.phase == "submitting"
        if self.failure:
            raise self.failure
        found = next(self.ids)
        self.want(found)
        self.known = (job(found, "RUNNING"),)
        return Submitted(found, POINT, 9.0)

    def tell(self, keeping: Keeping | None) -> None:
        self.shown = keeping

    def look(self, seconds: float = 0.0) -> None:
        self.now += timedelta(seconds=seconds)
        self.keeper.look()

    def looks(self, seconds: int) -> None:
        for _ in range(seconds):
            self.look(1)


def test_a_job_of_another_name_neither_hides_the_loss_nor_is_kept() -> None:
    stranger = job(FOREIGN, "RUNNING", "an experiment")
    world = World(known=(stranger, job(OLD, "RUNNING")), wished=Wish(OLD, True))
    world.look()
    assert world.wished == Wish(OLD, True)
    world.known = (stranger,)
    world.look()
    assert len(world.submits) == 1


def running() -> World:
    return World(known=(job(OLD, "RUNNING"),), wished=Wish(OLD, True, {"topic": "t"}))


def test_a_wanted_job_that_is_forgotten_is_submitted_again_with_its_own_settings() -> None:
    world = running()
    world.look()
    world.away = True
    world.look()
    assert (world.submits, world.shown) == ([], None)
    world.away, world.known = False, ()
    world.look()
    assert world.submits == [Wish(OLD, True, {"topic": "t"})]
    assert world.wished is not None
    assert world.wished.job_id != OLD
    assert "from checkpoint 7" in world.said[-1]
    world.looks(5)
    assert len(world.submits) == 1
    assert world.shown is None


def test_a_wish_is_kept_by_a_keeper_that_never_saw_the_job() -> None:
    world = World(wished=Wish(OLD, True))
    world.look()
    assert len(world.submits) == 1


def test_a_cancelled_or_finished_job_stays_ended() -> None:
    for state in ("CANCELED", "FINISHED"):
        world = running()
        world.look()
        world.known = (job(OLD, state),)
        world.look()
        world.known = ()  # the JobManager is killed later
        world.looks(3)
        assert world.submits == [], state
        assert world.wished == Wish(OLD, False), state


def test_a_job_that_is_being_ended_stays_ended_though_its_jobmanager_dies() -> None:
    world = World(known=(job(OLD, "CANCELLING"),), wished=Wish(OLD, False), adopts=True)
    world.look()
    world.known = ()
    world.looks(3)
    assert world.submits == []


def test_a_failed_job_is_submitted_again_once_its_tasks_have_ended() -> None:
    world = World(known=(job(OLD, "FAILED"),), wished=Wish(OLD, True), free=2)
    world.look()
    assert world.submits == []
    assert world.shown == Keeping("waiting", OLD, 1, None, "its tasks are still ending")
    world.free = 4
    world.look(1)
    assert len(world.submits) == 1


def test_nothing_is_submitted_where_nothing_is_wished() -> None:
    world = World()
    world.looks(3)
    assert (world.submits, world.said, world.wished) == ([], [], None)


def test_a_job_that_restarts_is_left_alone() -> None:
    world = World(known=(job(OLD, "RESTARTING"),), wished=Wish(OLD, True))
    world.looks(3)
    assert (world.submits, world.wished) == ([], Wish(OLD, True))


def test_a_foreign_job_is_kept_only_by_a_keeper_that_adopts() -> None:
    for adopts in (False, True):
        world = World(known=(job(FOREIGN, "RUNNING"),), adopts=adopts)
        world.look()
        assert (world.wished == Wish(FOREIGN, True)) is adopts


def test_what_runs_in_the_place_of_a_wanted_job_is_kept() -> None:
    world = World(known=(job(NEW, "RUNNING"),), wished=Wish(OLD, True))
    world.look()
    assert world.wished == Wish(NEW, True)


@pytest.mark.parametrize("before", [Wish("", False), Wish(OLD, False), Wish(OLD, True)])
def test_a_job_whose_submitter_died_before_it_could_say_so_is_kept_with_its_own_pipeline(before: Wish) -> None:
    world = World(known=(job(NEW, "RUNNING"),), wished=replace(before, begun={"topic": "mine"}))
    world.look()
    assert world.wished == Wish(NEW, True)
    assert world.pipeline == Wish(NEW, False, {"topic": "mine"})


def test_a_submission_that_began_and_made_no_job_is_nothing_to_mend() -> None:
    world = World(known=(job(OLD, "CANCELED"),), wished=Wish(OLD, False, begun={"topic": "mine"}))
    world.looks(3)
    assert (world.submits, world.wished) == ([], Wish(OLD, False, begun={"topic": "mine"}))


def test_attempts_get_rarer_and_end_with_the_reason() -> None:
    world = World(wished=Wish(OLD, True), failure=LakehouseError("No restore point is left."))
    at: list[int] = []
    for second in range(300):
        before = len(world.submits)
        world.look(1)
        if len(world.submits) > before:
            at.append(second)
    assert len(at) == ATTEMPTS
    assert [b - a for a, b in pairwise(at)] == [2, 4, 8, 16, 32]
    assert world.shown == Keeping("gave up", OLD, ATTEMPTS, None, "No restore point is left.")


def test_the_next_attempt_is_shown_with_its_time_and_the_reason() -> None:
    world = World(wished=Wish(OLD, True), failure=LakehouseError("Too bad."))
    world.look()
    world.look(1)
    assert world.shown == Keeping("waiting", OLD, 2, T0 + timedelta(seconds=2), "Too bad.")


def test_a_service_that_is_away_costs_no_attempt() -> None:
    world = World(wished=Wish(OLD, True), failure=UnavailableError("S3 does not answer."))
    world.looks(120)
    assert len(world.submits) > ATTEMPTS
    assert world.shown is not None
    assert (world.shown.phase, world.shown.attempt, world.shown.reason) == ("waiting", 1, "S3 does not answer.")
    world.failure = None
    world.looks(2)
    assert world.shown is None


def test_a_submit_by_somebody_else_costs_no_attempt_and_is_no_failure() -> None:
    world = World(wished=Wish(OLD, True), failure=BusyError("Another submit is under way."))
    world.looks(60)
    assert world.shown is not None
    assert world.shown.attempt == 1
    assert world.said == [f"Job {OLD} is lost; it is submitted again."]


def test_a_job_that_is_lost_again_and_again_without_a_checkpoint_is_given_up() -> None:
    world = World(wished=Wish(OLD, True))
    for _ in range(200):
        world.look(1)
        world.look(1)  # sees it running
        world.known = ()
    assert len(world.submits) == ATTEMPTS
    assert world.shown is not None
    assert world.shown.phase == "gave up"
    assert world.shown.reason == "it was lost again before its first checkpoint"


@pytest.mark.parametrize("failure", [UnavailableError("Flink does not answer."), LakehouseError("The tasks failed.")])
def test_a_jobmanager_that_dies_of_each_job_is_left_alone_in_the_end(failure: LakehouseError) -> None:
    world = World(wished=Wish(OLD, True), failure=failure, starts=True)
    world.looks(300)
    assert len(world.submits) == ATTEMPTS
    assert world.shown is not None
    assert (world.shown.phase, world.shown.reason) == ("gave up", str(failure))


def test_a_completed_checkpoint_makes_up_for_all_attempts_before() -> None:
    world = World(wished=Wish(OLD, True), completed=1)
    for _ in range(200):
        world.look(1)
        world.look(1)
        world.known = ()
    assert len(world.submits) == 200


def test_a_submit_by_hand_makes_up_for_having_given_up() -> None:
    world = World(wished=Wish(OLD, True), failure=LakehouseError("Too bad."))
    world.looks(200)
    world.failure, world.submits = None, []
    world.want(NEW)
    world.known = (job(NEW, "RUNNING"),)
    world.look(1)
    assert world.shown is None
    world.known = ()
    world.look(1)
    assert len(world.submits) == 1


def test_the_same_trouble_is_said_once() -> None:
    world = World(known=(job(NEW, "RUNNING"),), wished=Wish(OLD, True))

    def refuse(job_id: str) -> None:
        raise LakehouseError("The disk is full.")

    world.want = refuse  # type: ignore[method-assign]
    world.looks(5)
    assert world.said == ["The disk is full."]


def test_containers_that_ended_are_named() -> None:
    world = World(ended=("kafka",))
    world.look()
    assert world.said == ["kafka had ended and is started again."]


@dataclass
class Cluster(Wishes):
    """What `Control` needs to submit, cancel and stop; `during` happens while a submission is under way."""

    active: list[JobSummary] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    refuses: bool = False
    fenced: int = 0

    def during(self) -> None:
        pass

    def jobs(self) -> tuple[JobSummary, ...]:
        return tuple(self.active)

    @contextmanager
    def submitting(self) -> Iterator[None]:
        yield

    def fence(self) -> str | None:
        self.fenced += 1
        return "fenced"

    def restore_points(self) -> tuple[RestorePoint, ...]:
        return (POINT,)

    def lineage(self) -> Lineage:
        return Lineage({})

    def history(self, table: str) -> None:
        raise NotFoundError(table)

    def savepoint_directory(self) -> str:
        return "file:/s"

    def start(self, point: RestorePoint | None, progress: object) -> str:
        assert self.fenced == 1, "what a lost job may still run ends before the next one starts"
        self.active = [job(NEW, "RUNNING")]
        self.during()
        return NEW

    def wait_running(self, job_id: str, timeout_s: float) -> None:
        pass

    def cancel(self, job_id: str, timeout_s: float) -> None:
        assert self.wished is not None
        assert not self.wished.wanted, "the wish ends before the job does"
        if self.refuses:
            raise UnavailableError("Flink does not answer.")
        self.cancelled.append(job_id)

    def stop_with_savepoint(self, job_id: str, directory: str, timeout_s: float) -> str:
        if self.refuses:
            raise LakehouseError("The savepoint failed.")
        return "file:/s/savepoint-1"

    def control(self) -> Control:
        return Control(self, self, self, self, self, self)  # type: ignore[arg-type]


def test_a_submit_is_a_wish() -> None:
    cluster = Cluster()
    cluster.control().submit(silent)
    assert cluster.wished == Wish(NEW, True)


def test_a_submission_is_known_of_before_its_job_is() -> None:
    found: list[Wish | None] = []

    class Seen(Cluster):
        def during(self) -> None:
            found.append(self.wished)

    for lost, begun in ((None, {"topic": "mine"}), (OLD, None)):
        Seen(Wish(OLD, lost is not None)).control().submit(silent, lost=lost)
        assert found.pop() == Wish(OLD, lost is not None, begun=begun)


def test_cancel_and_savepoint_end_the_wish() -> None:
    for act in (Control.cancel, Control.savepoint):
        cluster = Cluster(Wish(OLD, True), [job(OLD, "RUNNING")])
        act(cluster.control())
        assert cluster.wished == Wish(OLD, False)


def test_a_cancel_that_got_no_answer_is_meant_all_the_same() -> None:
    cluster = Cluster(Wish(OLD, True), [job(OLD, "RUNNING")], refuses=True)
    with pytest.raises(UnavailableError):
        cluster.control().cancel()
    assert cluster.wished == Wish(OLD, False)


def test_a_savepoint_that_failed_leaves_the_job_wanted() -> None:
    cluster = Cluster(Wish(OLD, True), [job(OLD, "RUNNING")], refuses=True)
    with pytest.raises(LakehouseError, match="savepoint failed"):
        cluster.control().savepoint()
    assert cluster.wished == Wish(OLD, True)


def test_cancel_of_a_lost_job_ends_the_wish() -> None:
    cluster = Cluster(Wish(OLD, True))
    assert cluster.control().cancel() == OLD
    assert cluster.wished == Wish(OLD, False)
    with pytest.raises(NotFoundError, match="No job runs"):
        cluster.control().cancel()


def test_what_is_wanted_no_more_is_not_brought_back() -> None:
    for wished in (None, Wish(OLD, False), Wish(NEW, True)):
        cluster = Cluster(wished)
        with pytest.raises(LakehouseError, match="wanted no more"):
            cluster.control().submit(silent, lost=OLD)
        assert cluster.active == []


def test_a_wish_that_ends_while_its_job_is_brought_back_ends_that_job() -> None:
    class Ended(Cluster):
        def during(self) -> None:
            self.end(OLD)

    cluster = Ended(Wish(OLD, True))
    with pytest.raises(LakehouseError, match="wanted no more"):
        cluster.control().submit(silent, lost=OLD)
    assert cluster.cancelled == [NEW]
    assert cluster.wished == Wish(OLD, False)


def test_the_keepers_clock_follows_no_change_of_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: passed)
    start = datetime(1999, 1, 1, tzinfo=UTC)
    now = keep.steady(start)
    assert now() == start
    passed += 30
    assert now() == start + timedelta(seconds=30)
