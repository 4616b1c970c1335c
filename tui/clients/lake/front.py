"""Where the tables end, as of one checkpoint: the seam between committed candles and the trades behind them.

Snapshots of `agg_1m` and `raw_trades` with the same stamp (job, checkpoint) hold the same trades, and `raw_trades`
holds each trade's partition and offset. Partitions are processed in the order of offsets, so the highest committed
offset of each is where the rest begins. Only files that are new since the last call are read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tui.clients.lake.files import DATA, FileEntry
from tui.clients.lake.metadata import TableMetadata
from tui.model.candles import CandleSet
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.iceberg import Snapshot
from tui.model.live import Edges, Front, MinuteKey

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RUNS = 8  # earlier jobs that are looked at for trades ahead of the front
_END = 2**63
_SETTLE = 16  # commits that are read only to know the newest `ts` of a partition


class Span(NamedTuple):
    """The highest offset and the highest `ts` (epoch ms) of one partition in one commit."""

    last: int
    ts: int


Spans = Mapping[int, Span]


@dataclass(frozen=True, slots=True)
class Commit:
    """The data files that one snapshot of `raw_trades` added; `newest` is their highest `ts` by bounds."""

    sequence: int
    job_id: str | None
    files: tuple[FileEntry, ...]
    newest: int | None
    ends_job: bool


@dataclass(slots=True)
class _Run:
    """What is known of one run of the job, up to `trades`; commits from `walked` on were read."""

    tables: tuple[str, str]
    job_id: str | None
    trades: Snapshot
    next_offsets: dict[int, int] = field(default_factory=dict)
    highest_ts: dict[int, int] = field(default_factory=dict)
    walked: int | None = None
    complete: bool = False
    trades_after: int = 0

    def take(self, spans: Spans) -> None:
        """Take up what a commit holds."""
        for partition, span in spans.items():
            self.next_offsets[partition] = max(self.next_offsets.get(partition, 0), span.last + 1)
            self.highest_ts[partition] = max(self.highest_ts.get(partition, span.ts), span.ts)

    def is_behind(self, spans: Spans) -> bool:
        """Whether an earlier commit holds offsets that this run has not reached."""
        return any(span.last >= self.next_offsets.get(partition, span.last + 1) for partition, span in spans.items())


class LakeFront:
    """The front of one lake; one object, safe to use from several threads."""

    def __init__(self, lake: LakeClient, raw_table: str = "raw_trades", candle_table: str = "agg_1m") -> None:
        self._lake = lake
        self._raw = raw_table
        self._candles = candle_table
        self._lock = threading.Lock()
        self._spans: dict[str, Spans] = {}
        self._run: _Run | None = None
        self._front = Front()

    def front(self, search: frozenset[int] = frozenset()) -> Front:
        """The newest checkpoint that both tables hold, and where it ends; looks back for partitions in `search`.

        Raises `UnavailableError`, also when no snapshot of `raw_trades` belongs to the candles.
        """
        with self._lock:
            candles, raw = self._metadata(self._candles), self._metadata(self._raw)
            if candles is None or raw is None or candles.current is None or raw.current is None:
                self._run, self._spans = None, {}
                self._front = Front()
                return self._front
            shown, trades = _pair(candles, raw)
            found = self._front.complete or search <= self._front.next_offsets.keys()
            if (shown.id, trades.id) == (self._front.snapshot_id, self._front.trades_snapshot_id) and found:
                return self._front
            self._front = self._at(candles, raw, shown, trades, search)
            return self._front

    def candles(self, front: Front, symbol: str, limit: int) -> CandleSet:
        """The newest `limit` candles of `symbol` as of `front`; raises `NotFoundError` when that has expired."""
        if front.snapshot_id is None:
            return CandleSet(None, datetime.now(UTC), ())
        return self._lake.candles(symbol, limit, front.snapshot_id, front.candles_after)

    def edges(self, front: Front, since_ms: int, before_ms: int | None = None) -> Mapping[MinuteKey, Edges]:
        """First and last committed trade as of `front`, of every symbol's minutes in [`since_ms`, `before_ms`)."""
        from tui.clients.lake.edges import COLUMNS, read_edges
        from tui.clients.lake.scan import Between

        if front.trades_snapshot_id is None:
            return {}
        table = self._lake.metadata(self._raw)
        where = (Between("ts", since_ms, None if before_ms is None else before_ms - 1),)
        after = front.trades_after
        rows = self._lake.rows(table, front.trades_snapshot_id, COLUMNS, where, only=lambda f: f.sequence > after)
        return read_edges(rows)

    def _metadata(self, table: str) -> TableMetadata | None:
        try:
            return self._lake.metadata(table)
        except NotFoundError:
            return None

    def _at(
        self, candles: TableMetadata, raw: TableMetadata, shown: Snapshot, trades: Snapshot, search: frozenset[int]
    ) -> Front:
        commits = _commits(raw, trades, self._lake.files(raw, trades.id))
        run = self._continued(candles, raw, trades)
        if run is None:
            run = _Run((candles.uuid, raw.uuid), trades.job_id, trades)
        else:
            self._add(raw, run, [c for c in commits if c.sequence > run.trades.sequence_number])
            run = replace(run, trades=trades)
        self._look_back(raw, run, commits, search)
        self._run = run
        live = [c for c in commits if c.sequence > run.trades_after]
        newest = max([c.newest for c in live if c.newest is not None] + list(run.highest_ts.values()), default=None)
        known = {f.uri for c in commits for f in c.files}
        self._spans = {uri: spans for uri, spans in self._spans.items() if uri in known}
        return Front(
            snapshot_id=shown.id,
            checkpoint_id=shown.checkpoint_id,
            job_id=shown.job_id,
            newest_ts=None if newest is None else _EPOCH + timedelta(milliseconds=newest),
            next_offsets=dict(run.next_offsets),
            highest_ts=dict(run.highest_ts),
            complete=run.complete,
            trades_snapshot_id=trades.id,
            candles_after=_counterpart(raw, candles, run.trades_after),
            trades_after=run.trades_after,
        )

    def _continued(self, candles: TableMetadata, raw: TableMetadata, trades: Snapshot) -> _Run | None:
        """A copy of the last run when `trades` continues it, else `None`: then everything is looked at anew."""
        run = self._run
        if run is None or run.tables != (candles.uuid, raw.uuid) or run.job_id != trades.job_id:
            return None
        if run.trades.id not in {s.id for s in _ancestors(raw, trades)}:
            return None
        return replace(run, next_offsets=dict(run.next_offsets), highest_ts=dict(run.highest_ts))

    def _add(self, raw: TableMetadata, run: _Run, commits: list[Commit]) -> None:
        for commit in commits:
            run.take(self._read(raw, commit))

    def _look_back(self, raw: TableMetadata, run: _Run, commits: list[Commit], search: frozenset[int]) -> None:
        """Read commits from the newest backwards until every partition in `search` is found, or none is left."""
        if run.walked is None:
            self._walk(raw, run, commits, frozenset())
            self._given_up(raw, run, commits)
        if not run.complete:
            self._walk(raw, run, commits, search)

    def _walk(self, raw: TableMetadata, run: _Run, commits: list[Commit], search: frozenset[int]) -> None:
        older = [c for c in reversed(commits) if c.sequence > run.trades_after and c.sequence < (run.walked or _END)]
        settling = _SETTLE
        for position, commit in enumerate(older):
            if run.next_offsets and search <= run.next_offsets.keys():
                if not settling or not _unsettled(run, older[position:]):
                    return
                settling -= 1
            spans = self._read(raw, commit)
            if commit.job_id != run.job_id and run.is_behind(spans):
                run.trades_after, run.complete = commit.sequence, True
                return
            run.take(spans)
            run.walked = commit.sequence
        run.complete = True

    def _given_up(self, raw: TableMetadata, run: _Run, commits: list[Commit]) -> None:
        """Look whether an earlier job went beyond this one: then this one started anew, and older rows are not its."""
        ends = [c for c in reversed(commits) if c.ends_job and c.sequence < (run.walked or 0)]
        for commit in ends[:_RUNS]:
            if run.is_behind(self._read(raw, commit)):
                run.trades_after = commit.sequence
                return

    def _read(self, raw: TableMetadata, commit: Commit) -> Spans:
        """Offsets and times of the commit, by partition."""
        from tui.clients.lake.edges import SPAN_COLUMNS, read_spans

        found: dict[int, Span] = {}
        for file in commit.files:
            if file.uri not in self._spans:
                self._spans[file.uri] = read_spans(self._lake.batches(raw, file, SPAN_COLUMNS))
            for partition, span in self._spans[file.uri].items():
                known = found.get(partition, span)
                found[partition] = Span(max(known.last, span.last), max(known.ts, span.ts))
        return found


