"""The suite proves itself: what breaks the result on purpose is noticed by the same judgement as after a fault."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.stage import Stage, until
from tests.integration.conftest import silent
from tui.clients.lake.deletes import EqualityDeletes
from tui.model.flink import RestorePoint
from tui.stack.local.job import LocalJobs

pytestmark = pytest.mark.faults


def afresh(stage: Stage) -> None:
    """The job is submitted from the beginning, on tables that hold data."""
    stage.lab.control.submit(silent, fresh=True)


def below(stage: Stage) -> None:
    """The job continues from a checkpoint that the tables have passed, which `submit` refuses."""
    jobs = stage.lab.control.jobs
    oldest = jobs.restore_points()[0]
    assert max(p.checkpoint_id for p in jobs.restore_points()) > oldest.checkpoint_id
    with jobs.submitting():
        jobs.start(oldest, silent)


@pytest.mark.parametrize("submit", [afresh, below])
def test_a_position_that_is_lost_is_noticed(stage: Stage, submit: Callable[[Stage], None]) -> None:
    stage.new_pipeline(f"notices_{submit.__name__}")
    stage.load()
    stage.recovered()
    for _ in range(2):
        until(lambda: "agg_1m" in stage.lab.control.checkpoint(silent).tables, "trades are committed", 60)
    stage.lab.control.cancel()
    submit(stage)
    stage.recovered()
    stage.settle()
    wrong = stage.wrong()
    assert any(line.startswith("ledger") and "twice" in line for line in wrong), wrong


def test_what_the_judgement_rests_on_is_needed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader without equality deletes; then a bad message that the job has not seen."""
    stage.new_pipeline("notices_bad")
    stage.load()
    stage.recovered()
    for _ in range(2):  # the second one replaces candles of the first
        until(lambda: "agg_1m" in stage.lab.control.checkpoint(silent).tables, "trades are committed", 60)
    stage.settle()
    assert stage.wrong() == []
    with monkeypatch.context() as broken:
        broken.setattr(EqualityDeletes, "concerns", lambda *_: False)
        assert any(line.startswith("keys") for line in stage.wrong())
    stage.end_job()
    stage.lab.send([(0, b"BTCUSDT", b"not a trade")])
    assert any("1 missing in bad_trades" in line for line in stage.wrong())
    stage.submitted()


class Unaligned(LocalJobs):
    """Submits the job with barriers that overtake what is under way."""

    def arguments(self, point: RestorePoint | None) -> list[str]:
        return [*super().arguments(point), "--flink-property", "execution.checkpointing.unaligned.enabled=true"]


def completed(folder: Path) -> set[Path]:
    """The checkpoints below `folder` that are complete."""
    return set(folder.glob("*/chk-*/_metadata"))


def kill_before_the_commit(stage: Stage) -> None:
    """Kill the TaskManager as soon as one more checkpoint is complete, before it is committed to the tables."""
    folder = stage.layout.data / "flink" / "checkpoints" / stage.lab.settings.database
    taskmanager, known, deadline = stage.pid("taskmanager"), completed(folder), time.monotonic() + 60
    while not completed(folder) - known:
        assert time.monotonic() < deadline, "no checkpoint was completed"
        time.sleep(0.002)
    os.kill(taskmanager, signal.SIGKILL)


@pytest.mark.parametrize(("jobs", "kills"), [(Unaligned, 5), (LocalJobs, 2)])
def test_unaligned_checkpoints_are_noticed(stage: Stage, jobs: type[LocalJobs], kills: int) -> None:
    """Iceberg's committer takes what barriers overtook for committed when it is restored (apache/iceberg #15846).

    The files of checkpoint n reach it after the barrier, and are kept under n in its state of n + 1. It is restored
    from there if it dies before it has committed n + 1; but then the table says that n is committed. One kill loses
    them, unless the commit is quicker than the kill. Where checkpoints are aligned, the same kills cost nothing.
    """
    stage.new_pipeline(f"notices_{jobs.__name__.lower()}")
    stage.end_job()
    submitter = jobs(stage.lab.settings)
    with submitter.submitting():
        submitter.start(None, silent)
    lost: list[str] = []
    while kills and not lost:
        kills -= 1
        stage.load()
        stage.recovered()
        for _ in range(2):
            until(lambda: "agg_1m" in stage.lab.control.checkpoint(silent).tables, "trades are committed", 60)
        kill_before_the_commit(stage)
        stage.recovered()
        stage.settle()
        lost = [line for line in stage.wrong() if line.startswith("ledger") and "missing" in line]
    stage.end_job()
    assert bool(lost) == (jobs is Unaligned), lost
