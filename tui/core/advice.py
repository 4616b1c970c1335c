"""What makes sense to do next, from the state alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tui.core.actions import active_job
from tui.core.control import TABLES
from tui.core.store import State
from tui.model.flink import CheckpointStats
from tui.model.iceberg import TableHistory
from tui.model.kafka import TopicLag
from tui.model.keeping import Keeping
from tui.model.stack import NO_SPACE, ProducerStatus, Service, ServiceState

_TOLERANCE = timedelta(minutes=1)
"""Iceberg takes a commit that is at most so much older than the newest snapshot (its `TableMetadata`)."""
OURS = frozenset({"up", "down", "produce"})
"""The capabilities of a backend that runs its services itself."""
PRODUCER_ENDED = frozenset({"stopped", "finished", "failed"})


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to the first candle; `key` is the command that does it, `None` where one only waits."""

    text: str
    done: bool
    command: str | None = None


def services(state: State) -> tuple[Service, ...]:
    """The services, as far as known."""
    found: tuple[Service, ...] = state.shown("services").value or ()
    return found


def stopped(state: State) -> bool:
    """Whether nothing runs at all."""
    found = services(state)
    return bool(found) and all(s.state is ServiceState.STOPPED for s in found)


def ready(state: State) -> bool:
    """Whether every service answers as it should."""
    found = services(state)
    return bool(found) and all(s.healthy for s in found)


_WITHOUT = {
    ServiceState.STOPPED: "{} is stopped.",
    ServiceState.STARTING: "{} is starting …",
    ServiceState.BACKOFF: "{} has crashed and is being started again …",
    ServiceState.FAILED: "{} has failed and nobody tries again: see its log on screen 5.",
}


def absence(state: State, name: str, title: str) -> str | None:
    """Why service `name` cannot answer, where its process or the disk says so; `None` while it should."""
    service = next((s for s in services(state) if s.name == name), None)
    if service is not None and (service.detail or "").startswith(NO_SPACE):
        return f"{title}: {service.detail}."
    sentence = _WITHOUT.get(service.state) if service is not None else None
    return None if sentence is None else sentence.format(title)


def clock_behind(state: State, now: datetime) -> timedelta | None:
    """How far the newest snapshot is ahead of our clock, where no commit can follow on it by that clock."""
    found = [state.shown(f"history.{table}").value for table in TABLES]
    newest = [h.current.committed_at for h in found if isinstance(h, TableHistory) and h.current is not None]
    ahead = max(newest, default=now) - now
    return ahead if ahead > _TOLERANCE else None


def first_checkpoint(state: State, now: datetime) -> float | None:
    """Seconds until the running job's first checkpoint is due; `None` when it has one, or when that is unknown."""
    job, stats = active_job(state), state.shown("checkpoints").value
    if job is None or not isinstance(stats, CheckpointStats) or stats.interval_ms is None:
        return None
    if stats.completed or stats.restored_id is not None:
        return None
    due = job.started_at + timedelta(milliseconds=stats.interval_ms)
    return max(0.0, (due - now).total_seconds())


def keeping(state: State) -> Keeping | None:
    """What the keeper does about a lost job; `None` where there is nothing to mend, or nobody who would."""
    shown = state.shown("keeper")
    found: Keeping | None = shown.value if shown.error is None else None
    return None if stopped(state) else found


def producing(state: State) -> bool:
    """Whether the background producer runs."""
    producer: ProducerStatus | None = state.shown("producer").value
    return producer is not None and producer.state not in PRODUCER_ENDED


def useful_actions(state: State) -> frozenset[str]:
    """The actions that make sense now: what is not there can be started, what runs can be stopped."""
    if stopped(state) or not services(state):
        return frozenset({"up"})
    useful = {"down"} if ready(state) else {"up", "down"}
    useful.add("silence" if producing(state) else "produce")
    useful |= {"cancel", "savepoint", "checkpoint"} if active_job(state) else {"submit"}
    return frozenset(useful)


def first_steps(state: State, capabilities: frozenset[str] = OURS) -> tuple[Step, ...]:
    """The way to the first candle, with what is done already; what others do is only waited for."""
    lag: TopicLag | None = state.shown("lag").value
    written = lag is not None and any((p.high or 0) > 0 for p in lag.partitions)
    committed = _rows(state.shown("history.agg_1m").value) > 0
    starts = Step("start Kafka, S3 and Flink", ready(state), "up")
    feeds = Step("start the producer", producing(state) or written, "produce")
    return (
        starts if "up" in capabilities else Step("Kafka, S3 and Flink are reached", ready(state)),
        feeds if "produce" in capabilities else Step("somebody writes trades to the topic", written),
        Step("submit the job", active_job(state) is not None or committed, "submit"),
        Step("checkpoint: it commits the first candles", committed, "checkpoint"),
    )


def _rows(history: TableHistory | None) -> int:
    return (history.current.total_records or 0) if history is not None and history.current is not None else 0


def keeps_running(state: State, home: str, capabilities: frozenset[str] = OURS) -> str:
    """A sentence about what goes on after the dashboard is closed; empty where nothing of ours does."""
    running = [s.name for s in services(state) if s.state not in (ServiceState.STOPPED, ServiceState.FAILED)]
    if not running:
        return ""
    job = active_job(state)
    if "down" not in capabilities:
        return f"Job {job.name} keeps running; `lakehouse-tui` shows it again." if job else ""
    also = [*running, *(["the producer"] if producing(state) else []), *([f"job {job.name}"] if job else [])]
    return (
        f"Still running in {home}: {_listed(also)}. `lakehouse-tui` shows them again, `lakehouse-tui down` stops them."
    )


def _listed(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last
