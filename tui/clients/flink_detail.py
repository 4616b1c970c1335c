"""What the Flink screen asks for beyond `FlinkPort`: `FlinkDetailPort` over the REST interface of Flink 1.19."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tui.clients import flink_detail_parse as parse
from tui.clients import flink_parse
from tui.clients.flink import FlinkClient
from tui.clients.flink_facts import values
from tui.model.errors import NotFoundError
from tui.model.flink_detail import CheckpointDetail, CheckpointVertex, ConfigSection, JobGraph, Subtask, TaskManager

_SUBTASK_METRICS: Final = (*flink_parse.TASK_METRICS, "idleTimeMsPerSecond")


class FlinkDetailClient(FlinkClient):
    """A `FlinkClient` that tells more; it shares connections and known facts with what it extends."""

    def graph(self, job_id: str) -> JobGraph:
        """The job's vertices and the streams between them; asked once a job, for it never changes."""
        return self._facts.graph(job_id)

    def subtasks(self, job_id: str, vertex_id: str) -> tuple[Subtask, ...]:
        """The parallel instances of a vertex, by index; `NotFoundError` without such a job or vertex."""
        path = f"{flink_parse.job_path(job_id)}/vertices/{vertex_id}"
        found = parse.subtasks(self._rest.get(path))
        graph = self._facts.graph(job_id)
        watermark: str | None = flink_parse.INPUT_WATERMARK
        if vertex_id in graph.sources():
            operator = flink_parse.source_operator(self._facts.metric_names(job_id, vertex_id))
            watermark = f"{operator}.currentOutputWatermark" if operator else None
        elif vertex_id in graph.clocked():
            watermark = None
        kinds = [*_SUBTASK_METRICS, *([watermark] if watermark else [])]
        names = [f"{subtask.index}.{kind}" for subtask in found for kind in kinds]
        metrics = values(self._rest, f"{path}/metrics", names)
        return tuple(_measured(subtask, metrics, watermark) for subtask in found)

    def checkpoint(self, job_id: str, checkpoint_id: int) -> CheckpointDetail:
        """One checkpoint by vertex; `NotFoundError` once Flink keeps it no longer. One request a vertex."""
        path = f"{flink_parse.job_path(job_id)}/checkpoints/details/{checkpoint_id}"
        try:
            detail = parse.checkpoint_detail(self._rest.get(path))
        except NotFoundError:
            raise NotFoundError(
                f"Flink keeps no details of checkpoint {checkpoint_id} any more: choose a newer one."
            ) from None
        return replace(detail, vertices=tuple(self._timed(path, vertex) for vertex in detail.vertices))

    def _timed(self, path: str, vertex: CheckpointVertex) -> CheckpointVertex:
        if not vertex.acknowledged:
            return vertex
        try:
            return parse.timed(vertex, self._rest.get(f"{path}/subtasks/{vertex.vertex_id}"))
        except NotFoundError:  # dropped from the history since
            return vertex

    def configuration(self, job_id: str | None) -> tuple[ConfigSection, ...]:
        """Settings of the job and its checkpoints, if one is asked for, and of the cluster; secrets are hidden."""
        sections = []
        if job_id is not None:
            path = flink_parse.job_path(job_id)
            sections.append(ConfigSection("job", parse.job_config(self._rest.get(f"{path}/config"))))
            try:
                checkpoints = parse.checkpoint_config(self._rest.get(f"{path}/checkpoints/config"))
                sections.append(ConfigSection("checkpoints", checkpoints))
            except NotFoundError:  # checkpointing is off
                pass
        sections.append(ConfigSection("cluster", parse.cluster_config(self._rest.get("/jobmanager/config"))))
        return tuple(sections)

    def taskmanagers(self) -> tuple[TaskManager, ...]:
        """Every registered TaskManager, by id; two requests each."""
        found = []
        for name in parse.taskmanager_ids(self._rest.get("/taskmanagers")):
            path = f"/taskmanagers/{name}"
            try:
                metrics = values(self._rest, f"{path}/metrics", parse.TASKMANAGER_METRICS)
                found.append(parse.taskmanager(self._rest.get(path), metrics))
            except NotFoundError:  # it has gone since
                continue
        return tuple(found)


def _measured(subtask: Subtask, metrics: Mapping[str, float], watermark: str | None) -> Subtask:
    own = {kind: metrics.get(f"{subtask.index}.{kind}") for kind in _SUBTASK_METRICS}
    return replace(
        subtask,
        in_rate=own["numRecordsInPerSecond"],
        out_rate=own["numRecordsOutPerSecond"],
        busy_ratio=flink_parse.ratio(own["busyTimeMsPerSecond"]),
        backpressured_ratio=flink_parse.ratio(own["backPressuredTimeMsPerSecond"]),
        idle_ratio=flink_parse.ratio(own["idleTimeMsPerSecond"]),
        watermark_ms=flink_parse.watermark(metrics.get(f"{subtask.index}.{watermark}")) if watermark else None,
    )
