"""Flink over its REST interface: `FlinkPort` and `FlinkControlPort` for one cluster, and one topic's read offsets.

Paths and shapes: Flink 1.19, "REST API". Flink itself serves `/jobs/:id` from a cache of up to 3 s and metrics from
one of up to 10 s, so waits look at `/jobs/overview`, which is live.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final, TypeVar

from tui.clients import flink_parse as parse
from tui.clients.flink_facts import JobFacts, values
from tui.clients.flink_rest import FlinkRest
from tui.model.access import FlinkAccess
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.flink import (
    CheckpointStats,
    ClusterInfo,
    JobDetail,
    JobException,
    JobSummary,
    Vertex,
)
from tui.model.flink_detail import JobGraph
from tui.model.traces import root_cause

T = TypeVar("T")

_POLL_S: Final = 0.1
_CACHED_S: Final = 4.0
_IDLE_MS: Final = 10_000.0
"""From when a subtask of a source with nothing to read holds no watermark back; the job's own idle timeout."""
_NO_CHECKPOINTS: Final = CheckpointStats(0, 0, 0, None, None, ())


class FlinkClient:
    """Blocking calls, each answered within `timeout_s` a request; may be used from several threads."""

    def __init__(self, access: FlinkAccess, topic: str = "trades", timeout_s: float = 5.0) -> None:
        self._rest = FlinkRest(access, timeout_s)
        self._facts = JobFacts(self._rest)
        self._topic = topic

    # --- reading

    def cluster(self) -> ClusterInfo:
        """Version, TaskManagers and slots."""
        return parse.cluster(self._rest.get("/overview"))

    def jobs(self) -> tuple[JobSummary, ...]:
        """All jobs the cluster remembers, newest first."""
        return parse.jobs(self._rest.get("/jobs/overview"))

    def job(self, job_id: str) -> JobDetail:
        """One job with vertices (rates, watermarks) and checkpoints; `NotFoundError` for an unknown one.

        Costs one request a vertex, one a source and three more. Flink renews what it answers every few seconds only.
        """
        path = parse.job_path(job_id)
        answer = self._rest.get(path)
        summary, vertices = parse.job(answer)
        try:
            checkpoints = self.checkpoints(job_id)
        except NotFoundError:  # checkpointing is off
            checkpoints = _NO_CHECKPOINTS
        if not summary.active:
            return JobDetail(summary, vertices, checkpoints)
        own = values(self._rest, f"{path}/metrics", ("numRestarts", "uptime"))
        self._facts.metrics_behind(job_id, parse.metrics_behind_ms(answer, own.get("uptime")))
        if self._facts.metrics_old(job_id):
            vertices = tuple(replace(v, read_records=None, write_records=None) for v in vertices)
            return JobDetail(summary, vertices, checkpoints, running_since=parse.running_since(answer))
        graph = self._facts.graph(job_id, answer)
        sources = self._sources(graph, vertices)
        vertices = tuple(self._measured(graph, vertex, sources) for vertex in vertices)
        lowest = min((reached for reached in sources.values() if reached), key=itemgetter(0), default=(None, None))
        return JobDetail(
            summary,
            vertices,
            checkpoints,
            restarts=parse.whole(own.get("numRestarts")),
            running_since=parse.running_since(answer),
            watermark_ms=lowest[0],
            watermark_lag_ms=lowest[1],
        )

    def checkpoints(self, job_id: str) -> CheckpointStats:
        """Checkpoint counts and history, newest first; `NotFoundError` without such a job or without checkpoints."""
        answer = self._rest.get(f"{parse.job_path(job_id)}/checkpoints")
        return parse.checkpoints(answer, self._facts.checkpoint_config(job_id))

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        """The job's exception history, newest first."""
        return parse.exceptions(self._rest.get(f"{parse.job_path(job_id)}/exceptions"))

    def read_offsets(self, job_id: str) -> dict[int, int]:
        """Partition → next offset the job will read; partitions it has not read from yet are left out.

        All are, while `job` finds the server's metrics old. Costs one request a source, once their names are known.
        """
        found: dict[int, int] = {}
        if self._facts.metrics_old(job_id):
            return found
        for vertex in sorted(self._facts.graph(job_id).sources()):
            for partition, offset in self._source_offsets(job_id, vertex).items():
                found[partition] = min(offset, found.get(partition, offset))
        return found

    def _source_offsets(self, job_id: str, vertex: str) -> dict[int, int]:
        metrics = parse.offset_metrics(self._facts.metric_names(job_id, vertex), self._topic)
        last_read: dict[str, float] = {}
        if metrics:
            path = f"{parse.job_path(job_id)}/vertices/{vertex}/subtasks/metrics"
            last_read = parse.aggregated(self._rest.get(path, {"get": ",".join(metrics), "agg": "max"}), "max")
        if not last_read:  # the job starts, has ended or is unknown by now: the next call looks at everything again
            self._facts.forget(job_id)
        return parse.next_offsets(metrics, last_read)

    def _sources(self, graph: JobGraph, vertices: tuple[Vertex, ...]) -> dict[str, tuple[int, int | None] | None]:
        """Every source's watermark and how far it is behind the clock; `None` before its first."""
        ids = graph.sources()
        return {vertex.id: self._source_watermark(graph.job_id, vertex) for vertex in vertices if vertex.id in ids}

    def _source_watermark(self, job_id: str, source: Vertex) -> tuple[int, int | None] | None:
        operator = parse.source_operator(self._facts.metric_names(job_id, source.id))
        if operator is None:
            return None
        kinds = ("currentOutputWatermark", "watermarkLag", "sourceIdleTime")
        names = [f"{index}.{operator}.{kind}" for index in range(source.parallelism) for kind in kinds]
        path = f"{parse.job_path(job_id)}/vertices/{source.id}/metrics"
        return parse.source_watermark(values(self._rest, path, names), operator, source.parallelism, _IDLE_MS)

    def _measured(
        self, graph: JobGraph, vertex: Vertex, sources: Mapping[str, tuple[int, int | None] | None]
    ) -> Vertex:
        """The vertex with its busiest subtask's ratios, its summed rates and its lowest watermark."""
        is_source = vertex.id in sources
        names = parse.TASK_METRICS if is_source else (*parse.TASK_METRICS, parse.INPUT_WATERMARK)
        path = f"{parse.job_path(graph.job_id)}/vertices/{vertex.id}/subtasks/metrics"
        answer = self._rest.get(path, {"get": ",".join(names), "agg": "max,sum,min"})
        highest, total, lowest = (parse.aggregated(answer, how) for how in ("max", "sum", "min"))
        own = sources.get(vertex.id)
        arriving = None if vertex.id in graph.clocked() else parse.watermark(lowest.get(parse.INPUT_WATERMARK))
        return replace(
            vertex,
            busy_ratio=parse.ratio(highest.get("busyTimeMsPerSecond")),
            backpressured_ratio=parse.ratio(highest.get("backPressuredTimeMsPerSecond")),
            in_rate=total.get("numRecordsInPerSecond"),
            out_rate=total.get("numRecordsOutPerSecond"),
            watermark_ms=(own[0] if own else None) if is_source else arriving,
            watermark_lag_ms=own[1] if own else None,
        )

    # --- acting

    def trigger_checkpoint(self, job_id: str, timeout_s: float) -> int:
        """Trigger a checkpoint, wait until it is complete, and return its id."""
        path = f"{parse.job_path(job_id)}/checkpoints"
        self._require_active(job_id)
        done = self._operation(path, {}, f"{path}/", "checkpoint", timeout_s)
        return parse.get(done, "checkpointId", int, "a checkpoint")

    def stop_with_savepoint(self, job_id: str, directory: str, timeout_s: float) -> str:
        """Stop the job with a savepoint below `directory`, wait until it ended; returns the savepoint's path."""
        path = parse.job_path(job_id)
        self._require_active(job_id)
        deadline = time.monotonic() + timeout_s
        order = {"targetDirectory": directory, "drain": False}
        done = self._operation(f"{path}/stop", order, f"{path}/savepoints/", "savepoint", timeout_s)
        location = parse.get(done, "location", str, "a savepoint")
        self._wait_ended(job_id, deadline - time.monotonic())
        return location

    def cancel(self, job_id: str, timeout_s: float) -> None:
        """Cancel the job and wait until it has ended; a job that has ended already is left as it is."""
        path = parse.job_path(job_id)
        if self._summary(job_id).active:
            self._rest.send("PATCH", f"{path}?mode=cancel", None, accept=(409,))  # 409: it has just ended by itself
            self._wait_ended(job_id, timeout_s)

    def wait_running(self, job_id: str, timeout_s: float) -> None:
        """Wait until every task of the job runs; raises `LakehouseError` with the root cause if it failed."""

        def running() -> bool | None:
            job = self._summary(job_id)
            if not job.active:
                raise LakehouseError(f"The job ended ({job.state}): {self._reason(job_id)}.")
            return True if job.whole else None

        if _until(running, timeout_s) is None:
            raise UnavailableError(
                f"The job {job_id} did not have all its tasks running within {timeout_s:g} s: {self._reason(job_id)}."
            )

    def _reason(self, job_id: str) -> str:
        """Why the job has trouble, waiting as long as Flink may still serve an older list of exceptions."""
        newest = _until(lambda: next(iter(self.exceptions(job_id)), None), _CACHED_S)
        cause = root_cause(newest.trace) if newest else None
        return cause or "Flink reports no exception; `lakehouse-tui logs jobmanager` may tell more"

    def _summary(self, job_id: str) -> JobSummary:
        job = next((job for job in self.jobs() if job.id == job_id), None)
        if job is None:
            raise NotFoundError(f"{self._rest.where} does not know the job {job_id}.")
        return job

    def _require_active(self, job_id: str) -> None:
        job = self._summary(job_id)
        if not job.active:
            raise LakehouseError(f"The job {job_id} has ended ({job.state}): start it with `lakehouse-tui submit`.")

    def _operation(self, path: str, order: dict[str, Any], results: str, what: str, timeout_s: float) -> parse.Json:
        """Start an asynchronous operation and wait for its result."""
        started = self._rest.send("POST", path, order)
        trigger = parse.get(started, "request-id", str, f"a {what}")
        done = _until(lambda: parse.operation(self._rest.get(f"{results}{trigger}")), timeout_s)
        if done is None:
            raise UnavailableError(f"The {what} was not complete within {timeout_s:g} s; it may still complete later.")
        return done

    def _wait_ended(self, job_id: str, timeout_s: float) -> None:
        ended = _until(lambda: None if self._summary(job_id).active else True, timeout_s)
        if ended is None:
            raise UnavailableError(f"The job {job_id} had not ended after {max(0.0, timeout_s):g} s.")


def _until(look: Callable[[], T | None], timeout_s: float) -> T | None:
    """Call `look` until it gives something, for at most `timeout_s` (at least once); `None` when it never did."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found is not None or time.monotonic() >= deadline:
            return found
        time.sleep(_POLL_S)
