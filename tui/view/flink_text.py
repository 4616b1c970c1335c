"""The parts of the Flink screen that are text: heads of details, TaskManagers; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tui.model.flink import CheckpointStats, JobSummary, Vertex
from tui.model.flink_detail import CheckpointDetail, GraphNode, TaskManager
from tui.model.reading import CLOCK_SKEW_S
from tui.view import flink_tables as tables
from tui.view import format as fmt
from tui.view.widgets.panel import wrapped

_BAR = 24


# --- details


def checkpoints_summary(stats: CheckpointStats, job: JobSummary, now: datetime) -> str:
    """Counts, how often, and when the next one is due."""
    parts = [f"{stats.completed:,} completed", f"{stats.failed:,} failed"]
    if stats.in_progress:
        parts.append(f"{stats.in_progress:,} in progress")
    if stats.interval_ms:
        parts.append(f"every {fmt.duration(stats.interval_ms / 1000)}")
    if job.active and stats.interval_ms and not stats.in_progress:
        newest = max((c.trigger_at for c in stats.history), default=job.started_at)
        interval_s = stats.interval_ms / 1000
        due_s = (newest - now).total_seconds() + interval_s
        due = f"in {fmt.duration(due_s)}" if due_s > 0 else "is due"
        if due_s <= interval_s + CLOCK_SKEW_S:  # else the clock went back
            parts.append(f"{'next' if stats.history else 'first'} {due}")
    return " · ".join(parts)


def checkpoint_head(detail: CheckpointDetail, committed: Sequence[str], width: int) -> Text:
    """What one checkpoint was as a whole."""
    c = detail.checkpoint
    kind = detail.kind.replace("_", " ").lower()
    facts = [
        f"{kind} {c.id}",
        tables.checkpoint_status(c).plain,
        f"started {fmt.clock(c.trigger_at)}",
        f"took {tables.ms(c.duration_ms)}",
        fmt.size(c.size_bytes),
        f"{detail.acknowledged}/{detail.subtasks} subtasks acknowledged",
    ]
    lines = [*wrapped(Text(" · ".join(facts)), width)]
    if c.failure:
        lines += wrapped(Text(f"! {fmt.plain(c.failure)}", style="bold"), width)
    lines += wrapped(
        Text(f"kept as {fmt.plain(c.external_path)}" if c.external_path else "its files are discarded"), width
    )
    lines += wrapped(
        Text(f"committed to {', '.join(committed)}" if committed else "no known snapshot carries its id"), width
    )
    return Text("\n").join(lines)


def folded(text: str, width: int) -> list[Text]:
    """A path in lines of `width` columns, broken anywhere."""
    return [Text(text[i : i + width]) for i in range(0, len(text), width)]


def vertex_head(vertex: Vertex | None, node: GraphNode | None, streams: str, width: int) -> Text:
    """The full name of a vertex and its streams."""
    name = vertex.name if vertex else node.name if node else ""
    lines = wrapped(Text(fmt.plain(name), style="bold"), width)
    return Text("\n").join([*lines, *wrapped(Text(streams, style="dim"), width)])


def lines_of(text: str) -> Text:
    """Text from outside, with its lines kept and everything else made harmless."""
    return Text("\n".join(fmt.plain(line.expandtabs(4)) for line in text.splitlines()))


# --- TaskManagers


def manager_card(manager: TaskManager, now: datetime, width: int) -> Text:
    """One TaskManager with its slots and memory."""
    bar = max(8, min(_BAR, width - 46))
    head = f"{fmt.plain(manager.id)} · {fmt.plain(manager.address) or fmt.UNKNOWN} · data port {manager.data_port}"
    beat = f"heartbeat {fmt.age(manager.last_heartbeat_at, now)}{' ago' if manager.last_heartbeat_at else ''}"
    busy = manager.slots_total - manager.slots_free
    in_use = f"{busy} of {manager.slots_total} in use, {manager.slots_free} free"
    cores = f" of {manager.cores} cores" if manager.cores else ""
    load = f"{fmt.percent(manager.cpu_load)}{cores} · {fmt.count(manager.threads)} threads"
    gc_s = None if manager.gc_ms is None else manager.gc_ms / 1000
    process = f"{fmt.size(manager.process_bytes)} of the machine's {fmt.size(manager.physical_bytes)}"
    lines = [
        Text.assemble((head, "bold"), f" · {beat}"),
        _line("slots", _slots(busy, manager.slots_total, bar), in_use),
        _line("cpu", _gauge(manager.cpu_load, bar), load),
        _memory("heap", manager.heap_used, manager.heap_max, bar),
        _memory("managed", manager.managed_used, manager.managed_total, bar),
        _memory("network", manager.network_used, manager.network_total, bar),
        _memory("metaspace", manager.metaspace_used, manager.metaspace_max, bar),
        _line("direct", " " * bar, f"{fmt.size(manager.direct_used)} in use"),
        _line("gc", " " * bar, f"{fmt.count(manager.gc_count)} collections, {fmt.duration(gc_s)} in all"),
        _line("process", " " * bar, process),
    ]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def _line(name: str, gauge: str | Text, words: str) -> Text:
    return Text.assemble(f"  {name:<10}", gauge, f"  {words}")


def _memory(name: str, used: int | None, most: int | None, bar: int) -> Text:
    share = None if used is None or not most else used / most
    return _line(name, _gauge(share, bar), f"{fmt.size(used)} of {fmt.size(most)} · {fmt.percent(share)}")


def _gauge(share: float | None, width: int) -> Text:
    if share is None:
        return Text("·" * width, style="dim")
    full = round(width * min(1.0, max(0.0, share)))
    style = "green" if share < 0.8 else "yellow" if share < 0.95 else "red"
    return Text.assemble(("█" * full, style), ("░" * (width - full), "dim"))


def _slots(busy: int, total: int, width: int) -> Text:
    if total > width:
        return _gauge(busy / total, width)
    return Text.assemble(("■" * busy, "green"), "□" * (total - busy), " " * (width - total))
