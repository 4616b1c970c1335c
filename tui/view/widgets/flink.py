"""The Flink panel: the job, its vertices, its last checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.actions import active_job
from tui.core.store import State
from tui.model.flink import Checkpoint, CheckpointStats, ClusterInfo, JobDetail, JobSummary, Vertex
from tui.view import format as fmt
from tui.view.keeping import sentences
from tui.view.vertices import behind, labels
from tui.view.widgets.panel import Panel, absent, columns, due_lines, sentence, wrapped

CHECKPOINT_STYLES = {"COMPLETED": "green", "FAILED": "red", "IN_PROGRESS": "yellow"}


class FlinkPanel(Panel):
    """The running job, or why there is none."""

    SOURCES = ("jobs", "checkpoints")

    def title_text(self, state: State) -> str:
        """The cluster."""
        cluster: ClusterInfo | None = state.shown("cluster").value
        if cluster is None:
            return "Flink"
        return f"Flink {cluster.version} · {cluster.slots_available}/{cluster.slots_total} slots free"

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        """Job, checkpoints, vertices: what does not fit goes from the end."""
        shown = state.shown("jobs")
        if shown.value is None or advice.stopped(state):
            return absent(state, "jobmanager", "Flink", shown, now, width)
        job = active_job(state)
        head = [*job_lines(state, job, now, width), *sentence(shown, now, width)]
        if job is None:
            return head
        room = height - len(head)
        checkpoints = checkpoint_lines(state, now, max(2, min(6, room // 3 + 1)))
        vertices = vertex_lines(state, now, width, room - len(checkpoints))
        return [*head, *checkpoints, *vertices]


def job_lines(state: State, job: JobSummary | None, now: datetime, width: int) -> list[Text]:
    """State, uptime, restarts, tasks; or what became of the last job."""
    keeping = advice.keeping(state)
    if job is None and keeping is not None:
        style = "bold red" if keeping.phase == "gave up" else "bold yellow"
        return wrapped(Text(sentences(keeping, now), style=style), width)
    if job is None:
        jobs: tuple[JobSummary, ...] = state.shown("jobs").value or ()
        if not jobs:
            return [Text("No job runs.")]
        last = jobs[0]
        failed = last.state == "FAILED"
        when = f" {fmt.age(last.ended_at, now)} ago" if last.ended_at else ""
        line = Text.assemble("No job; the last one ", (last.state, "bold red" if failed else "bold"), f"{when}.")
        return [line, *(wrapped("Its exceptions are on screen 3.", width) if failed else [])]
    style = "bold green" if job.state == "RUNNING" else "bold yellow"
    restarts = restarts_of(state, job)
    return [
        Text.assemble(
            (job.state, style),
            f" {fmt.age(job.started_at, now)} · {job.tasks_running}/{job.tasks_total} tasks",
            "" if not restarts else f" · {restarts} restarts",
            (failed_checkpoints(state), "red"),
        )
    ]


def failed_checkpoints(state: State) -> str:
    """How many checkpoints of the job have failed, where any has."""
    stats: CheckpointStats | None = state.shown("checkpoints").value
    return f" · {stats.failed} ckpt failed" if stats is not None and stats.failed else ""


def restarts_of(state: State, job: JobSummary) -> int | None:
    """How often Flink has restarted the job, where its detail says so."""
    detail: JobDetail | None = state.shown("job").value
    return getattr(detail, "restarts", None) if detail is not None and detail.summary.id == job.id else None


def checkpoint_lines(state: State, now: datetime, most: int) -> list[Text]:
    """The newest checkpoints, or when the first one is due."""
    stats: CheckpointStats | None = state.shown("checkpoints").value
    if stats is None:
        return [Text("checkpoints –", style="dim")]
    if stats.interval_ms is None:
        return [Text("no checkpoints: checkpointing is off")]
    if not stats.history:
        return due_lines(state, now)
    rows = [_checkpoint_row(c, now) for c in stats.history[: most - 1]]
    return columns(("ckpt", "status", "ago", "took", "size"), rows, left=(1,))


def _checkpoint_row(c: Checkpoint, now: datetime) -> list[str | Text]:
    status = "savepoint" if c.is_savepoint and c.status == "COMPLETED" else c.status.replace("_", " ").lower()
    return [
        str(c.id),
        Text(status, style=CHECKPOINT_STYLES.get(c.status, "")),
        fmt.coarse_age(c.completed_at or c.trigger_at, now),
        fmt.duration(None if c.duration_ms is None else c.duration_ms / 1000),
        fmt.size(c.size_bytes),
    ]


def vertex_lines(state: State, now: datetime, width: int, most: int) -> list[Text]:
    """One row a vertex: rates, busy, backpressure, and how far its watermark is behind."""
    detail: JobDetail | None = state.shown("job").value
    if detail is None or most < 2:
        return []
    wide = width >= 60
    name_width = max(10, width - (46 if wide else 23))
    header = ("vertex", "in/s", "out/s", "busy", *(("backpr.", "watermark") if wide else ()))
    names, at = labels({v.id: v.name for v in detail.vertices}), state.shown("job").taken_at or now
    rows = [_vertex_row(v, names[v.id], at, name_width, wide=wide) for v in detail.vertices[: most - 1]]
    return columns(header, rows, gap=2 if wide else 1)


def _vertex_row(v: Vertex, name: str, at: datetime, name_width: int, *, wide: bool) -> list[str | Text]:
    row: list[str | Text] = [
        fmt.clip(name, name_width),
        fmt.UNKNOWN if name.startswith("Source: ") else fmt.rate(v.in_rate),  # nothing is counted into a source
        fmt.rate(v.out_rate),
        fmt.percent(v.busy_ratio),
    ]
    if wide:
        row += [fmt.percent(v.backpressured_ratio), behind(v.watermark_ms, at, v.watermark_lag_ms)]
    return row
