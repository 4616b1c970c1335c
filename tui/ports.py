"""What the core needs from the outside, as small protocols; every method blocks and has a deadline.

Expected failures are raised as `tui.model.errors.LakehouseError`; anything else is a bug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tui.model.access import S3Access
from tui.model.candles import CandleSet
from tui.model.checks import Check
from tui.model.flink import CheckpointStats, ClusterInfo, JobDetail, JobException, JobSummary, Lineage, RestorePoint
from tui.model.flink_detail import CheckpointDetail, ConfigSection, JobGraph, Subtask, TaskManager
from tui.model.iceberg import RowSet, SnapshotChange, TableFiles, TableHistory, TableSchema
from tui.model.kafka import ConsumerGroup, MessagePage, MessageQuery, PartitionDetail, TopicLag
from tui.model.keeping import Wish
from tui.model.live import Edges, Front, MinuteKey, TailBatch
from tui.model.logs import LogChunk, LogCursor, LogInfo
from tui.model.query import Exported, QueryAnswer, WorkedQuery
from tui.model.stack import ProducerStatus, Progress, Service

ProgressSink = Callable[[Progress], None]


class KafkaPort(Protocol):
    """Reads the topic and the consumer group."""

    def lag(self, read_offsets: dict[int, int] | None = None) -> TopicLag:
        """Offsets of every partition; `read_offsets` (partition → next offset) come from the job's metrics."""


class TopicPort(Protocol):
    """Looks into the topic without leaving a trace: joins no consumer group and commits nothing."""

    def messages(self, query: MessageQuery) -> MessagePage:
        """One page of messages; a newer call ends one that is still searching."""

    def groups(self) -> tuple[ConsumerGroup, ...]:
        """Every consumer group of the cluster, with what it committed on the topic."""

    def partitions(self) -> tuple[PartitionDetail, ...]:
        """Leader and replicas of every partition."""


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


class FlinkDetailPort(Protocol):
    """What the Flink screen asks of a job, whether it runs or has ended, and of the cluster."""

    def job(self, job_id: str) -> JobDetail:
        """One job with vertices and checkpoints."""

    def graph(self, job_id: str) -> JobGraph:
        """The job's vertices and the streams between them."""

    def subtasks(self, job_id: str, vertex_id: str) -> tuple[Subtask, ...]:
        """The parallel instances of a vertex, by index."""

    def checkpoint(self, job_id: str, checkpoint_id: int) -> CheckpointDetail:
        """One checkpoint by vertex."""

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        """The job's exception history, newest first."""

    def configuration(self, job_id: str | None) -> tuple[ConfigSection, ...]:
        """Settings of the job, if one is asked for, and of the cluster; secrets are hidden."""

    def taskmanagers(self) -> tuple[TaskManager, ...]:
        """Every registered TaskManager, by id."""


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


class FrontPort(Protocol):
    """Reads the tables as of one checkpoint, so that what is behind it can be added exactly once."""

    def front(self, search: frozenset[int] = frozenset()) -> Front:
        """The newest checkpoint that both `agg_1m` and `raw_trades` hold; `search`: partitions to look back for."""

    def candles(self, front: Front, symbol: str, limit: int) -> CandleSet:
        """The newest `limit` candles of `symbol` as of `front`."""

    def edges(self, front: Front, since_ms: int, before_ms: int | None = None) -> Mapping[MinuteKey, Edges]:
        """First and last committed trade as of `front`, of every symbol's minutes in [`since_ms`, `before_ms`)."""


class TailPort(Protocol):
    """Reads trades from the topic as they come; commits nothing and joins no group."""

    def ends(self) -> Mapping[int, tuple[int, int]]:
        """The first and the next offset of every partition of the topic."""

    def start(self, offsets: Mapping[int, int], highest_ts: Mapping[int, int]) -> None:
        """Read from these offsets on, also when already reading; `highest_ts`: the newest `ts` below each of them."""

    def poll(self, timeout_s: float) -> TailBatch:
        """What was read since the last call; waits at most `timeout_s` for something. Never raises."""

    def close(self) -> None:
        """Stop reading."""


class LakeDetailPort(Protocol):
    """Looks into Iceberg tables, as of the current snapshot (`None`) or an older one.

    What does not exist (yet) raises `NotFoundError`: a table, an expired snapshot.
    """

    def schema(self, table: str) -> TableSchema:
        """Columns, partition specs, sort order, properties and place of the table."""

    def change(self, table: str, snapshot_id: int) -> SnapshotChange:
        """What the snapshot changed against its parent: files, and candle by candle the newest ones."""

    def files(self, table: str, snapshot_id: int | None = None) -> TableFiles:
        """The newest live files of the snapshot, and how well all of them suit readers."""

    def rows(self, table: str, snapshot_id: int | None = None, limit: int = 200) -> RowSet:
        """The newest `limit` live rows of the snapshot."""

    def candles_at(self, snapshot_id: int | None, symbol: str | None, limit: int) -> CandleSet:
        """The newest `limit` candles a symbol as the snapshot of `agg_1m` holds them."""