def _ancestors(table: TableMetadata, snapshot: Snapshot | None) -> Iterator[Snapshot]:
    """The snapshot and those it came from, newest first."""
    while snapshot is not None:
        yield snapshot
        snapshot = None if snapshot.parent_id is None else table.by_id.get(snapshot.parent_id)


def _pair(candles: TableMetadata, raw: TableMetadata) -> tuple[Snapshot, Snapshot]:
    """The newest snapshots of both tables with the same stamp: one table is committed after the other."""
    trades: dict[tuple[str | None, int], Snapshot] = {}
    for snapshot in _ancestors(raw, raw.current):
        if snapshot.checkpoint_id is not None:
            trades.setdefault((snapshot.job_id, snapshot.checkpoint_id), snapshot)
    for snapshot in _ancestors(candles, candles.current):
        if snapshot.checkpoint_id is not None and (snapshot.job_id, snapshot.checkpoint_id) in trades:
            return snapshot, trades[snapshot.job_id, snapshot.checkpoint_id]
    raise UnavailableError(
        f"No snapshot of {raw.name} is of the same checkpoint as one of {candles.name}, "
        "so trades that are not committed yet cannot be told apart; the next checkpoint mends it."
    )


def _commits(raw: TableMetadata, trades: Snapshot, files: tuple[FileEntry, ...]) -> list[Commit]:
    """The commits that data files are left of, oldest first."""
    jobs = {s.sequence_number: s.job_id for s in _ancestors(raw, trades)}
    grouped: dict[int, list[FileEntry]] = {}
    for file in files:
        if file.content == DATA:
            grouped.setdefault(file.sequence, []).append(file)
    ordered = sorted(grouped)
    commits = []
    for sequence, following in zip(ordered, [*ordered[1:], None], strict=True):
        job = jobs.get(sequence)
        ends = following is not None and None not in (job, jobs.get(following)) and job != jobs[following]
        own = tuple(grouped[sequence])
        commits.append(Commit(sequence, job, own, _highest(own, raw, "ts"), ends))
    return commits


def _unsettled(run: _Run, older: list[Commit]) -> bool:
    """Whether an older commit can hold a higher `ts` than the newest one known of some partition."""
    lowest = min(run.highest_ts.values())
    return any(c.newest is not None and c.newest > lowest for c in older)


def _highest(files: tuple[FileEntry, ...], table: TableMetadata, column: str) -> int | None:
    """The highest value of a column of 8 bytes by the bounds of the data files; `None` when one has no bound."""
    field_id = table.column(column).id
    bounds = [f.upper.get(field_id) for f in files if f.content == DATA]
    if not bounds or None in bounds:
        return None
    return max(int.from_bytes(b, "little", signed=True) for b in bounds if b is not None)


def _counterpart(raw: TableMetadata, candles: TableMetadata, sequence: int) -> int:
    """The sequence number in `candles` of what a job did until it wrote `sequence` of `raw`; 0 for 0."""
    last = next((s for s in raw.snapshots if s.sequence_number == sequence), None)
    if last is None:
        return 0
    return max((s.sequence_number for s in candles.snapshots if s.job_id == last.job_id), default=0)
