"""What the core needs from the outside, as small protocols; every method blocks and has a deadline.

Expected failures are raised as `tui.model.errors.LakehouseError`; anything else is a bug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from tui.model.candles import CandleSet
from tui.model.flink import CheckpointStats, ClusterInfo, JobDetail, JobException, JobSummary, Lineage, RestorePoint
from tui.model.iceberg import TableHistory
from tui.model.kafka import TopicLag
from tui.model.stack import Progress, Service

ProgressSink = Callable[[Progress], None]


class KafkaPort(Protocol):
    """Reads the topic and the consumer group."""

    def lag(self, read_offsets: dict[int, int] | None = None) -> TopicLag:
        """Offsets of every partition; `read_offsets` (partition → next offset) come from the job's metrics."""


class FlinkPort(Protocol):
    """Flink's REST interface, for one cluster."""

    def cluster(self) -> ClusterInfo:
        """Version, TaskManagers and slots."""

    def jobs(self) -> tuple[JobSummary, ...]:
        """All jobs the cluster remembers, newest first."""

    def job(self, job_id: str) -> JobDetail:
        """One job with vertices and checkpoints."""

    def checkpoints(self, job_id: str) -> CheckpointStats:
        """Checkpoint counts and history."""

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        """The job's exception history, newest first."""

    def read_offsets(self, job_id: str) -> dict[int, int]:
        """Partition → next offset the job will read, from the source's metrics; empty while unknown."""


class FlinkControlPort(Protocol):
    """What can be done to a job over Flink's REST interface; each call waits for its end, at most `timeout_s`."""

    def trigger_checkpoint(self, job_id: str, timeout_s: float) -> int:
        """Trigger a checkpoint, wait until it is complete, and return its id."""

    def stop_with_savepoint(self, job_id: str, directory: str, timeout_s: float) -> str:
        """Stop the job with a savepoint and return the savepoint's path."""

    def cancel(self, job_id: str, timeout_s: float) -> None:
        """Cancel the job and wait until it has ended."""

    def wait_running(self, job_id: str, timeout_s: float) -> None:
        """Wait until all tasks run; raises `LakehouseError` with the root cause if the job failed."""


class LakePort(Protocol):
    """Reads Iceberg tables; a table that does not exist yet raises `NotFoundError`."""

    def history(self, table: str) -> TableHistory:
        """Snapshots of `table`, oldest first."""

    def candles(self, symbol: str | None = None, limit: int | None = None) -> CandleSet:
        """The newest `limit` candles a symbol of `agg_1m`, deletes applied."""


class StackBackend(Protocol):
    """Runs (or only knows) the services."""

    def capabilities(self) -> frozenset[str]:
        """Which of `up`, `down`, `purge`, `logs`, `produce`, `submit` this backend offers."""

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:
        """Provision and start what is missing; returns when every service is ready."""

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:
        """Stop all services in order; with `purge` delete the data too."""

    def services(self) -> tuple[Service, ...]:
        """The state of every service, without waiting for any."""

    def log(self, service: str, *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The last `lines` log lines of a service; with `follow` new ones as they come."""


class JobPort(Protocol):
    """Brings the job to a cluster, and remembers which job continued from which."""

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """Every complete checkpoint and savepoint that is still there."""

    def lineage(self) -> Lineage:
        """Which job continued from which, as far as recorded."""

    def savepoint_directory(self) -> str:
        """Where savepoints go, as a URI that the cluster can write."""

    def submitting(self) -> AbstractContextManager[None]:
        """Held while a job is submitted; raises `LakehouseError` if another submission holds it."""

    def start(self, point: RestorePoint | None, progress: ProgressSink) -> str:
        """Submit the job, restored from `point`, and return its id; the id and its parent are recorded."""
