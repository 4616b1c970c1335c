"""The suite proves itself: what breaks the result on purpose is noticed by the same judgement as after a fault."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.stage import Stage, until
from tests.integration.conftest import silent
from tui.clients.lake.deletes import EqualityDeletes
from tui.model.flink import RestorePoint
from tui.stack.local.job import LocalJobs

pytestmark = pytest.mark.faults
OVERTAKING = {
    "execution.checkpointing.unaligned": "true",
    "execution.checkpointing.unaligned.enabled": "true",
    "execution.checkpointing.interval": "200 ms",
    "execution.checkpointing.min-pause": "0 ms",
}
"""Barriers pass what is under way, and come while the commit before is under way too."""
ROUNDS, KILLS = 3, 4
"""It is chance, but not for long."""


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
    """Submits the job with checkpoints whose barriers overtake what the writers have handed on."""

    def arguments(self, point: RestorePoint | None) -> list[str]:
        changed = [part for key, value in OVERTAKING.items() for part in ("--flink-property", f"{key}={value}")]
        return [*super().arguments(point), *changed]


def test_unaligned_checkpoints_are_noticed(stage: Stage) -> None:
    """Files that are under way when the TaskManager dies are held for committed (apache/iceberg #15846)."""
    stage.new_pipeline("notices_unaligned")
    stage.end_job()
    jobs = Unaligned(stage.lab.settings)
    with jobs.submitting():
        jobs.start(None, silent)
    lost: list[str] = []
    for _ in range(ROUNDS):
        stage.load()
        for _ in range(KILLS):
            stage.recovered()
            os.kill(stage.pid("taskmanager"), signal.SIGKILL)
        stage.recovered()
        stage.settle()
        if lost := [line for line in stage.wrong() if line.startswith("ledger")]:
            break
    stage.end_job()
    assert any("missing" in line for line in lost), lost
