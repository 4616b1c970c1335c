"""What makes sense next, from the state alone; and what must be asked before something is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tui.core import advice
from tui.core.actions import actions
from tui.core.store import State, apply
from tui.model.flink import CheckpointStats, JobSummary
from tui.model.iceberg import Snapshot, TableHistory
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.reading import Reading
from tui.model.stack import ProducerStatus, Service, ServiceState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JOB = JobSummary("abcdef0123456789abcdef0123456789", "kafka_to_iceberg", "RUNNING", NOW, None, 13, 13)


def state(**values: object) -> State:
    found = State()
    for name, value in values.items():
        found = apply(found, Reading(name.replace("__", "."), NOW, 1, value=value))
    return found


def service(state: ServiceState) -> tuple[Service, ...]:
    return (Service("kafka", state), Service("s3", state))


def table(rows: int) -> TableHistory:
    snapshot = Snapshot(1, None, 1, NOW, "append", 1, JOB.id, rows, 1, 0, rows, 1, 0)
    return TableHistory("agg_1m", "s3a://w/agg_1m", 1, 1, (snapshot,))


READY, STOPPED = service(ServiceState.READY), service(ServiceState.STOPPED)
RUNS = ProducerStatus("running", 7, 50.0, 10)


@pytest.mark.parametrize(
    ("values", "useful"),
    [
        ({}, {"up"}),
        ({"services": STOPPED}, {"up"}),
        ({"services": READY}, {"down", "produce", "submit"}),
        (
            {"services": READY, "producer": RUNS, "jobs": (JOB,)},
            {"down", "silence", "cancel", "savepoint", "checkpoint"},
        ),
        ({"services": (READY[0], STOPPED[0])}, {"up", "down", "produce", "submit"}),
        ({"services": READY, "producer": ProducerStatus("finished", None, 0, 5)}, {"down", "produce", "submit"}),
    ],
)
def test_useful_actions(values: dict[str, object], useful: set[str]) -> None:
    assert advice.useful_actions(state(**values)) == useful


def test_the_first_steps_are_ticked_off_as_they_are_done() -> None:
    lag = TopicLag("trades", "g", NOW, (PartitionLag(0, 0, 5, None, None),))
    seen = [
        [s.done for s in advice.first_steps(state(**values))]
        for values in (
            {"services": STOPPED},
            {"services": READY},
            {"services": READY, "lag": lag},
            {"services": READY, "lag": lag, "jobs": (JOB,)},
            {"services": READY, "lag": lag, "jobs": (JOB,), "history__agg_1m": table(3)},
        )
    ]
    assert [sum(done) for done in seen] == [0, 1, 2, 3, 4]


def test_when_the_first_checkpoint_is_due() -> None:
    none_yet = CheckpointStats(0, 0, 0, None, 60_000, ())
    known = state(jobs=(JOB,), checkpoints=none_yet)
    assert advice.first_checkpoint(known, NOW + timedelta(seconds=20)) == 40.0
    assert advice.first_checkpoint(known, NOW + timedelta(seconds=90)) == 0.0
    assert (
        advice.first_checkpoint(state(jobs=(JOB,), checkpoints=CheckpointStats(1, 0, 0, None, 60_000, ())), NOW) is None
    )
    assert advice.first_checkpoint(state(checkpoints=none_yet), NOW) is None


def test_what_keeps_running_is_said() -> None:
    assert advice.keeps_running(state(services=STOPPED), "/h") == ""
    said = advice.keeps_running(state(services=READY, jobs=(JOB,), producer=RUNS), "/h")
    assert all(text in said for text in ("kafka, s3, the producer and job kafka_to_iceberg", "/h", "down"))


def test_where_others_run_the_services_nothing_is_offered_that_only_they_can_do() -> None:
    steps = advice.first_steps(state(services=READY), frozenset({"submit"}))
    assert [step.command for step in steps] == [None, None, "submit", "checkpoint"]
    assert [step.done for step in steps] == [True, False, False, False]
    said = advice.keeps_running(state(services=READY, jobs=(JOB,)), "/h", frozenset({"submit"}))
    assert said == "Job kafka_to_iceberg keeps running; `lakehouse-tui` shows it again."
    assert advice.keeps_running(state(services=READY), "/h", frozenset({"submit"})) == ""


def test_questions_name_what_is_lost() -> None:
    class Nobody:
        pass

    every = actions(Nobody(), "/h")  # type: ignore[arg-type]
    known = state(services=READY, jobs=(JOB,), producer=RUNS, history__agg_1m=table(7))
    asked = {name: action.question(known) for name, action in every.items()}
    assert {name for name, question in asked.items() if question} == {"down", "cancel", "savepoint", "submit_fresh"}
    assert "/h" in str(asked["down"])
    assert "the producer end too" in str(asked["down"])
    assert "abcdef01" in str(asked["cancel"])
    assert "agg_1m 7" in str(asked["submit_fresh"])
