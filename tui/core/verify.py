"""Proves that what came out is what went in: checks over ports, yielded as they finish.

Why the tables can be compared while the job runs: every table is committed after each checkpoint, on its own, and
the job empties its mini-batches before a checkpoint, so two tables stamped with the same checkpoint show the same
trades. What is seen between the commits of one checkpoint is read again until `settle_s` has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from tui.core.ledger import PartitionLedger, count, judge
from tui.model.audit import CandleAudit, Findings, TableOffsets
from tui.model.checks import Check
from tui.model.errors import LakehouseError, NotFoundError
from tui.model.flink import CheckpointStats, JobDetail, JobSummary
from tui.model.iceberg import Snapshot, TableHistory
from tui.model.kafka import TopicLag
from tui.model.reading import CLOCK_SKEW_S
from tui.model.stack import Service
from tui.ports import FlinkPort, KafkaPort

RAW, BAD, CANDLES = "raw_trades", "bad_trades", "agg_1m"
TABLES = (RAW, BAD, CANDLES)
NAMES = ("services", "topic", "job", "checkpoint", "snapshots", "ledger", "candles", "keys")
"""The checks, in the order in which they are made."""

T = TypeVar("T")


class AuditPort(Protocol):
    """Counts what the tables hold; a table that does not exist yet raises `NotFoundError`."""

    def history(self, table: str) -> TableHistory:
        """Snapshots of `table`, oldest first."""

    def offsets(self, table: str, snapshot_id: int) -> TableOffsets:
        """Every Kafka offset that the snapshot holds."""

    def candles(self, raw_snapshot_id: int | None, candle_snapshot_id: int | None) -> CandleAudit:
        """Candles recomputed from one snapshot of the trades beside one snapshot of the candles."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Where the checks get their facts.

    `settle_s` is how long commits of a checkpoint may take to show in all tables; `pause` sleeps that many seconds.
    """

    services: Callable[[], tuple[Service, ...]]
    kafka: KafkaPort
    flink: FlinkPort
    lake: AuditPort
    topic: str
    partitions: int
    settle_s: float = 10.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep

    def checks(self) -> Iterator[Check]:
        """Every check, in the order of the data's way; none raises a `LakehouseError`."""
        yield _guarded("services", "every service is ready", self._services)
        lag = _attempt(self.kafka.lag)  # first: what is committed now must be in the tables read after it
        yield _guarded("topic", f"{self.topic} with {self.partitions} partitions", lambda: self._topic(_value(lag)))
        job = _attempt(self._active)
        yield _guarded("job", "one job runs, with all its tasks", lambda: _job(_value(job)))
        yield _guarded("checkpoint", _FRESH, lambda: self._checkpoint(_value(job)))
        yield _guarded("snapshots", _CONSISTENT, lambda: self._snapshots(_value(job)))
        yield _guarded("ledger", _ONCE, lambda: self._ledger(_value(lag)))
        audit = _attempt(self._audit)
        yield _guarded(
            "candles", "candles recomputed from raw_trades, in every column", lambda: _candles(*_value(audit))
        )
        yield _guarded("keys", "no (symbol, window_start) twice in agg_1m", lambda: _keys(_value(audit)[0]))

    def _services(self) -> tuple[bool, str, str]:
        services = self.services()
        ill = [s for s in services if not s.healthy]
        if ill:
            states = ", ".join(f"{s.name} is {s.state.value}" for s in ill)
            detail = "; ".join(f"{s.name}: {s.detail}" for s in ill if s.detail)
            return False, states, detail or "Run `lakehouse-tui up` to start what is missing."
        return bool(services), f"{', '.join(s.name for s in services) or 'no services'} ready", ""

    def _topic(self, lag: TopicLag) -> tuple[bool, str, str]:
        found = {p.partition for p in lag.partitions}
        errors = [f"partition {p.partition}: {p.error}" for p in lag.partitions if p.error]
        right = found == set(range(self.partitions)) and lag.topic == self.topic
        return right and not errors, f"{lag.topic} with {len(found)} partitions", "; ".join(errors)

    def _active(self) -> list[JobDetail]:
        return [self.flink.job(j.id) for j in self.flink.jobs() if j.ours]

    def _checkpoint(self, jobs: list[JobDetail]) -> tuple[bool, str, str]:
        if not jobs:
            return False, "no job runs", _SUBMIT
        stats, now = jobs[0].checkpoints, self.clock()
        interval = timedelta(milliseconds=stats.interval_ms or 60_000)
        newest = stats.last_completed
        if newest is None or newest.completed_at is None:
            due = jobs[0].summary.started_at + interval
            return False, "no checkpoint yet", f"The first one is due {_due(due, now)}."
        age = now - newest.completed_at
        if age.total_seconds() < -CLOCK_SKEW_S:
            return False, f"checkpoint {newest.id}, of the future", "The clock went back; the next checkpoint tells."
        age = max(age, timedelta(0))
        bound = 2 * interval + timedelta(milliseconds=newest.duration_ms or 0)
        text = f"checkpoint {newest.id}, {age.total_seconds():.0f} s old"
        return age <= bound, text, "" if age <= bound else f"It may be at most {bound.total_seconds():.0f} s old."

    def _snapshots(self, jobs: list[JobDetail]) -> tuple[bool, str, str]:
        stamps: dict[str, Snapshot | None] = {}
        for table in TABLES:
            stamps[table] = stamped(self.lake.history(table))
        job = jobs[0].summary if jobs else None
        wrong = _ahead(stamps, job, jobs[0].checkpoints) if job else []
        waited = 0.0
        while wrong and job and waited < self.settle_s:  # Flink's REST answers are up to some seconds old
            self.pause(1.0)
            waited += 1.0
            wrong = _ahead(stamps, job, self.flink.checkpoints(job.id))
        text = ", ".join(f"{t} {'–' if s is None else s.checkpoint_id}" for t, s in stamps.items())
        return not wrong, f"checkpoints {text}", "; ".join(wrong)

    def _ledger(self, lag: TopicLag) -> tuple[bool, str, str]:
        waiting = [p for p in lag.partitions if p.committed is None and p.high != (p.low or 0)]
        some = any(p.committed is not None for p in lag.partitions)  # then one without had no row at the checkpoint
        unknown = [p.partition for p in waiting if p.error or not some]
        required = {p.partition: (p.low or 0, p.committed) for p in lag.partitions if p.committed is not None}
        cache: dict[tuple[str, int], TableOffsets] = {}
        waited = 0.0
        while True:
            tables = self._offsets(cache)
            ledgers = judge((r for t in tables for r in t.runs), required)
            if waited >= self.settle_s or not any(x.missing for x in ledgers):
                break
            self.pause(1.0)
            waited += 1.0
        unidentified = sum(t.unidentified for t in tables)
        return _ledger_check(ledgers, unidentified, unknown)

    def _offsets(self, cache: dict[tuple[str, int], TableOffsets]) -> list[TableOffsets]:
        found = []
        for table in (RAW, BAD):
            current = self.lake.history(table).current_id
            if current is None:
                continue
            if (table, current) not in cache:
                cache[table, current] = self.lake.offsets(table, current)
            found.append(cache[table, current])
        return found

    def _audit(self) -> tuple[CandleAudit, str]:
        """The candle audit, and which checkpoints it compares."""
        waited = 0.0
        while True:
            raw, candles = self.lake.history(RAW), self.lake.history(CANDLES)
            ours, theirs = stamped(raw), stamped(candles)
            if _stamp(ours) == _stamp(theirs) or waited >= self.settle_s:
                break
            self.pause(0.5)
            waited += 0.5
        apart = "" if _stamp(ours) == _stamp(theirs) else _apart(ours, theirs)
        return self.lake.candles(raw.current_id, candles.current_id), apart


