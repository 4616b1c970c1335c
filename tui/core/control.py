"""What can be done to the job: submit, cancel, checkpoint, savepoint; no I/O of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tui.core import restore
from tui.model.errors import CancelledError, LakehouseError, NotFoundError, UnavailableError
from tui.model.flink import JOB_NAME, JobSummary, RestorePoint
from tui.model.iceberg import TableHistory
from tui.model.stack import Progress
from tui.ports import FlinkControlPort, FlinkPort, JobPort, KafkaPort, LakePort, ProgressSink, WishPort

TABLES = ("raw_trades", "agg_1m", "bad_trades")
COMMIT_TIMEOUT_S = 30.0
QUIET_S = 2.0
RUNNING_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that runs; `restored` is where it continued from (`None`: from the beginning), `remark` a warning of it."""

    job_id: str
    restored: RestorePoint | None
    seconds: float
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A completed checkpoint; `tables` are those that got a snapshot for it (none where no trade was new)."""

    checkpoint_id: int
    tables: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Control:
    """The actions on one job, over ports."""

    flink: FlinkPort
    control: FlinkControlPort
    kafka: KafkaPort
    lake: LakePort
    jobs: JobPort
    wish: WishPort
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def active_job(self) -> JobSummary | None:
        """The lakehouse's job that holds slots, or `None`; more than one is an error that names them."""
        active = [job for job in self.flink.jobs() if job.ours]
        if len(active) > 1:
            ids = ", ".join(job.id for job in active)
            raise LakehouseError(
                f"{len(active)} jobs {JOB_NAME} run on this cluster: {ids}; cancel all but one of them."
            )
        return active[0] if active else None

    def require_job(self) -> JobSummary:
        """The active job; raises `NotFoundError` where none runs."""
        job = self.active_job()
        if job is None:
            raise NotFoundError("No job runs; start it with `lakehouse-tui submit`.")
        return job

    def submit(self, progress: ProgressSink, *, fresh: bool = False, lost: str | None = None) -> Submitted:
        """Start the job from its newest restore point (or, `fresh`, from the beginning) and wait until it runs.

        From its start on it is wanted. `lost` is the job in whose place it comes, as long as that one is wanted: raises
        `CancelledError` where it is no more.
        """
        with self.jobs.submitting():
            return self._submit(progress, fresh=fresh, lost=lost)

    def _submit(self, progress: ProgressSink, *, fresh: bool, lost: str | None) -> Submitted:
        began = self.clock()
        running = self.active_job()
        if running is not None:
            raise LakehouseError(
                f"The job already runs ({running.id}, {running.state}); cancel it before you submit again."
            )
        self._require_wanted(lost)
        ended = self.jobs.fence()
        if ended:
            progress(Progress("job", ended))
        decision = restore.Decision(None) if fresh else self._decide()
        point = decision.point
        origin = f"from {point.kind} {point.checkpoint_id}" if point else "from the beginning"
        origin += f" ({decision.remark})" if decision.remark else ""
        progress(Progress("job", f"submitting, {origin}"))
        if lost is None:
            self.wish.begin()
        job_id = self.jobs.start(point, progress)
        progress(Progress("job", f"{job_id} starts its tasks"))
        self._confirm(job_id, lost)
        self.control.wait_running(job_id, RUNNING_TIMEOUT_S)
        progress(Progress("job", f"{job_id} runs, {origin}", finished=True))
        return Submitted(job_id, point, self.clock() - began, decision.remark)

    def _require_wanted(self, lost: str | None) -> None:
        wish = self.wish.read()
        if lost is not None and (wish is None or not wish.wanted or wish.job_id != lost):
            raise CancelledError(f"Job {lost} is wanted no more.")

    def _confirm(self, job_id: str, lost: str | None) -> None:
        """The job is the wanted one; where that was taken back while it was submitted, it ends."""
        try:
            self._require_wanted(lost)
        except CancelledError:
            self.control.cancel(job_id, RUNNING_TIMEOUT_S)
            raise
        self.wish.want(job_id)

    def _decide(self) -> restore.Decision:
        decision = restore.choose(self.jobs.restore_points(), self.histories(), self.jobs.lineage())
        if decision.refusal:
            raise LakehouseError(decision.refusal)
        return decision

    def histories(self) -> Mapping[str, TableHistory | None]:
        """The history of each table; `None` for one that does not exist yet."""
        return {table: self._history(table) for table in TABLES}

    def _history(self, table: str) -> TableHistory | None:
        try:
            return self.lake.history(table)
        except NotFoundError:
            return None

    def cancel(self) -> str:
        """Cancel the active job and wait until it has ended; its retained checkpoints stay. Returns its id.

        A job that is lost, and wanted, is wanted no more.
        """
        job, wish = self.active_job(), self.wish.read()
        if job is None and wish is not None and wish.wanted:
            self.wish.end(wish.job_id)
            return wish.job_id
        if job is None:
            job = self.require_job()
        self.wish.end(job.id)
        self.control.cancel(job.id, RUNNING_TIMEOUT_S)
        return job.id

    def savepoint(self) -> tuple[JobSummary, str]:
        """Stop the active job with a savepoint; returns the job and the savepoint's path."""
        job, wish = self.require_job(), self.wish.read()
        self.wish.end(job.id)
        try:
            path = self.control.stop_with_savepoint(job.id, self.jobs.savepoint_directory(), RUNNING_TIMEOUT_S)
        except LakehouseError:
            if wish is not None and wish.wanted:
                self.wish.want(job.id)
            raise
        return job, path

    def checkpoint(self, progress: ProgressSink) -> Committed:
        """Trigger a checkpoint now and wait until what it holds is committed to the tables."""
        began = self.clock()
        job = self.require_job()
        offsets, rows = self._committed(), _rows(self.histories())
        progress(Progress("checkpoint", "triggered"))
        checkpoint_id = self.control.trigger_checkpoint(job.id, RUNNING_TIMEOUT_S)
        progress(Progress("checkpoint", f"{checkpoint_id} complete, waiting for its commit"))
        tables = self._await_commit(job.id, checkpoint_id, offsets, rows)
        progress(Progress("checkpoint", f"{checkpoint_id} committed", finished=True))
        return Committed(checkpoint_id, tables, self.clock() - began)

    def _committed(self) -> int:
        return sum(p.committed or 0 for p in self.kafka.lag().partitions)

    def _await_commit(self, job_id: str, checkpoint_id: int, offsets: int, rows: int) -> tuple[str, ...]:
        """Wait until the ledger holds as many rows as the committed offsets say.

        A table without new rows gets no snapshot, so its stamp alone cannot tell. Offsets and rows are committed
        one after the other, so `rows` may be ahead of `offsets`; the topic's first offset is never below 0.
        """
        first = max(0, offsets - rows)
        deadline, quiet_until = self.clock() + COMMIT_TIMEOUT_S, self.clock() + QUIET_S
        held: tuple[str, ...] = ()
        reason = "its commit did not show in the tables"
        while self.clock() < deadline:
            self.sleep(0.1)
            try:
                histories, committed = self.histories(), self._committed()
            except UnavailableError as error:
                reason = f"the tables or the offsets cannot be read ({str(error).rstrip('.')})"
                continue
            held = _held(histories, job_id, checkpoint_id)
            complete = _rows(histories) >= committed - first and _paired(held)
            if complete and ((held and committed > offsets) or self.clock() > quiet_until):
                return held
        if held and _paired(held):
            return held
        raise UnavailableError(
            f"Checkpoint {checkpoint_id} is complete, but {reason} within {COMMIT_TIMEOUT_S:.0f} s; "
            "look at `lakehouse-tui jobs --exceptions` and `lakehouse-tui logs taskmanager`."
        )


def _held(histories: Mapping[str, TableHistory | None], job_id: str, checkpoint_id: int) -> tuple[str, ...]:
    """The tables that hold the checkpoint."""
    stamps = restore.stamps(histories)
    held = {s.table for s in stamps if s.job_id == job_id and s.checkpoint_id >= checkpoint_id}
    return tuple(table for table in TABLES if table in held)


def _paired(held: tuple[str, ...]) -> bool:
    """Trades change raw_trades and agg_1m together."""
    return ("raw_trades" in held) == ("agg_1m" in held)


def _rows(histories: Mapping[str, TableHistory | None]) -> int:
    """Rows of the ledger: every message is in raw_trades or in bad_trades."""
    currents = (h.current for name in ("raw_trades", "bad_trades") if (h := histories.get(name)) is not None)
    return sum(current.total_records or 0 for current in currents if current is not None)
