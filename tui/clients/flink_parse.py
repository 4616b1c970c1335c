"""Pure parsers of Flink's REST answers (shapes as Flink 1.19 gives them; recorded in `tests/payloads`).

Every parser raises `UnavailableError` with one sentence when the answer lacks what it should hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final, TypeVar

from tui.model.errors import NotFoundError, UnavailableError
from tui.model.flink import Checkpoint, CheckpointStats, ClusterInfo, JobException, JobSummary, Vertex
from tui.model.traces import first_line, root_cause

T = TypeVar("T")
Json = Mapping[str, Any]

TASK_METRICS: Final = (
    "busyTimeMsPerSecond",
    "backPressuredTimeMsPerSecond",
    "numRecordsInPerSecond",
    "numRecordsOutPerSecond",
)
"""What every task reports; one name that a vertex does not know would empty the whole aggregated answer."""
INPUT_WATERMARK: Final = "currentInputWatermark"
"""What every task but a source reports besides."""
_NO_WATERMARK = -(2**63)  # Long.MIN_VALUE: no watermark has arrived yet


def get(answer: object, name: str, kind: type[T], what: str) -> T:
    """`answer[name]` if it is a `kind`; else `UnavailableError` naming `what` lacks it."""
    value = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UnavailableError(f"Flink's answer about {what} has no usable {name!r}: is this Flink's REST port?")
    return value


def maybe(answer: object, name: str, kind: type[T]) -> T | None:
    """`answer[name]` if it is a `kind`, else `None`."""
    value = answer.get(name) if isinstance(answer, Mapping) else None
    return value if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool) else None


def items(answer: object, name: str, what: str) -> list[Any]:
    """`answer[name]`, a list."""
    return get(answer, name, list, what)


def moment(epoch_ms: int) -> datetime:
    """Epoch milliseconds as UTC; `UnavailableError` where no calendar has them."""
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnavailableError(f"Flink gave an impossible time ({epoch_ms} ms).") from None


def job_path(job_id: str) -> str:
    """Where the REST server tells about a job; `NotFoundError` for what is no job id."""
    if not re.fullmatch(r"[0-9a-f]{32}", job_id):
        raise NotFoundError(f"{job_id!r} is not a job id (32 hexadecimal digits); `lakehouse-tui jobs` lists them.")
    return f"/jobs/{job_id}"


def cluster(answer: object) -> ClusterInfo:
    """`GET /overview`."""
    what = "the cluster"
    return ClusterInfo(
        version=get(answer, "flink-version", str, what),
        taskmanagers=get(answer, "taskmanagers", int, what),
        slots_total=get(answer, "slots-total", int, what),
        slots_available=get(answer, "slots-available", int, what),
    )


def jobs(answer: object) -> tuple[JobSummary, ...]:
    """`GET /jobs/overview`, newest first."""
    found = [_job_line(line) for line in items(answer, "jobs", "its jobs")]
    return tuple(sorted(found, key=lambda job: job.started_at, reverse=True))


def _job_line(line: object) -> JobSummary:
    tasks = get(line, "tasks", dict, "a job")
    return _summary(line, get(tasks, "total", int, "a job"), get(tasks, "running", int, "a job"))


def _summary(answer: object, total: int, running: int) -> JobSummary:
    end_ms = get(answer, "end-time", int, "a job")
    return JobSummary(
        id=get(answer, "jid", str, "a job"),
        name=get(answer, "name", str, "a job"),
        state=get(answer, "state", str, "a job"),
        started_at=moment(get(answer, "start-time", int, "a job")),
        ended_at=moment(end_ms) if end_ms >= 0 else None,
        tasks_total=total,
        tasks_running=running,
    )


def job(answer: object) -> tuple[JobSummary, tuple[Vertex, ...]]:
    """`GET /jobs/:id`: the job and its vertices, sources first, still without rates."""
    vertices = tuple(_vertex(vertex) for vertex in items(answer, "vertices", "a job"))
    summary = _summary(answer, sum(v.parallelism for v in vertices), sum(v.running for v in vertices))
    return summary, vertices


def running_since(answer: object) -> datetime | None:
    """`GET /jobs/:id`: when the job that runs now switched to running, at its start or its newest restart."""
    since_ms = maybe(maybe(answer, "timestamps", dict), "RUNNING", int)
    running = maybe(answer, "state", str) == "RUNNING"
    return moment(since_ms) if running and since_ms is not None and since_ms > 0 else None


def metrics_behind_ms(answer: object, uptime_ms: float | None) -> float | None:
    """How far the server's metrics are from `GET /jobs/:id`, by the job's own metric `uptime`; `None` where unknown.

    The server keeps what it has last fetched, and says of no metric how old it is.
    """
    now_ms = maybe(answer, "now", int)
    since = running_since(answer)
    if now_ms is None or since is None or uptime_ms is None:
        return None
    return abs(now_ms - since.timestamp() * 1000 - uptime_ms)


def _vertex(answer: object) -> Vertex:
    what = "a vertex"
    counts = get(answer, "metrics", dict, what)
    return Vertex(
        id=get(answer, "id", str, what),
        name=get(answer, "name", str, what),
        status=get(answer, "status", str, what),
        parallelism=get(answer, "parallelism", int, what),
        running=get(get(answer, "tasks", dict, what), "RUNNING", int, what),
        read_records=_complete(counts, "read-records"),
        write_records=_complete(counts, "write-records"),
    )


def _complete(counts: Json, name: str) -> int | None:
    """A count that Flink calls complete; while some task has not reported yet it is unknown."""
    return maybe(counts, name, int) if maybe(counts, f"{name}-complete", bool) else None


def aggregated(answer: object, field: str) -> dict[str, float]:
    """`GET …/subtasks/metrics?get=…&agg=field`: metric → value; what is not a finite number is left out."""
    if not isinstance(answer, list):
        raise UnavailableError("Flink's answer about metrics is no list: is this Flink's REST port?")
    found: dict[str, float] = {}
    for line in answer:
        name, value = maybe(line, "id", str), maybe(line, field, float)
        if value is None:
            value = maybe(line, field, int)
        if name is not None and value is not None and math.isfinite(value):
            found[name] = value
    return found


def ratio(ms_per_second: float | None) -> float | None:
    """Milliseconds per second as a share, 0 to 1."""
    return None if ms_per_second is None else min(1.0, max(0.0, ms_per_second / 1000))


def watermark(value: float | None) -> int | None:
    """A watermark metric in epoch ms; `None` before the first watermark."""
    return None if value is None or value <= _NO_WATERMARK else int(value)


def source_watermark(
    metrics: Mapping[str, float], operator: str, parallelism: int, idle_ms: float
) -> tuple[int, int | None] | None:
    """The watermark of a source (epoch ms) and its lag (ms) out of `<subtask>.<operator>.<metric>`.

    The lowest of all subtasks that still read; one that has had nothing to read for `idle_ms` counts only when all
    have, and then the highest does: so Flink merges the watermarks of idle inputs.
    """
    reading: list[tuple[int, int | None]] = []
    idle: list[tuple[int, int | None]] = []
    for name in (f"{index}.{operator}" for index in range(parallelism)):
        reached = watermark(metrics.get(f"{name}.currentOutputWatermark"))
        is_idle = metrics.get(f"{name}.sourceIdleTime", 0) > idle_ms
        if reached is not None:
            (idle if is_idle else reading).append((reached, whole(metrics.get(f"{name}.watermarkLag"))))
        elif not is_idle:
            return None
    by_time = itemgetter(0)
    return min(reading, key=by_time) if reading else max(idle, key=by_time, default=None)


def values(answer: object) -> dict[str, float]:
    """`GET …/metrics?get=…`: metric → value, for those that are known and are finite numbers."""
    if not isinstance(answer, list):
        raise UnavailableError("Flink's answer about metrics is no list: is this Flink's REST port?")
    found: dict[str, float] = {}
    for line in answer:
        name, text = maybe(line, "id", str), maybe(line, "value", str)
        if name is not None and text is not None and (number := _number(text)) is not None:
            found[name] = number
    return found


def whole(value: float | None) -> int | None:
    """A metric that counts."""
    return None if value is None else int(value)


def _number(text: str) -> float | None:
    """Whole numbers stay exact: a float has no room for every count of 64 bits."""
    if "_" in text:  # Python reads 1_000, Flink never writes it
        return None
    try:
        return int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None


def metric_ids(answer: object) -> list[str]:
    """`GET …/subtasks/metrics` without `get`: the names it knows."""
    if not isinstance(answer, list):
        raise UnavailableError("Flink's answer about metrics is no list: is this Flink's REST port?")
    return [name for line in answer if (name := maybe(line, "id", str)) is not None]


def offset_metrics(ids: Iterable[str], topic: str) -> dict[str, int]:
    """Metric name → partition, for `….KafkaSourceReader.topic.<topic>.partition.<n>.currentOffset`."""
    pattern = re.compile(
        rf"KafkaSourceReader\.topic\.{re.escape(topic)}\.partition\.(\d{{1,9}})\.currentOffset$", re.ASCII
    )
    return {name: int(found[1]) for name in ids if (found := pattern.search(name))}


def source_operator(ids: Iterable[str]) -> str | None:
    """The name of the source among the chained operators of a task, out of the task's metric names."""
    suffix = ".sourceIdleTime"
    return next((name.removesuffix(suffix) for name in ids if name.endswith(suffix)), None)


