"""Flink over its REST interface: `FlinkPort` and `FlinkControlPort` for one cluster, and one topic's read offsets.

Paths and shapes: Flink 1.19, "REST API". Flink itself serves `/jobs/:id` from a cache of up to 3 s and metrics from
one of up to 10 s, so waits look at `/jobs/overview`, which is live.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from tui.clients import flink_parse as parse
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.flink import (
    CheckpointStats,
    ClusterInfo,
    JobDetail,
    JobException,
    JobSummary,
    Vertex,
)

T = TypeVar("T")

_RETRIED: Final = (500, 502, 503, 504)
_POLL_S: Final = 0.1
_CACHED_S: Final = 4.0
_NO_CHECKPOINTS: Final = CheckpointStats(0, 0, 0, None, None, ())


class FlinkClient:
    """Blocking calls, each answered within `timeout_s` a request; may be used from several threads."""

    def __init__(self, base_url: str, topic: str = "trades", timeout_s: float = 5.0) -> None:
        self._base = base_url.rstrip("/")
        self._topic = topic
        self._timeout_s = timeout_s
        self._local = threading.local()

    # --- reading

    def cluster(self) -> ClusterInfo:
        """Version, TaskManagers and slots."""
        return parse.cluster(self._get("/overview"))

    def jobs(self) -> tuple[JobSummary, ...]:
        """All jobs the cluster remembers, newest first."""
        return parse.jobs(self._get("/jobs/overview"))

    def job(self, job_id: str) -> JobDetail:
        """One job with vertices (rates, watermarks) and checkpoints; `NotFoundError` for an unknown one."""
        path = _job_path(job_id)
        summary, vertices = parse.job(self._get(path))
        try:
            checkpoints = self.checkpoints(job_id)
        except NotFoundError:  # checkpointing is off
            checkpoints = _NO_CHECKPOINTS
        if summary.active:
            vertices = tuple(self._measured(path, vertex) for vertex in vertices)
        return JobDetail(summary, vertices, checkpoints)

    def checkpoints(self, job_id: str) -> CheckpointStats:
        """Checkpoint counts and history, newest first; `NotFoundError` without such a job or without checkpoints."""
        path = _job_path(job_id)
        return parse.checkpoints(self._get(f"{path}/checkpoints"), self._get(f"{path}/checkpoints/config"))

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        """The job's exception history, newest first."""
        return parse.exceptions(self._get(f"{_job_path(job_id)}/exceptions"))

    def read_offsets(self, job_id: str) -> dict[int, int]:
        """Partition → next offset the job will read; partitions it has not read from yet are left out."""
        path = _job_path(job_id)
        _, vertices = parse.job(self._get(path))
        found: dict[int, int] = {}
        for vertex in vertices:
            if "Source" in vertex.name:
                for partition, offset in self._source_offsets(f"{path}/vertices/{vertex.id}").items():
                    found[partition] = min(offset, found.get(partition, offset))
        return found

    def _source_offsets(self, path: str) -> dict[int, int]:
        metrics = parse.offset_metrics(parse.metric_ids(self._get(f"{path}/subtasks/metrics")), self._topic)
        return parse.next_offsets(metrics, self._aggregate(path, metrics, "max")) if metrics else {}

    def _measured(self, path: str, vertex: Vertex) -> Vertex:
        """The vertex with its busiest subtask's ratios, its summed rates and its lowest watermark."""
        path = f"{path}/vertices/{vertex.id}"
        names = dict.fromkeys(parse.TASK_METRICS, 0)
        answer = self._get(f"{path}/subtasks/metrics", {"get": ",".join(names), "agg": "max,sum"})
        highest, total = parse.aggregated(answer, "max"), parse.aggregated(answer, "sum")
        return replace(
            vertex,
            busy_ratio=parse.ratio(highest.get("busyTimeMsPerSecond")),
            backpressured_ratio=parse.ratio(highest.get("backPressuredTimeMsPerSecond")),
            in_rate=total.get("numRecordsInPerSecond"),
            out_rate=total.get("numRecordsOutPerSecond"),
            watermark_ms=parse.watermark(self._get(f"{path}/watermarks")),
        )

    def _aggregate(self, path: str, names: Mapping[str, int], how: str) -> dict[str, float]:
        answer = self._get(f"{path}/subtasks/metrics", {"get": ",".join(names), "agg": how})
        return parse.aggregated(answer, how)

    # --- acting

    def trigger_checkpoint(self, job_id: str, timeout_s: float) -> int:
        """Trigger a checkpoint, wait until it is complete, and return its id."""
        path = f"{_job_path(job_id)}/checkpoints"
        self._require_active(job_id)
        done = self._operation(path, {}, f"{path}/", "checkpoint", timeout_s)
        return parse.get(done, "checkpointId", int, "a checkpoint")

    def stop_with_savepoint(self, job_id: str, directory: str, timeout_s: float) -> str:
        """Stop the job with a savepoint below `directory`, wait until it ended; returns the savepoint's path."""
        path = _job_path(job_id)
        self._require_active(job_id)
        deadline = time.monotonic() + timeout_s
        order = {"targetDirectory": directory, "drain": False}
        done = self._operation(f"{path}/stop", order, f"{path}/savepoints/", "savepoint", timeout_s)
        location = parse.get(done, "location", str, "a savepoint")
        self._wait_ended(job_id, deadline - time.monotonic())
        return location

    def cancel(self, job_id: str, timeout_s: float) -> None:
        """Cancel the job and wait until it has ended; a job that has ended already is left as it is."""
        path = _job_path(job_id)
        if self._summary(job_id).active:
            self._send("PATCH", f"{path}?mode=cancel", None, accept=(409,))  # 409: it has just ended by itself
            self._wait_ended(job_id, timeout_s)

    def wait_running(self, job_id: str, timeout_s: float) -> None:
        """Wait until every task of the job runs; raises `LakehouseError` with the root cause if it failed."""

        def running() -> bool | None:
            job = self._summary(job_id)
            if not job.active:
                raise LakehouseError(f"The job ended ({job.state}): {self._reason(job_id)}.")
            return True if job.state == "RUNNING" and 0 < job.tasks_total == job.tasks_running else None

        if _until(running, timeout_s) is None:
            raise UnavailableError(
                f"The job {job_id} did not have all its tasks running within {timeout_s:g} s: {self._reason(job_id)}."
            )

    def _reason(self, job_id: str) -> str:
        """Why the job has trouble, waiting as long as Flink may still serve an older list of exceptions."""
        newest = _until(lambda: next(iter(self.exceptions(job_id)), None), _CACHED_S)
        cause = parse.root_cause(newest.trace) if newest else None
        return cause or "Flink reports no exception; `lakehouse-tui logs jobmanager` may tell more"

    def _summary(self, job_id: str) -> JobSummary:
        job = next((job for job in self.jobs() if job.id == job_id), None)
        if job is None:
            raise NotFoundError(f"Flink at {self._base} does not know the job {job_id}.")
        return job

    def _require_active(self, job_id: str) -> None:
        job = self._summary(job_id)
        if not job.active:
            raise LakehouseError(f"The job {job_id} has ended ({job.state}): start it with `lakehouse-tui submit`.")

    def _operation(self, path: str, order: dict[str, Any], results: str, what: str, timeout_s: float) -> parse.Json:
        """Start an asynchronous operation and wait for its result."""
        started = self._send("POST", path, order)
        trigger = parse.get(started, "request-id", str, f"a {what}")
        done = _until(lambda: parse.operation(self._get(f"{results}{trigger}")), timeout_s)
        if done is None:
            raise UnavailableError(f"The {what} was not complete within {timeout_s:g} s; it may still complete later.")
        return done

    def _wait_ended(self, job_id: str, timeout_s: float) -> None:
        ended = _until(lambda: None if self._summary(job_id).active else True, timeout_s)
        if ended is None:
            raise UnavailableError(f"The job {job_id} had not ended after {max(0.0, timeout_s):g} s.")

    # --- transport

    def _get(self, path: str, query: dict[str, str] | None = None) -> object:
        return self._send("GET", path, None, query=query)

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        *,
        query: dict[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> object:
        where = f"Flink at {self._base}"
        try:
            response = self._session().request(
                method, self._base + path, json=body, params=query, timeout=self._timeout_s, allow_redirects=False
            )
        except requests.Timeout:
            raise UnavailableError(f"{where} did not answer within {self._timeout_s:g} s.") from None
        except requests.RequestException as error:
            raise UnavailableError(
                f"{where} does not answer ({_cause(error)}): start it with `lakehouse-tui up`."
            ) from None
        return self._answer(response, f"{where} answered {method} {path}", accept)

    def _answer(self, response: requests.Response, said: str, accept: tuple[int, ...]) -> object:
        status = response.status_code
        if not 200 <= status < 300 and status not in accept:
            reason = _error_text(response)
            kind = NotFoundError if status == 404 else UnavailableError
            raise kind(f"{said} with {status}{f': {reason}' if reason else ''}.")
        try:
            return response.json() if response.content else {}
        except ValueError:
            raise UnavailableError(f"{said} with something that is not JSON: is this Flink's REST port?") from None

    def _session(self) -> requests.Session:
        """This thread's own session: requests does not promise that one may be shared."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxy from the environment: the cluster is named by its own address
            retry = Retry(
                total=2,
                read=False,
                status_forcelist=_RETRIED,
                allowed_methods={"GET"},
                backoff_factor=0.1,
                raise_on_status=False,
                respect_retry_after_header=False,
            )
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.mount("https://", HTTPAdapter(max_retries=retry))
            self._local.session = session
        return session


def _job_path(job_id: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}", job_id):
        raise NotFoundError(f"{job_id!r} is not a job id (32 hexadecimal digits); `lakehouse-tui jobs` lists them.")
    return f"/jobs/{job_id}"


def _error_text(response: requests.Response) -> str | None:
    """The root cause from Flink's own error body, or `None` for any other body."""
    try:
        errors = response.json()["errors"]
        return parse.root_cause(errors[0])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _cause(error: requests.RequestException) -> str:
    """A few words about why the request never got an answer."""
    text = str(error)
    for sign in ("Connection refused", "Name or service not known", "Connection reset", "Connection aborted"):
        if sign in text:
            return sign.lower()
    return type(error).__name__


def _until(look: Callable[[], T | None], timeout_s: float) -> T | None:
    """Call `look` until it gives something, for at most `timeout_s` (at least once); `None` when it never did."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found is not None or time.monotonic() >= deadline:
            return found
        time.sleep(_POLL_S)
