"""What a key can do to the lakehouse, as frozen commands: (confirm) → run → refresh.

An action blocks and runs in a worker; it reports its steps to a sink and ends with a sentence, or with a
`LakehouseError`. Actions of one group exclude each other: two at once would only get in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from tui.core.control import TABLES, Control
from tui.core.store import State
from tui.model.errors import LakehouseError
from tui.model.flink import JobSummary
from tui.model.iceberg import TableHistory
from tui.model.stack import ProducerStatus, Progress
from tui.ports import ProducerPort, ProgressSink, StackBackend

Group = Literal["stack", "producer", "job", "checkpoint"]
HISTORY = {"backfill": "2h"}
"""The producer's options for an empty topic: two hours of trades first, so that there is a chart to look at."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do; `question` gives what must be confirmed first (naming its target), `None` for nothing."""

    name: str
    title: str
    group: Group
    run: Callable[[ProgressSink], str]
    question: Callable[[State], str | None] = lambda _: None
    capability: str | None = None
    refreshes: tuple[str, ...] = ()


class Actors(Protocol):
    """Who does it; each call may import and connect, and raises `LakehouseError` where there is nothing yet."""

    def stack(self) -> StackBackend:
        """What runs the services."""

    def producer(self) -> ProducerPort:
        """The background producer."""

    def control(self) -> Control:
        """The job."""

    def written(self) -> int:
        """How many messages the topic holds or held."""


def actions(actors: Actors, home: str) -> Mapping[str, Action]:
    """Every action by its name."""
    job = ("jobs", "job", "checkpoints", "cluster")
    tables = ("checkpoints", "lag", "history.agg_1m", "history.raw_trades", "history.bad_trades", "live")
    every = (
        Action("up", "Start the stack", "stack", lambda sink: _up(actors, sink), refreshes=("services", "lag")),
        Action(
            "down",
            "Stop the stack",
            "stack",
            lambda sink: _down(actors, sink),
            lambda state: _down_question(state, home),
            refreshes=("services", "producer", "jobs"),
        ),
        Action(
            "produce", "Start the producer", "producer", lambda sink: _produce(actors, sink), refreshes=("producer",)
        ),
        Action("silence", "Stop the producer", "producer", lambda _: _silence(actors), refreshes=("producer",)),
        Action("submit", "Submit the job", "job", lambda sink: _submit(actors, sink, fresh=False), refreshes=job),
        Action(
            "submit_fresh",
            "Submit the job from the beginning",
            "job",
            lambda sink: _submit(actors, sink, fresh=True),
            _fresh_question,
            refreshes=job,
        ),
        Action("cancel", "Cancel the job", "job", lambda _: _cancel(actors), _cancel_question, refreshes=job),
        Action(
            "savepoint",
            "Stop the job with a savepoint",
            "job",
            lambda sink: _savepoint(actors, sink),
            _savepoint_question,
            refreshes=job,
        ),
        Action("checkpoint", "Checkpoint now", "checkpoint", lambda sink: _checkpoint(actors, sink), refreshes=tables),
    )
    needs = {"up": "up", "down": "down", "produce": "produce", "silence": "produce", "submit": "submit"}
    needs["submit_fresh"] = "submit"
    return {a.name: replace(a, capability=needs.get(a.name)) for a in every}


def _up(actors: Actors, sink: ProgressSink) -> str:
    services = actors.stack().up(sink)
    ill = [f"{s.name} is {s.state.value}" for s in services if not s.healthy]
    if ill:
        raise LakehouseError(f"The stack is not ready: {', '.join(ill)}.")
    return f"The stack is up: {', '.join(s.name for s in services)}."


def _down(actors: Actors, sink: ProgressSink) -> str:
    actors.stack().down(sink)
    return "Everything is stopped; the data stays."


def _produce(actors: Actors, sink: ProgressSink) -> str:
    sink(Progress("producer", "starting"))
    history = actors.written() == 0
    pid = actors.producer().start(HISTORY if history else {})
    first = f", after {HISTORY['backfill']} of history" if history else ""
    return f"The producer runs (process {pid}){first}."


def _silence(actors: Actors) -> str:
    acknowledged = actors.producer().stop()
    if acknowledged is None:
        return "No producer runs."
    return f"The producer is stopped; {acknowledged:,} messages were acknowledged."


def _submit(actors: Actors, sink: ProgressSink, *, fresh: bool) -> str:
    done = actors.control().submit(sink, fresh=fresh)
    origin = f"{done.restored.kind} {done.restored.checkpoint_id}" if done.restored else "the beginning"
    remark = f" Note: {done.remark}." if done.remark else ""
    return f"Job {done.job_id[:8]} runs, from {origin} ({done.seconds:.0f} s).{remark}"


def _cancel(actors: Actors) -> str:
    job_id = actors.control().cancel()
    return f"Job {job_id[:8]} is cancelled; submit continues from its newest checkpoint."


def _savepoint(actors: Actors, sink: ProgressSink) -> str:
    sink(Progress("savepoint", "stopping the job"))
    job, _ = actors.control().savepoint()
    return f"Job {job.id[:8]} stopped with a savepoint; submit continues from it."


def _checkpoint(actors: Actors, sink: ProgressSink) -> str:
    done = actors.control().checkpoint(sink)
    if done.tables:
        return f"Checkpoint {done.checkpoint_id} is committed to {', '.join(done.tables)} ({done.seconds:.1f} s)."
    return f"Checkpoint {done.checkpoint_id} is complete; there was no new trade to commit ({done.seconds:.1f} s)."


def active_job(state: State) -> JobSummary | None:
    """The lakehouse's newest job that holds slots, as far as known."""
    jobs: tuple[JobSummary, ...] = state.shown("jobs").value or ()
    return next((job for job in jobs if job.ours), None)


def _named(job: JobSummary | None) -> str:
    return f"job {job.name} ({job.id[:8]})" if job else "the running job"


def _cancel_question(state: State) -> str:
    return (
        f"Cancel {_named(active_job(state))}? What it read since its last checkpoint is read again by the next submit."
    )


def _savepoint_question(state: State) -> str:
    return f"Stop {_named(active_job(state))} with a savepoint? Submit continues exactly there."


def _down_question(state: State, home: str) -> str:
    job = active_job(state)
    producer: ProducerStatus | None = state.shown("producer").value
    ends = [f"job {job.name} ({job.id[:8]})"] if job else []
    ends += ["the producer"] if producer is not None and producer.pid is not None else []
    also = f" {' and '.join(ends)} {'end' if len(ends) > 1 else 'ends'} too." if ends else ""
    return f"Stop Kafka, Flink and S3 of {home}?{also} The data stays."


def _fresh_question(state: State) -> str:
    rows = {name: _rows(state.shown(f"history.{name}").value) for name in TABLES}
    held = ", ".join(f"{name} {count:,}" for name, count in rows.items() if count)
    if held:
        return f"The tables hold data ({held} rows): starting over writes every trade a second time. Go on?"
    return "Start the job from the beginning of the topic, whatever the tables hold?"


def _rows(history: TableHistory | None) -> int:
    current = history.current if history is not None else None
    return (current.total_records or 0) if current is not None else 0