def next_offsets(partitions: Mapping[str, int], values: Mapping[str, float]) -> dict[int, int]:
    """Partition → next offset to read, the lowest of all readers of the topic.

    Flink reports the offset of the last record it read, and -1 before the first: a partition that one reader
    has not begun is unknown and left out.
    """
    read: dict[int, list[float]] = {}
    for name, partition in partitions.items():
        read.setdefault(partition, []).append(values.get(name, -1))
    return {partition: int(min(last)) + 1 for partition, last in sorted(read.items()) if min(last) >= 0}


def checkpoints(answer: object, config: object) -> CheckpointStats:
    """`GET …/checkpoints` and `GET …/checkpoints/config`."""
    what = "checkpoints"
    counts = get(answer, "counts", dict, what)
    restored = maybe(get(answer, "latest", dict, what), "restored", dict)
    interval = maybe(config, "interval", int)
    return CheckpointStats(
        completed=get(counts, "completed", int, what),
        failed=get(counts, "failed", int, what),
        in_progress=get(counts, "in_progress", int, what),
        restored_id=None if restored is None else get(restored, "id", int, what),
        interval_ms=interval if interval is not None and 0 < interval < 2**62 else None,  # Long.MAX: none
        history=tuple(checkpoint(line) for line in items(answer, "history", what)),
        restored_path=maybe(restored, "external_path", str),
    )