class QueryPort(Protocol):
    """Asks the tables in SQL: one query at a time, each over the newest snapshots; it changes nothing."""

    def run(self, sql: str, limit: int) -> QueryAnswer:
        """The first `limit` rows; raises `QueryError` with what is wrong, `CancelledError`, `BusyError`."""

    def export(self, answer: QueryAnswer, path: str, *, overwrite: bool = False) -> Exported:
        """Write the whole answer, of the same snapshots, to a .csv or .parquet file."""

    def check_path(self, path: str, *, overwrite: bool = False) -> str:
        """The absolute path that `export` would write; raises `UsageError`, `ThereError` for a file that is there."""

    def cancel(self) -> None:
        """End the query or export that runs."""

    def rows_read(self) -> int:
        """How many rows the running query has read of the tables."""

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of the tables that are there, by table."""


class QueryNotesPort(Protocol):
    """Queries to go back to."""

    def history(self) -> tuple[str, ...]:
        """What was asked, newest first, each once."""

    def remember(self, sql: str) -> None:
        """Put it first."""

    def worked(self) -> tuple[WorkedQuery, ...]:
        """The queries that come with the product."""


class StackBackend(Protocol):
    """Runs (or only knows) the services."""

    def capabilities(self) -> frozenset[str]:
        """Which of `up`, `down`, `purge`, `logs`, `produce`, `submit` this backend offers."""

    def prepare(self, progress: ProgressSink) -> str:
        """Fetch and build what `up` needs, if it is missing; returns what there is to say about it."""

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:
        """Provision and start what is missing; returns when every service is ready."""

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:
        """Stop all services in order; with `purge` delete the data too."""

    def services(self) -> tuple[Service, ...]:
        """The state of every service, without waiting for any."""

    def log(self, service: str, *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The last `lines` log lines of a service; with `follow` new ones as they come."""

    def revive(self) -> tuple[str, ...]:
        """Start services again that have ended and that nothing else would start; returns their names."""


class ProducerPort(Protocol):
    """The background producer."""

    def start(self, options: Mapping[str, str]) -> int:
        """Start it and return its process id; `options` are its own flags without dashes."""

    def runs(self) -> bool:
        """Whether it runs now."""

    def command(self, options: Mapping[str, str], *, background: bool) -> list[str]:
        """Its command line."""

    def stop(self) -> int | None:
        """Stop it; how many messages were acknowledged, `None` where none ran."""

    def status(self) -> ProducerStatus | None:
        """What it does now; `None` where there is none."""


class JobPort(Protocol):
    """Brings the job to a cluster, and remembers which job continued from which."""

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """Every complete checkpoint and savepoint that is still there."""

    def lineage(self) -> Lineage:
        """Which job continued from which, as far as recorded."""

    def savepoint_directory(self) -> str:
        """Where savepoints go, as a URI that the cluster can write."""

    def submitting(self) -> AbstractContextManager[object]:
        """Held while a job is submitted; raises `BusyError` if another submission holds it."""

    def fence(self) -> str | None:
        """End what a job may still run that the cluster has lost; says what it ended, `None` for nothing."""

    def start(self, point: RestorePoint | None, progress: ProgressSink) -> str:
        """Submit the job, restored from `point`, and return its id; the id and its parent are recorded."""


class WishPort(Protocol):
    """Remembers whether the job is to run; whoever starts or ends it says so here."""

    def read(self) -> Wish | None:
        """The newest wish; `None` where there never was one."""

    def begin(self) -> None:
        """A job is being submitted: if it runs it is to go on, even where nobody is left to say which one it is."""

    def want(self, job_id: str) -> None:
        """From now on the job `job_id` is to run: its loss is mended."""

    def end(self, job_id: str) -> None:
        """From now on the job `job_id` is to run no more."""


class LogPort(Protocol):
    """Reads the logs of services, producer and submissions, piece by piece."""

    def services(self) -> tuple[LogInfo, ...]:
        """What has or will have a log, in the order to show it."""

    def tail(self, service: str, cursor: LogCursor | None = None) -> LogChunk:
        """What was written after `cursor`, bounded; without a cursor the end of the log.

        Raises `NotFoundError` while there is no log.
        """


class StackKit(Protocol):
    """Everything that depends on where the stack runs, for one home; one class a backend."""

    @property
    def backend(self) -> StackBackend:
        """What runs the services."""

    @property
    def producer(self) -> ProducerPort:
        """The background producer."""

    @property
    def logs(self) -> LogPort:
        """The logs."""

    @property
    def jobs(self) -> JobPort:
        """What brings the job to the cluster."""

    @property
    def wish(self) -> WishPort:
        """Whether the job is to run."""

    def s3(self) -> S3Access | None:
        """How the object store is reached; `None` before the first `up`."""

    def examine(self) -> Iterator[Check]:
        """Is this machine fit for it? One check after the other."""

    def secrets(self) -> tuple[str, ...]:
        """Texts that no recording may hold."""

    def sql(self, file: Path | None) -> tuple[list[str], dict[str, str]]:
        """The SQL client as a command line and an environment; with `file` it runs its statements and ends."""
