"""Values read from Flink's REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tui.model.traces import root_cause

JOB_NAME = "kafka_to_iceberg"
"""What `jobs/kafka_to_iceberg.py` calls its job."""
RUNNING_STATES = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "RECONCILING", "FAILING", "CANCELLING"})
"""Job states in which the job still holds its slots; submitting another one is refused."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint or savepoint as Flink's history lists it."""

    id: int
    status: str
    is_savepoint: bool
    trigger_at: datetime
    completed_at: datetime | None
    duration_ms: int | None
    size_bytes: int | None
    external_path: str | None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointStats:
    """Counts since the job started, and its newest checkpoints, newest first.

    `restored_id` and `restored_path` tell the checkpoint that the job continued from, at its last start or restart.
    """

    completed: int
    failed: int
    in_progress: int
    restored_id: int | None
    interval_ms: int | None
    history: tuple[Checkpoint, ...]
    restored_path: str | None = None

    @property
    def last_completed(self) -> Checkpoint | None:
        """The newest completed checkpoint (a savepoint counts), or `None` before the first."""
        return next((c for c in self.history if c.status == "COMPLETED"), None)


@dataclass(frozen=True, slots=True)
class Vertex:
    """One vertex of the job graph; rates are records a second, ratios 0 to 1, `None` unknown.

    Rates are sums of the subtasks, averaged by Flink over a minute; ratios are those of the busiest subtask.
    `watermark_ms` is event time (epoch ms): of a source its own, of any other vertex the lowest that arrives there,
    and unknown behind an operator that replaces watermarks by the clock. `watermark_lag_ms`: how far a source's was
    behind the clock when the source measured it.
    """

    id: str
    name: str
    status: str
    parallelism: int
    running: int
    read_records: int | None
    write_records: int | None
    busy_ratio: float | None = None
    backpressured_ratio: float | None = None
    in_rate: float | None = None
    out_rate: float | None = None
    watermark_ms: int | None = None
    watermark_lag_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One line of Flink's job list."""

    id: str
    name: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    tasks_total: int
    tasks_running: int

    @property
    def active(self) -> bool:
        """Whether the job still holds its slots."""
        return self.state in RUNNING_STATES

    @property
    def whole(self) -> bool:
        """Whether it runs with all of its tasks."""
        return self.state == "RUNNING" and self.tasks_running == self.tasks_total > 0

    @property
    def ours(self) -> bool:
        """Whether it is the lakehouse's job and still holds its slots; a cluster may run others, with other names."""
        return self.active and self.name == JOB_NAME


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job with its vertices and checkpoints.

    `running_since`: when it last began (again) to run, `None` while it does not. `watermark_ms`: the event time that
    the slowest source has reached (epoch ms), and `watermark_lag_ms` how far that was behind the clock when the
    source measured it.
    """

    summary: JobSummary
    vertices: tuple[Vertex, ...]
    checkpoints: CheckpointStats
    restarts: int | None = None
    running_since: datetime | None = None
    watermark_ms: int | None = None
    watermark_lag_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JobException:
    """One entry of a job's exception history: `message` is the first line, `trace` all of it."""

    at: datetime
    name: str
    message: str
    trace: str
    task: str | None = None

    @property
    def cause(self) -> str:
        """The innermost cause, in one line."""
        return root_cause(self.trace) or self.message


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What `/overview` says."""

    version: str
    taskmanagers: int
    slots_total: int
    slots_available: int


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A retained checkpoint or a savepoint that a job can continue from.

    `job_id` is the job that wrote it (a savepoint's folder tells only its first six digits). `damage` says why nothing
    can continue from it.
    """

    path: str
    kind: Literal["checkpoint", "savepoint"]
    checkpoint_id: int
    completed_at: datetime
    job_id: str
    damage: str | None = None

    def written_by(self, job_id: str) -> bool:
        """Whether the job `job_id` wrote it."""
        return job_id.startswith(self.job_id)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Which job continued from which: job → the job whose checkpoint it was restored from (`None`: a fresh start)."""

    parents: Mapping[str, str | None]

    def descends(self, job_id: str, ancestor: str) -> bool | None:
        """Whether `job_id` is `ancestor` or continues it; `None` where the record does not reach far enough."""
        seen: set[str] = set()
        current: str | None = self._full(job_id)
        while current is not None and current not in seen:
            if current == ancestor:
                return True
            seen.add(current)
            if current not in self.parents:
                return None
            parent = self.parents[current]
            current = self._full(parent) if parent else None
        return False

    def _full(self, job_id: str) -> str:
        return next((known for known in self.parents if known.startswith(job_id)), job_id)