def checkpoint(answer: object) -> Checkpoint:
    """One line of the history, or `GET …/checkpoints/details/:checkpoint`."""
    what = "a checkpoint"
    status = get(answer, "status", str, what)
    done = status == "COMPLETED"
    completed_ms = maybe(answer, "latest_ack_timestamp", int) if done else None
    duration_ms = maybe(answer, "end_to_end_duration", int)
    return Checkpoint(
        id=get(answer, "id", int, what),
        status=status,
        is_savepoint=get(answer, "is_savepoint", bool, what),
        trigger_at=moment(get(answer, "trigger_timestamp", int, what)),
        completed_at=moment(completed_ms) if completed_ms is not None and completed_ms > 0 else None,
        duration_ms=duration_ms if duration_ms is not None and duration_ms >= 0 else None,
        size_bytes=maybe(answer, "checkpointed_size", int) if done else None,
        external_path=None if maybe(answer, "discarded", bool) else maybe(answer, "external_path", str),
        failure=first_line(maybe(answer, "failure_message", str)),
    )


def exceptions(answer: object) -> tuple[JobException, ...]:
    """`GET …/exceptions`, newest first."""
    history = get(answer, "exceptionHistory", dict, "exceptions")
    found = [_exception(entry) for entry in items(history, "entries", "exceptions")]
    return tuple(sorted(found, key=lambda entry: entry.at, reverse=True))


def _exception(entry: object) -> JobException:
    trace = maybe(entry, "stacktrace", str) or ""
    name = get(entry, "exceptionName", str, "an exception")
    return JobException(
        at=moment(get(entry, "timestamp", int, "an exception")),
        name=name,
        message=first_line(trace) or name,
        trace=trace,
        task=maybe(entry, "taskName", str),
    )


def operation(answer: object) -> Json | None:
    """`GET …/checkpoints/:trigger` or `…/savepoints/:trigger`: the result, or `None` while it is in progress.

    Raises `UnavailableError` with the root cause when the operation failed.
    """
    state = get(get(answer, "status", dict, "an operation"), "id", str, "an operation")
    if state != "COMPLETED":
        return None
    result: Json = get(answer, "operation", dict, "an operation")
    failure = next((result[name] for name in ("failureCause", "failure-cause") if result.get(name)), None)
    if failure is not None:
        cause = root_cause(maybe(failure, "stack-trace", str)) or maybe(failure, "class", str)
        raise UnavailableError(f"Flink could not do it: {cause or 'it gives no reason'}.")
    return result
