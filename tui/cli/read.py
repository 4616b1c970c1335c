"""`lag`, `jobs`, `snapshots`, `candles`."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from tui import bootstrap
from tui.cli.output import cell, print_json, say, table
from tui.model.candles import Candle, CandleSet
from tui.model.errors import LakehouseError
from tui.model.flink import JobException, JobSummary
from tui.model.iceberg import Snapshot
from tui.model.kafka import PartitionLag
from tui.settings import Settings

METRICS_S = 1.5
"""Flink gathers metrics only once somebody asks; a local stack has them within 0.8 s (`tui/stack/options.py`)."""


def lag(settings: Settings, arguments: Namespace) -> int:
    """Offsets and lag of every partition; what the job has read is unknown while none runs."""
    topic = bootstrap.clients(settings).kafka.lag(_read_offsets(settings))
    if arguments.json:
        partitions = [lag_row(p) for p in topic.partitions]
        print_json({"topic": topic.topic, "group": topic.group, "taken_at": topic.taken_at, "partitions": partitions})
        return 0
    columns = ("partition", "low", "high", "committed", "read", "lag committed", "lag read")
    rows = [(p.partition, p.low, p.high, p.committed, p.read, p.lag_committed, p.lag_read) for p in topic.partitions]
    table(f"Topic {topic.topic}, group {topic.group}", columns, rows)
    for p in topic.partitions:
        if p.error:
            say(f"Partition {p.partition}: {p.error}")
    return 0


def _read_offsets(settings: Settings) -> dict[int, int] | None:
    try:
        job = bootstrap.control(settings).active_job()
        if job is None:
            return None
        flink = bootstrap.clients(settings).flink
        found = flink.read_offsets(job.id)
        if not found:
            time.sleep(METRICS_S)
            found = flink.read_offsets(job.id)
    except LakehouseError:
        return None
    return found


def lag_row(p: PartitionLag) -> dict[str, Any]:
    """The JSON form of one partition."""
    return {
        "partition": p.partition,
        "low": p.low,
        "high": p.high,
        "committed": p.committed,
        "read": p.read,
        "lag_committed": p.lag_committed,
        "lag_read": p.lag_read,
    }


def jobs(settings: Settings, arguments: Namespace) -> int:
    """Jobs of the cluster, newest first, and on request the newest one's exceptions."""
    flink = bootstrap.clients(settings).flink
    found = flink.jobs()
    exceptions = flink.exceptions(found[0].id) if arguments.exceptions and found else ()
    if arguments.json:
        print_json({"jobs": [_job_row(j) for j in found], "exceptions": [_exception_row(e) for e in exceptions]})
        return 0
    if not found:
        say("No job; start one with `lakehouse-tui submit`.")
    else:
        rows = [(j.id, j.name, j.state, j.started_at, j.ended_at, f"{j.tasks_running}/{j.tasks_total}") for j in found]
        table("Jobs", ("id", "name", "state", "started", "ended", "tasks"), rows, left=("id", "name", "state"))
    for e in exceptions:
        say(f"\n{e.at:%Y-%m-%d %H:%M:%S} UTC  {e.task or ''}\n{e.trace.rstrip()}")
    if arguments.exceptions and found and not exceptions:
        say(f"Job {found[0].id} has no exceptions.")
    return 0


def _job_row(job: JobSummary) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "tasks_total": job.tasks_total,
        "tasks_running": job.tasks_running,
    }


def _exception_row(e: JobException) -> dict[str, Any]:
    return {"at": e.at, "task": e.task, "name": e.name, "message": e.message, "trace": e.trace}


def snapshots(settings: Settings, arguments: Namespace) -> int:
    """Snapshots of one table, newest first."""
    name = arguments.table or "agg_1m"
    history = bootstrap.clients(settings).lake.history(name)
    newest = tuple(reversed(history.snapshots))[: arguments.limit]
    if arguments.json:
        print_json({"table": name, "snapshots": [_snapshot_row(s) for s in newest]})
        return 0
    columns = ("id", "committed", "operation", "checkpoint", "records", "files", "deletes")
    rows = [
        (
            str(s.id),
            s.committed_at,
            s.operation,
            s.checkpoint_id,
            _total_and_added(s.total_records, s.added_records),
            _total_and_added(s.total_files, s.added_files),
            _total_and_added(s.total_delete_files, s.added_delete_files),
        )
        for s in newest
    ]
    table(f"Snapshots of {name}, newest first (total +added)", columns, rows, left=("id", "operation"), fixed=columns)
    return 0


def _total_and_added(total: int | None, added: int | None) -> str:
    return f"{cell(total)} +{cell(added)}"


def _snapshot_row(s: Snapshot) -> dict[str, Any]:
    return {
        "id": s.id,
        "committed_at": s.committed_at,
        "operation": s.operation,
        "checkpoint_id": s.checkpoint_id,
        "added_records": s.added_records,
        "added_files": s.added_files,
        "added_delete_files": s.added_delete_files,
        "total_records": s.total_records,
        "total_files": s.total_files,
        "total_delete_files": s.total_delete_files,
    }


def candles(settings: Settings, arguments: Namespace) -> int:
    """The newest candles of each symbol."""
    found = bootstrap.clients(settings).lake.candles(arguments.symbol, arguments.limit)
    if arguments.json:
        rows = [candle_row(c) for c in found.candles]
        print_json({"snapshot_id": found.snapshot_id, "taken_at": found.taken_at, "candles": rows})
    elif not found.candles:
        what = f"of {arguments.symbol} " if arguments.symbol else ""
        say(f"No candle {what}is committed yet; `lakehouse-tui checkpoint` commits what the job has read.")
    else:
        print_candles(found)
    return 0


def print_candles(found: CandleSet) -> None:
    """Candles as a table for people; 80 columns hold it."""
    columns = ("symbol", "minute", "open", "high", "low", "close", "quantity", "trades")
    rows = [
        (
            c.symbol,
            f"{c.window_start.astimezone():%H:%M}",
            *(_price(p) for p in (c.open_price, c.high_price, c.low_price, c.close_price)),
            f"{c.total_qty:,.4f}",
            c.trade_count,
        )
        for c in found.candles
    ]
    table("Candles of one minute (local time)", columns, rows, left=("symbol",), fixed=columns)


def _price(value: float) -> str:
    return f"{value:,.2f}" if value >= 1 else f"{value:.6g}"


def candle_row(c: Candle) -> dict[str, Any]:
    """The JSON form of one candle."""
    return {
        "symbol": c.symbol,
        "window_start": c.window_start,
        "open_price": c.open_price,
        "high_price": c.high_price,
        "low_price": c.low_price,
        "close_price": c.close_price,
        "total_qty": c.total_qty,
        "trade_count": c.trade_count,
        "buy_qty": c.buy_qty,
        "sell_qty": c.sell_qty,
        "source": c.source,
    }
