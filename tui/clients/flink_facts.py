"""What a REST server needs to be asked only once a job: plan, checkpoint settings, names of the sources' metrics.

A job's plan and its checkpoint settings never change under one job id. The names of metrics grow while a job starts
and when Kafka's topic gets a partition, so they are asked anew after `NAMES_S`. `forget` is for what proved wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from tui.clients import flink_detail_parse, flink_parse
from tui.clients.flink_rest import FlinkRest
from tui.model.flink_detail import JobGraph

NAMES_S: Final = 5.0
OLD_MS: Final = 20_000.0
"""Metrics further behind than this are old; Flink renews them every 10 s by default.

While nobody asks it renews none. It also stops for as long as `web.timeout` (10 minutes by default) when a TaskManager
is lost at the moment that it is asked.
"""
_JOBS: Final = 16
_LONGEST_QUERY: Final = 3000
"""Flink's server refuses a request line of more than 4096 bytes."""


@dataclass(slots=True)
class _Facts:
    graph: JobGraph | None = None
    checkpoint_config: Any = None
    names: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    behind_ms: float | None = None


class JobFacts:
    """The facts of the jobs asked for last; threads that ask at the same time may both fetch, and get the same."""

    def __init__(self, rest: FlinkRest, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._jobs: dict[str, _Facts] = {}

    def graph(self, job_id: str, answer: object = None) -> JobGraph:
        """The job's plan; `answer`: what `GET /jobs/:id` just said, if it was asked anyway."""
        facts = self._of(job_id)
        if facts.graph is None:
            facts.graph = flink_detail_parse.graph(
                answer if answer is not None else self._rest.get(flink_parse.job_path(job_id))
            )
        return facts.graph

    def checkpoint_config(self, job_id: str) -> Any:
        """`GET /jobs/:id/checkpoints/config`."""
        facts = self._of(job_id)
        if facts.checkpoint_config is None:
            answer = self._rest.get(f"{flink_parse.job_path(job_id)}/checkpoints/config")
            if not isinstance(answer, dict):
                return answer
            facts.checkpoint_config = answer
        return facts.checkpoint_config

    def metric_names(self, job_id: str, vertex_id: str) -> tuple[str, ...]:
        """Names of the vertex's metrics, the same for all its subtasks; empty while none has reported."""
        facts, now = self._of(job_id), self._clock()
        known = facts.names.get(vertex_id)
        if known is None or now - known[0] > NAMES_S:
            path = f"{flink_parse.job_path(job_id)}/vertices/{vertex_id}/subtasks/metrics"
            known = now, tuple(flink_parse.metric_ids(self._rest.get(path)))
            if known[1]:
                facts.names[vertex_id] = known
        return known[1]

    def metrics_behind(self, job_id: str, behind_ms: float | None) -> None:
        """Note how far the job's metrics were behind when they were last looked at."""
        self._of(job_id).behind_ms = behind_ms

    def metrics_old(self, job_id: str) -> bool:
        """Whether they are too old to be shown as those of now."""
        return (self._of(job_id).behind_ms or 0.0) > OLD_MS

    def forget(self, job_id: str) -> None:
        """Ask everything about the job anew."""
        self._jobs.pop(job_id, None)

    def _of(self, job_id: str) -> _Facts:
        facts = self._jobs.get(job_id)
        if facts is None:
            for oldest in list(self._jobs)[: 1 - _JOBS]:
                self._jobs.pop(oldest, None)
            facts = self._jobs.setdefault(job_id, _Facts())
        return facts


def values(rest: FlinkRest, path: str, names: Iterable[str]) -> dict[str, float]:
    """Metrics below `path`, in as few requests as their names have room in; unknown ones are left out."""
    found: dict[str, float] = {}
    for some in _batches(names):
        found.update(flink_parse.values(rest.get(path, {"get": ",".join(some)})))
    return found


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for name in names:
        cost = len(quote(name, safe="")) + len("%2C")
        if batch and length + cost > _LONGEST_QUERY:
            yield batch
            batch, length = [], 0
        batch.append(name)
        length += cost
    if batch:
        yield batch
