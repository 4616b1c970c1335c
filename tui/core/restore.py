"""Which checkpoint or savepoint a job may continue from without losing or repeating a trade.

Flink's Iceberg committer stamps each snapshot with the checkpoint that it belongs to, and after a restore it skips
every checkpoint up to that number. Restoring below the stamp therefore loses data silently (apache/iceberg #10892),
and restoring a point of another history repeats it. Both are refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui.model.flink import Lineage, RestorePoint
from tui.model.iceberg import Snapshot, TableHistory


@dataclass(frozen=True, slots=True)
class Stamp:
    """The newest checkpoint that a table holds, and the job that wrote it."""

    table: str
    checkpoint_id: int
    job_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Where to start: `point` (`None`: from the beginning), or `refusal`, the sentence why not at all.

    `remark` names damaged points that are newer than `point`.
    """

    point: RestorePoint | None
    refusal: str | None = None
    remark: str | None = None


def stamps(tables: Mapping[str, TableHistory | None]) -> tuple[Stamp, ...]:
    """The newest stamp of each table; tables without any (absent, empty, written by others) have none."""
    return tuple(
        Stamp(name, snapshot.checkpoint_id, snapshot.job_id)
        for name, history in tables.items()
        if history is not None
        and (snapshot := _newest_stamped(history)) is not None
        and snapshot.checkpoint_id is not None
        and snapshot.job_id is not None
    )


def _newest_stamped(history: TableHistory) -> Snapshot | None:
    by_id = {s.id: s for s in history.snapshots}
    snapshot = history.current
    while snapshot is not None and (snapshot.checkpoint_id is None or snapshot.job_id is None):
        snapshot = by_id.get(snapshot.parent_id) if snapshot.parent_id is not None else None
    return snapshot


def choose(points: Iterable[RestorePoint], tables: Mapping[str, TableHistory | None], lineage: Lineage) -> Decision:
    """The newest whole point that every table allows; from the beginning only while the tables hold nothing.

    An older point is as exact as the newest, as long as it is not below what the tables hold: more is read again.
    """
    held = stamps(tables)
    ordered = sorted(points, key=lambda p: (p.completed_at, p.checkpoint_id), reverse=True)
    whole = [p for p in ordered if p.damage is None]
    for point in whole:
        if not _reason(point, held, lineage):
            damaged = ordered[: ordered.index(point)]
            return Decision(point, remark=_damages(p for p in damaged if p.damage))
    remark = _damages(p for p in ordered if p.damage)
    also = f" ({remark})" if remark else ""
    if whole:
        newest = whole[0]
        return Decision(
            None,
            f"Continuing from {newest.kind} {newest.checkpoint_id} ({newest.path}) would not be exact: "
            f"{_reason(newest, held, lineage)}{also}; "
            "put the newer checkpoint back, or start over with `submit --fresh` (it writes every trade again).",
        )
    if not held and not any(_rows(h) for h in tables.values()):
        return Decision(None, remark=remark)
    return Decision(
        None,
        f"The tables hold data up to {_up_to(held)}, but no checkpoint or savepoint is left to continue from{also}; "
        "`submit --fresh` starts over and writes every trade again, `down --purge` deletes everything first.",
    )


def _reason(point: RestorePoint, held: tuple[Stamp, ...], lineage: Lineage) -> str | None:
    return next((reason for stamp in held if (reason := _conflict(point, stamp, lineage))), None)


def _damages(points: Iterable[RestorePoint]) -> str | None:
    return "; ".join(f"{p.kind} {p.checkpoint_id} is damaged: {p.damage}" for p in points) or None


def _rows(history: TableHistory | None) -> int:
    current = history.current if history else None
    return (current.total_records or 0) if current else 0


def _up_to(held: tuple[Stamp, ...]) -> str:
    if not held:
        return "an unknown checkpoint"
    return f"checkpoint {max(s.checkpoint_id for s in held)}"


def _conflict(point: RestorePoint, stamp: Stamp, lineage: Lineage) -> str | None:
    if point.checkpoint_id < stamp.checkpoint_id:
        return f"table {stamp.table} already holds checkpoint {stamp.checkpoint_id} of job {stamp.job_id}"
    if point.written_by(stamp.job_id) or lineage.descends(point.job_id, stamp.job_id) is not False:
        return None
    return f"table {stamp.table} was last written by job {stamp.job_id}, which job {point.job_id} does not continue"
