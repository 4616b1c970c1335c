"""The Iceberg panel: the newest snapshots of the tables, joined with the checkpoints that made them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.store import State
from tui.model.iceberg import Snapshot, TableHistory
from tui.view import format as fmt
from tui.view.widgets.panel import Panel, ahead_of_clock, columns, due_lines, sentence

TABLES = ("agg_1m", "raw_trades", "bad_trades")


class IcebergPanel(Panel):
    """The snapshots of each table, newest first."""

    TITLE = "Iceberg"
    SOURCES = tuple(f"history.{table}" for table in TABLES)

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        """A block a table, all of the same height."""
        unread = state.shown("history.agg_1m").value is None or advice.stopped(state)
        if unread and (why := advice.absence(state, "s3", "S3")):
            return [Text(why)]
        lines = problems(state, now, width)
        room = height - len(lines)
        for n, table in enumerate(TABLES):
            block = table_lines(state, table, now, width, max(2, room // (len(TABLES) - n)))
            lines += block
            room -= len(block)
        return lines


def problems(state: State, now: datetime, width: int) -> list[Text]:
    """Why tables that were read before cannot be read, or written, now, each reason once."""
    shown = [s for table in TABLES if (s := state.shown(f"history.{table}")).value is not None and s.error]
    once = {s.error: s for s in reversed(shown)}
    stale = [line for s in once.values() for line in sentence(s, now, width)]
    return [*stale, *ahead_of_clock(state, now, width)]


def table_lines(state: State, table: str, now: datetime, width: int, most: int) -> list[Text]:
    """One table: its totals, then its newest snapshots."""
    shown = state.shown(f"history.{table}")
    history: TableHistory | None = shown.value
    if history is None:
        text = "–" if shown.error is None else fmt.plain(shown.error)
        return [Text.assemble((table, "bold"), f"  {text}")][:most]
    current = history.current
    if current is None:
        return [Text.assemble((table, "bold"), "  no snapshot yet"), *due_lines(state, now)][:most]
    head = Text.assemble((table, "bold"), "  ", _totals(current, width - len(table) - 2))
    wide = width >= 66
    header = ("snapshot", "ago", "ckpt", "+records", "+files", *(("+deletes", "operation") if wide else ()))
    rows = [_row(s, now, wide=wide) for s in list(reversed(history.snapshots))[: max(0, most - 2)]]
    table_text = columns(header, rows, left=(0, 6), gap=2 if wide else 1) if rows else []
    return [head, *table_text][:most]


def _counted(count: int | None, noun: str) -> str:
    return f"{fmt.short(count)} {noun}{'' if count == 1 else 's'}"


def _totals(s: Snapshot, width: int) -> str:
    """Records as they were written, deleted ones too; data files and, where there are any, delete files."""
    records, files = _counted(s.total_records, "record"), _counted(s.total_files, "file")
    if s.total_delete_files == 0:
        return f"{records} · {files}"
    told = f"{records} · {files} +{_counted(s.total_delete_files, 'delete')}"
    return (
        told
        if len(told) <= width
        else f"{records} · {fmt.short(s.total_files)}+{fmt.short(s.total_delete_files)} files"
    )


def _row(s: Snapshot, now: datetime, *, wide: bool) -> list[str | Text]:
    row: list[str | Text] = [
        str(s.id) if wide else f"…{str(s.id)[-6:]}",
        fmt.coarse_age(s.committed_at, now),
        fmt.count(s.checkpoint_id),
        fmt.count(s.added_records),
        fmt.count(s.added_files),
    ]
    return [*row, fmt.count(s.added_delete_files), s.operation] if wide else row