_FRESH = "a completed checkpoint, not older than two intervals"
_CONSISTENT = "no table is ahead of the job's newest checkpoint"
_ONCE = "every committed offset is in raw_trades or bad_trades, once"
_SUBMIT = "Start one with `lakehouse-tui submit`."


def _attempt(read: Callable[[], T]) -> T | LakehouseError:
    try:
        return read()
    except LakehouseError as error:
        return error


def _value(attempt: T | LakehouseError) -> T:
    if isinstance(attempt, LakehouseError):
        raise attempt
    return attempt


def _guarded(name: str, expected: str, run: Callable[[], tuple[bool, str, str]]) -> Check:
    """One check; an expected failure of a service is a failed check."""
    try:
        ok, actual, detail = run()
    except NotFoundError as error:
        return Check(name, ok=False, expected=expected, actual="not there yet", detail=str(error))
    except LakehouseError as error:
        return Check(name, ok=False, expected=expected, actual="unknown", detail=str(error))
    return Check(name, ok, expected, actual, detail)


def _job(jobs: list[JobDetail]) -> tuple[bool, str, str]:
    if not jobs:
        return False, "no job runs", _SUBMIT
    text = "; ".join(f"{_name(j.summary)} {j.summary.state}, {_tasks(j.summary)} tasks" for j in jobs)
    if len(jobs) > 1:
        return False, text, f"{len(jobs)} jobs write the same tables: cancel all but one."
    job = jobs[0].summary
    return job.whole, text, ""


