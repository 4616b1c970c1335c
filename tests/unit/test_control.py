"""Actions on the job over hand-written fakes of the ports."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tui.core.control import Control
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.flink import JOB_NAME, JobSummary, Lineage, RestorePoint
from tui.model.iceberg import Snapshot, TableHistory
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.stack import Progress
from tui.stack.wished import NoWish

T0 = datetime(2026, 1, 1, tzinfo=UTC)
JOB = "aaaaaa11"


def summary(job_id: str = JOB, state: str = "RUNNING", name: str = JOB_NAME) -> JobSummary:
    return JobSummary(job_id, name, state, T0, None, 4, 4)


def history(table: str, checkpoint: int | None, rows: int, job: str = JOB) -> TableHistory:
    if checkpoint is None:
        return TableHistory(table, "x", 1, None, ())
    snapshot = Snapshot(1, None, 1, T0, "append", checkpoint, job, rows, 1, 0, rows, 1, 0)
    return TableHistory(table, "x", 1, 1, (snapshot,))


@dataclass
class World:
    """A cluster, a topic and tables in one; `steps` are what the tables and offsets show, one a look."""

    active: list[JobSummary] = field(default_factory=lambda: [summary()])
    steps: list[tuple[int, dict[str, TableHistory]]] = field(default_factory=list)
    now: float = 0.0
    started: list[RestorePoint | None] = field(default_factory=list)
    points: tuple[RestorePoint, ...] = ()
    broken: set[int] = field(default_factory=set)
    looks: int = 0

    def jobs(self) -> tuple[JobSummary, ...]:
        return tuple(self.active)

    def _step(self) -> tuple[int, dict[str, TableHistory]]:
        return self.steps[min(self.looks, len(self.steps) - 1)]

    def lag(self, read_offsets: object = None) -> TopicLag:
        committed = self._step()[0]
        return TopicLag("t", "g", T0, (PartitionLag(0, 0, 1000, committed, None),))

    def history(self, table: str) -> TableHistory:
        if self.looks in self.broken:
            raise UnavailableError("S3 does not answer.")
        tables = self._step()[1]
        if table not in tables:
            raise NotFoundError(table)
        return tables[table]

    def trigger_checkpoint(self, job_id: str, timeout_s: float) -> int:
        return 5

    def restore_points(self) -> tuple[RestorePoint, ...]:
        return self.points

    def lineage(self) -> Lineage:
        return Lineage({})

    def savepoint_directory(self) -> str:
        return "file:///s"

    def submitting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def fence(self) -> None:
        return None

    def start(self, point: RestorePoint | None, progress: object) -> str:
        self.started.append(point)
        return JOB

    def wait_running(self, job_id: str, timeout_s: float) -> None:
        return

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.looks += 1

    def control(self) -> Control:
        return Control(self, self, self, self, self, NoWish(), clock=lambda: self.now, sleep=self.sleep)  # type: ignore[arg-type]


def silent(step: Progress) -> None:
    pass


def tables(raw: tuple[int | None, int], agg: int | None, bad: tuple[int | None, int]) -> dict[str, TableHistory]:
    return {
        "raw_trades": history("raw_trades", *raw),
        "agg_1m": history("agg_1m", agg, 1),
        "bad_trades": history("bad_trades", *bad),
    }


def test_a_commit_is_complete_when_the_ledger_has_all_rows() -> None:
    before = (100, tables((4, 90), 4, (4, 10)))
    partly = (150, tables((5, 130), 5, (4, 10)))
    done = (150, tables((5, 130), 5, (5, 20)))
    world = World(steps=[before, before, partly, partly, done])
    committed = world.control().checkpoint(silent)
    assert committed.tables == ("raw_trades", "agg_1m", "bad_trades")
    assert world.looks == 4


def test_rows_that_were_ahead_of_the_offsets_do_not_block() -> None:
    before = (0, tables((4, 100), 4, (None, 0)))
    done = (150, tables((5, 150), 5, (None, 0)))
    assert World(steps=[before, done]).control().checkpoint(silent).tables == ("raw_trades", "agg_1m")


def test_a_checkpoint_without_new_trades_commits_nothing() -> None:
    world = World(steps=[(100, tables((4, 100), 4, (None, 0)))])
    assert world.control().checkpoint(silent).tables == ()
    assert 2.0 <= world.now < 3.0


def test_a_failed_read_is_tried_again() -> None:
    before = (100, tables((4, 100), 4, (None, 0)))
    done = (150, tables((5, 150), 5, (None, 0)))
    world = World(steps=[before, done], broken={1, 2})
    assert world.control().checkpoint(silent).tables == ("raw_trades", "agg_1m")
    assert world.looks == 3


def test_a_commit_that_never_comes_is_said() -> None:
    before = (100, tables((4, 100), 4, (None, 0)))
    world = World(steps=[before, (150, before[1])])
    with pytest.raises(UnavailableError, match="Checkpoint 5 is complete, but its commit did not show"):
        world.control().checkpoint(silent)


def test_stamps_of_another_job_do_not_count() -> None:
    before = (0, tables((None, 0), None, (None, 0)))
    foreign = {t: history(t, 50, 10, job="bbbbbb22") for t in ("raw_trades", "agg_1m", "bad_trades")}
    world = World(steps=[before, (10, foreign)])
    assert world.control().checkpoint(silent).tables == ()


def test_a_second_submit_names_the_running_job() -> None:
    with pytest.raises(LakehouseError, match=f"already runs .{JOB}, RESTARTING"):
        World(active=[summary(state="RESTARTING")]).control().submit(silent)


def test_two_running_jobs_are_named() -> None:
    with pytest.raises(LakehouseError, match=r"2 jobs kafka_to_iceberg run .*aaaaaa11.*bbbbbb22"):
        World(active=[summary(), summary("bbbbbb22")]).control().require_job()


def test_jobs_of_other_names_are_somebody_elses() -> None:
    stranger = summary("bbbbbb22", name="nightly report")
    assert World(active=[stranger, summary()]).control().require_job().id == JOB
    with pytest.raises(NotFoundError, match="submit"):
        World(active=[stranger]).control().cancel()


def test_no_job_says_how_to_start_one() -> None:
    with pytest.raises(NotFoundError, match="submit"):
        World(active=[summary(state="CANCELED")]).control().cancel()


def test_submit_continues_and_fresh_does_not() -> None:
    point = RestorePoint("file:///p", "checkpoint", 5, T0, JOB)
    world = World(active=[], steps=[(0, tables((5, 10), 5, (None, 0)))], points=(point,))
    assert world.control().submit(silent).restored == point
    assert world.control().submit(silent, fresh=True).restored is None
    assert world.started == [point, None]
