"""A Flink that lives in memory: the lakehouse's own job as Flink 1.19.3 told of it, or what a test says instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.flink_server import recorded
from tests.ui.cockpits import JOB_ID, NOW, ago, checkpoints, job
from tui.clients import flink_detail_parse as parse
from tui.clients import flink_parse
from tui.model.errors import LakehouseError
from tui.model.flink import CheckpointStats, JobDetail, JobException
from tui.model.flink_detail import (
    CheckpointDetail,
    CheckpointVertex,
    ConfigEntry,
    ConfigSection,
    JobGraph,
    Subtask,
    TaskManager,
)

SOURCE = "cbc357ccb763df2852fee8c4fc7d55f2"
OVER = "62d01a33e5d334d74a65e4fa25ca21ae"
TRACE = """org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(X.java:180)
Caused by: java.io.IOException: The bucket [red]warehouse[/red] does not answer \x1b[31m
\tat org.apache.hadoop.fs.s3a.S3AFileSystem.open(S3AFileSystem.java:1)
"""


def graph() -> JobGraph:
    return replace(parse.graph(recorded("lakehouse_job")), job_id=JOB_ID)


def detail(state: str = "RUNNING") -> JobDetail:
    """The job's vertices with the rates of a good day."""
    _, vertices = flink_parse.job(recorded("lakehouse_job"))
    measured = tuple(
        replace(v, busy_ratio=0.01 * n, backpressured_ratio=0.0, in_rate=49.5 / (n or 1), out_rate=48.5 / (n + 1))
        for n, v in enumerate(vertices)
    )
    source = replace(measured[0], watermark_ms=int(ago(6).timestamp() * 1000), watermark_lag_ms=5_230)
    running = state == "RUNNING"
    return JobDetail(
        job(state),
        (source, *measured[1:]),
        checkpoints(),
        restarts=2 if running else None,
        running_since=ago(300) if running else None,
        watermark_ms=source.watermark_ms if running else None,
        watermark_lag_ms=5_230 if running else None,
    )


def restored() -> CheckpointStats:
    return replace(checkpoints(), restored_id=11, restored_path="file:/savepoints/savepoint-a1b2c3-0123456789ab")


def subtask(index: int) -> Subtask:
    read = 105_303 * index
    return Subtask(
        index, 1, "RUNNING", "localhost:43471", "local-2572", ago(900), 900_000, read, 1476, 1_000, 2_000_000,
        49.5 * index, 0.9, 0.004, 0.0, 0.996,
    )  # fmt: skip


def failure(number: int = 0) -> JobException:
    return JobException(
        ago(30 + number), "org.apache.flink.runtime.JobException", TRACE.splitlines()[0], TRACE, "Sink: x"
    )


@dataclass
class FakeFlink:
    """Answers of `FlinkDetailPort`; `says` replaces one by name: an exception is raised, a callable called."""

    says: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _answer(self, name: str, usual: Callable[[], object]) -> object:
        self.asked.append(name)
        value = self.says.get(name, usual)
        if isinstance(value, LakehouseError):
            raise value
        return value() if callable(value) else value

    def job(self, job_id: str) -> JobDetail:
        return self._answer("job", lambda: replace(detail("FAILED"), summary=replace(job("FAILED"), id=job_id)))  # type: ignore[return-value]

    def graph(self, job_id: str) -> JobGraph:
        return self._answer("graph", graph)  # type: ignore[return-value]

    def subtasks(self, job_id: str, vertex_id: str) -> tuple[Subtask, ...]:
        return self._answer(f"subtasks {vertex_id}", lambda: (subtask(0), subtask(1)))  # type: ignore[return-value]

    def checkpoint(self, job_id: str, checkpoint_id: int) -> CheckpointDetail:
        def usual() -> CheckpointDetail:
            whole = next(c for c in checkpoints().history if c.id == checkpoint_id)
            vertices = tuple(
                CheckpointVertex(node.id, "COMPLETED", 2, 2, NOW, 120, 8_400, 3, 25, 14, 5) for node in graph().nodes
            )
            return CheckpointDetail(whole, "CHECKPOINT", 13, 13, 7_000, vertices)

        return self._answer(f"checkpoint {checkpoint_id}", usual)  # type: ignore[return-value]

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        return self._answer("exceptions", tuple)  # type: ignore[return-value]

    def configuration(self, job_id: str | None) -> tuple[ConfigSection, ...]:
        def usual() -> tuple[ConfigSection, ...]:
            cluster = (
                ConfigEntry("env.java.opts.all", "--add-opens=java.base/java.lang=ALL-UNNAMED " * 6),
                ConfigEntry("fs.s3a.secret.key", parse.HIDDEN, masked=True),
                ConfigEntry("state.backend.type", "hashmap"),
                *(ConfigEntry(f"taskmanager.option-{n:02}", str(n)) for n in range(40)),
            )
            return (
                ConfigSection("job", (ConfigEntry("object-reuse-mode", "true"),)),
                ConfigSection("cluster", cluster),
            )

        return self._answer("configuration", usual)  # type: ignore[return-value]

    def taskmanagers(self) -> tuple[TaskManager, ...]:
        def usual() -> tuple[TaskManager, ...]:
            metrics = flink_parse.values(recorded("lakehouse_taskmanager_metrics"))
            manager = parse.taskmanager(recorded("lakehouse_taskmanager"), metrics)
            return (replace(manager, last_heartbeat_at=NOW - timedelta(seconds=1)),)

        return self._answer("taskmanagers", usual)  # type: ignore[return-value]
