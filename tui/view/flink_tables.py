"""Vertices, subtasks, checkpoints, exceptions and settings as rows; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.text import Text

from tui.core.store import State
from tui.model.flink import Checkpoint, JobException, Vertex
from tui.model.flink_detail import CheckpointVertex, ConfigEntry, ConfigSection, JobGraph, Subtask
from tui.model.iceberg import TableHistory
from tui.view import format as fmt
from tui.view.fit import Cells, Col
from tui.view.vertices import behind
from tui.view.widgets.flink import CHECKPOINT_STYLES

TABLES = ("agg_1m", "raw_trades", "bad_trades")
Rows = list[tuple[str, Cells]]

VERTICES = (
    Col("vertex", "vertex", 18, 0, "left", grow=True),
    Col("tasks", "tasks", 5, 3),
    Col("status", "status", 9, 8, "left"),
    Col("by", "fed by", 9, 7, "left"),
    Col("in", "in/s", 5, 1),
    Col("out", "out/s", 5, 1),
    Col("read", "records in", 11, 9),
    Col("written", "records out", 11, 9),
    Col("busy", "busy", 4, 1),
    Col("back", "backpr.", 7, 2),
    Col("mark", "watermark", 9, 4),
)
SUBTASKS = (
    Col("index", "#", 3, 0),
    Col("status", "status", 9, 1, "left"),
    Col("attempt", "attempt", 7, 6),
    Col("in", "in/s", 5, 2),
    Col("out", "out/s", 5, 2),
    Col("busy", "busy", 4, 2),
    Col("back", "backpr.", 7, 3),
    Col("idle", "idle", 4, 3),
    Col("read", "records in", 11, 5),
    Col("written", "records out", 11, 5),
    Col("bytes_in", "bytes in", 8, 8),
    Col("bytes_out", "bytes out", 9, 8),
    Col("mark", "watermark", 9, 6),
    Col("since", "for", 8, 7),
    Col("where", "TaskManager", 11, 4, "left", grow=True),
)
CHECKPOINTS = (
    Col("id", "id", 5, 0),
    Col("status", "status", 11, 1, "left"),
    Col("at", "started", 8, 2),
    Col("took", "took", 7, 1),
    Col("size", "size", 8, 1),
    Col("tables", "in Iceberg", 10, 4),
    Col("note", "kept as, or why not", 19, 3, "left", grow=True, tail=True),
)
CHECKPOINT_VERTICES = (
    Col("vertex", "vertex", 16, 0, "left", grow=True),
    Col("acked", "acked", 5, 1),
    Col("took", "took", 7, 1),
    Col("size", "size", 8, 1),
    Col("sync", "sync", 7, 2),
    Col("async", "async", 7, 2),
    Col("align", "align", 7, 3),
    Col("delay", "delay", 7, 4),
)
EXCEPTIONS = (
    Col("at", "time", 8, 0),
    Col("cause", "cause", 24, 1, "left", grow=True),
    Col("task", "task", 26, 2, "left"),
)
CONFIG = (
    Col("section", "of", 11, 2, "left"),
    Col("key", "setting", 34, 0, "left"),
    Col("value", "value", 16, 1, "left", grow=True),
)


def load(ratio: float | None) -> Text:
    """A share of busy or backpressured time; high ones stand out."""
    style = "" if ratio is None or ratio < 0.7 else "bold yellow" if ratio < 0.9 else "bold red"
    return Text(fmt.percent(ratio), style=style)


def rates(vertex: Vertex, *, is_source: bool) -> tuple[str, str]:
    """Records in and out a second; Flink counts nothing into a source."""
    return (fmt.UNKNOWN if is_source else fmt.rate(vertex.in_rate)), fmt.rate(vertex.out_rate)


def fed_by(graph: JobGraph | None, vertex_id: str) -> str:
    """How records are shared out to a vertex."""
    ways = [] if graph is None else [edge.ship_strategy for edge in graph.edges if edge.target == vertex_id]
    return "+".join(dict.fromkeys(ways)) or fmt.UNKNOWN


def vertex_rows(vertices: Iterable[Vertex], names: Mapping[str, str], graph: JobGraph | None, now: datetime) -> Rows:
    """One row a vertex."""
    sources = graph.sources() if graph else frozenset()
    rows: Rows = []
    for vertex in vertices:
        in_rate, out_rate = rates(vertex, is_source=vertex.id in sources)
        cells: Cells = {
            "vertex": names.get(vertex.id, vertex.name),
            "tasks": f"{vertex.running}/{vertex.parallelism}",
            "status": state_text(vertex.status),
            "by": fed_by(graph, vertex.id),
            "in": in_rate,
            "out": out_rate,
            "read": fmt.UNKNOWN if vertex.id in sources else fmt.count(vertex.read_records),
            "written": fmt.count(vertex.write_records),
            "busy": load(vertex.busy_ratio),
            "back": load(vertex.backpressured_ratio),
            "mark": behind(vertex.watermark_ms, now, vertex.watermark_lag_ms),
        }
        rows.append((vertex.id, cells))
    return rows


def state_text(status: str) -> Text:
    """The status of a task."""
    style = (
        "bold red" if status in {"FAILED", "CANCELED"} else "" if status in {"RUNNING", "FINISHED"} else "bold yellow"
    )
    return Text(fmt.plain(status), style=style)


def when(moment: datetime, now: datetime) -> str:
    """The time of day, or the day where it was long ago."""
    return fmt.clock(moment) if (now - moment).days < 1 else f"{moment.astimezone():%m-%d %H:%M}"


def subtask_rows(subtasks: Sequence[Subtask], now: datetime, *, is_source: bool) -> Rows:
    """One row a subtask."""
    return [
        (
            str(task.index),
            {
                "index": str(task.index),
                "status": state_text(task.status),
                "attempt": str(task.attempt),
                "in": fmt.UNKNOWN if is_source else fmt.rate(task.in_rate),
                "out": fmt.rate(task.out_rate),
                "busy": load(task.busy_ratio),
                "back": load(task.backpressured_ratio),
                "idle": fmt.percent(task.idle_ratio),
                "read": fmt.UNKNOWN if is_source else fmt.count(task.read_records),
                "written": fmt.count(task.write_records),
                "bytes_in": fmt.UNKNOWN if is_source else fmt.size(task.read_bytes),
                "bytes_out": fmt.size(task.write_bytes),
                "mark": behind(task.watermark_ms, now),
                "since": fmt.duration(None if task.duration_ms is None else task.duration_ms / 1000),
                "where": f"{task.taskmanager or fmt.UNKNOWN} {task.host or ''}".strip(),
            },
        )
        for task in subtasks
    ]


# --- checkpoints


def checkpoint_rows(history: Sequence[Checkpoint], state: State, job_id: str | None, now: datetime) -> Rows:
    """One row a checkpoint, with the tables whose snapshot carries its id."""
    committed = committed_tables(state, job_id)
    return [
        (
            str(c.id),
            {
                "id": str(c.id),
                "status": checkpoint_status(c),
                "at": fmt.clock(c.trigger_at)
                if (now - c.trigger_at).days < 1
                else f"{c.trigger_at.astimezone():%m-%d %H:%M}",
                "took": fmt.duration(None if c.duration_ms is None else c.duration_ms / 1000),
                "size": fmt.size(c.size_bytes),
                "tables": _tables(committed.get(c.id)),
                "note": _kept(c),
            },
        )
        for c in history
    ]


def _kept(c: Checkpoint) -> str | Text:
    """Where its files are, or why it failed: of that the begin is what counts."""
    if c.failure:
        return Text(fmt.clip(fmt.plain(c.failure), 60))
    without = {"COMPLETED": "discarded", "IN_PROGRESS": "in progress"}
    return c.external_path or without.get(c.status, "no reason given")


def checkpoint_status(c: Checkpoint) -> Text:
    """Completed, failed, in progress; a savepoint says so."""
    text = "savepoint" if c.is_savepoint and c.status == "COMPLETED" else c.status.replace("_", " ").lower()
    return Text(fmt.plain(text), style=CHECKPOINT_STYLES.get(c.status, ""))


def committed_tables(state: State, job_id: str | None) -> dict[int, list[str]]:
    """Checkpoint id → the tables with a snapshot that this job committed with it."""
    found: dict[int, list[str]] = {}
    for table in TABLES:
        history: TableHistory | None = state.shown(f"history.{table}").value
        for snapshot in history.snapshots if history else ():
            if snapshot.checkpoint_id is not None and snapshot.job_id == job_id:
                found.setdefault(snapshot.checkpoint_id, []).append(table)
    return {checkpoint: list(dict.fromkeys(tables)) for checkpoint, tables in found.items()}


def _tables(tables: Sequence[str] | None) -> str:
    return fmt.UNKNOWN if not tables else f"{len(tables)} table{'' if len(tables) == 1 else 's'}"


def checkpoint_vertex_rows(vertices: Sequence[CheckpointVertex], names: Mapping[str, str]) -> Rows:
    """One row a vertex, in the order of the job graph."""
    order = {vertex: index for index, vertex in enumerate(names)}
    return [
        (
            v.vertex_id,
            {
                "vertex": names.get(v.vertex_id, v.vertex_id),
                "acked": f"{v.acknowledged}/{v.subtasks}",
                "took": ms(v.duration_ms),
                "size": fmt.size(v.size_bytes),
                "sync": ms(v.sync_ms),
                "async": ms(v.async_ms),
                "align": ms(v.alignment_ms),
                "delay": ms(v.start_delay_ms),
            },
        )
        for v in sorted(vertices, key=lambda v: order.get(v.vertex_id, len(order)))
    ]


def ms(value: int | None) -> str:
    """A short time, exact while it is below a second."""
    return fmt.UNKNOWN if value is None else f"{value} ms" if value < 1000 else fmt.duration(value / 1000)


# --- exceptions, settings


def exception_rows(exceptions: Sequence[JobException], now: datetime) -> Rows:
    """One row an exception, newest first."""
    return [
        (
            f"{number}:{entry.at.timestamp()}",
            {
                "at": when(entry.at, now),
                "cause": entry.cause,
                "task": entry.task or "the job",
            },
        )
        for number, entry in enumerate(exceptions)
    ]


def config_rows(sections: Sequence[ConfigSection], needle: str) -> Rows:
    """The settings that hold `needle` in key or value; small letters find capitals too."""
    exact = needle != needle.lower()
    rows: Rows = []
    for section in sections:
        for entry in section.entries:
            text = f"{entry.key} {entry.value}"
            if needle in (text if exact else text.lower()):
                cells: Cells = {"section": section.title, "key": entry.key, "value": setting_text(entry)}
                rows.append((f"{section.title}/{entry.key}", cells))
    return rows


def setting_text(entry: ConfigEntry) -> str | Text:
    """The value of a setting, or that it is kept back."""
    return Text("hidden: it may be a secret", style="dim italic") if entry.masked else entry.value