def _name(job: JobSummary) -> str:
    return f"{job.name} ({job.id[:8]})"


def _tasks(job: JobSummary) -> str:
    return f"{job.tasks_running} of {job.tasks_total}"


def _due(due: datetime, now: datetime) -> str:
    seconds = (due - now).total_seconds()
    return f"in {seconds:.0f} s" if seconds > 0 else f"since {-seconds:.0f} s: see the job's exceptions"


def stamped(history: TableHistory) -> Snapshot | None:
    """The newest snapshot, at or before the current one, that carries Flink's stamp."""
    by_id = {s.id: s for s in history.snapshots}
    snapshot = history.current
    while snapshot is not None and snapshot.checkpoint_id is None:
        snapshot = by_id.get(snapshot.parent_id) if snapshot.parent_id is not None else None
    return snapshot


def _stamp(snapshot: Snapshot | None) -> tuple[str | None, int | None]:
    return (snapshot.job_id, snapshot.checkpoint_id) if snapshot else (None, None)


def _apart(raw: Snapshot | None, candles: Snapshot | None) -> str:
    ours, theirs = (s.checkpoint_id if s else "none" for s in (raw, candles))
    return f"The newest commit of {RAW} is of checkpoint {ours}, that of {CANDLES} of checkpoint {theirs}."


def _ahead(stamps: dict[str, Snapshot | None], job: JobSummary, checkpoints: CheckpointStats) -> list[str]:
    """Tables that hold a checkpoint which the job has not reached, or did not start from."""
    newest = checkpoints.last_completed
    reached = newest.id if newest else checkpoints.restored_id
    wrong = []
    for table, snapshot in stamps.items():
        stamp = snapshot.checkpoint_id if snapshot else None
        if snapshot is None or stamp is None:
            continue
        if snapshot.job_id == job.id and stamp > (reached or 0):
            wrong.append(f"{table} holds checkpoint {stamp}, the job's newest is {reached or 'none'}")
        restored = checkpoints.restored_id
        if snapshot.job_id != job.id and restored is not None and stamp > restored:
            wrong.append(f"{table} held checkpoint {stamp} when the job was restored from {restored}: rows are lost")
    return wrong


def _ledger_check(ledgers: tuple[PartitionLedger, ...], unidentified: int, unknown: list[int]) -> tuple[bool, str, str]:
    wrong = [x.sentence() for x in ledgers if not x.ok]
    if unidentified:
        wrong.append(f"{unidentified:,} rows carry no partition or offset")
    if unknown:
        wrong.append(f"nothing is committed yet of partition {', '.join(map(str, unknown))}")
    required = sum(x.required for x in ledgers)
    missing = count(s for x in ledgers for s in x.missing)
    doubled = count(s for x in ledgers for s in x.doubled)
    if missing or doubled:
        return False, f"of {required:,} offsets {missing:,} are missing, {doubled:,} are double", "; ".join(wrong)
    return not wrong, f"{required:,} offsets, each once", "; ".join(wrong)


def _candles(audit: CandleAudit, apart: str) -> tuple[bool, str, str]:
    kinds = (("missing", audit.missing), ("without trades", audit.surplus), ("different", audit.differing))
    wrong = [f"{f.count:,} {kind}" for kind, f in kinds if f.count]
    text = f"{audit.expected:,} candles of {audit.trades:,} trades"
    if not wrong:
        return True, f"{text}, all equal", ""
    details = [_told(f) for _, f in kinds if f.count]
    return False, f"{text}: {', '.join(wrong)}", "; ".join([*details, *([apart] if apart else [])])


def _keys(audit: CandleAudit) -> tuple[bool, str, str]:
    doubled = audit.doubled
    return not doubled.count, f"{audit.actual:,} rows, {doubled.count:,} keys twice", _told(doubled)


def _told(findings: Findings) -> str:
    more = findings.count - len(findings.examples)
    return "; ".join(findings.examples) + (f" and {more:,} more" if more > 0 else "")
