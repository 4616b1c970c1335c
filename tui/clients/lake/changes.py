"""What a snapshot changed against its parent: files by kind, and candles key by key."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.candles import COLUMNS, KEY, VALUES
from tui.clients.lake.deletes import KeyIndex
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry, bound
from tui.clients.lake.health import counted
from tui.clients.lake.metadata import TableMetadata
from tui.clients.lake.parquet import DELETED_PATH, DELETED_POSITION
from tui.clients.lake.scan import Between
from tui.model.errors import NotFoundError
from tui.model.iceberg import CandleChange, Snapshot, SnapshotChange, ValueChange

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient

NEWEST = 200
"""How many candles are told one by one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_SCHEMA = pa.schema([("symbol", pa.string()), ("window_start", pa.timestamp("us", tz="UTC"))])

Key = tuple[str, datetime]


class _Files(NamedTuple):
    """The files that a snapshot added and removed, and those that were there before."""

    added: Sequence[FileEntry]
    removed: Sequence[FileEntry]
    before: Sequence[FileEntry]

    def of(self, content: int) -> list[FileEntry]:
        """The added files of that kind."""
        return [f for f in self.added if f.content == content]

    def touched(self, content: int) -> list[FileEntry]:
        """The added and the removed files of that kind."""
        return [f for f in (*self.added, *self.removed) if f.content == content]


def snapshot_change(lake: LakeClient, table: TableMetadata, snapshot_id: int, newest: int = NEWEST) -> SnapshotChange:
    """What the snapshot changed; candles for the table of candles only, the `newest` of them.

    Raises `NotFoundError` when there is no such snapshot (any more).
    """
    snapshot = table.by_id.get(snapshot_id)
    if snapshot is None:
        raise NotFoundError(f"Table {table.name} has no snapshot {snapshot_id}: it may have been expired.")
    files, lost = _files(lake, table, snapshot)
    keys: int | None = None
    candles: tuple[CandleChange, ...] = ()
    notes = ["Its parent has expired: what it removed or corrected is not known."] if lost else []
    if table.name == lake.candle_table and not lost:
        touched = _touched(lake, table, snapshot, files)
        keys = touched.num_rows
        order = [("window_start", "descending"), ("symbol", "ascending")]
        shown = touched.sort_by(order).slice(0, newest)
        candles = tuple(_compared(lake, table, snapshot, [(r["symbol"], r["window_start"]) for r in shown.to_pylist()]))
        notes += [f"The newest {newest:,} of {keys:,} candles that it wrote."] if keys > newest else []
        if snapshot.operation == "replace":  # files written anew, as after a compaction: what is the same is no news
            candles = tuple(c for c in candles if c.kind != "rewritten")
            notes += ["It only rewrote files: none of these candles changed."] if not candles else []
    removed = [f for f in files.removed if f.content == DATA]
    return SnapshotChange(
        table=table.name,
        snapshot=snapshot,
        parent_id=snapshot.parent_id,
        data_added=counted(files.of(DATA)),
        data_removed=counted(removed),
        position_deletes_added=counted(files.of(POSITION_DELETES)),
        equality_deletes_added=counted(files.of(EQUALITY_DELETES)),
        deletes_removed=counted(f for f in files.removed if f.content != DATA),
        keys=keys,
        candles=candles,
        note=" ".join(notes) or None,
    )


def _files(lake: LakeClient, table: TableMetadata, snapshot: Snapshot) -> tuple[_Files, bool]:
    """Its files beside its parent's, and whether the parent is lost."""
    live = lake.files(table, snapshot.id)
    if snapshot.parent_id is not None and snapshot.parent_id not in table.by_id:
        return _Files([f for f in live if f.sequence == snapshot.sequence_number], [], []), True
    before = lake.files(table, snapshot.parent_id) if snapshot.parent_id is not None else ()
    known, kept = {f.uri for f in before}, {f.uri for f in live}
    added = [f for f in live if f.uri not in known]
    return _Files(added, [f for f in before if f.uri not in kept], before), False


def _touched(lake: LakeClient, table: TableMetadata, snapshot: Snapshot, files: _Files) -> pa.Table:
    """The distinct keys of every row that the snapshot wrote, deleted, or deletes no more."""
    ids = {table.column(c).id for c in KEY}
    equality = files.touched(EQUALITY_DELETES)
    sources = [*files.touched(DATA), *(f for f in equality if ids <= set(f.equality_ids))]
    batches = [batch for file in sources for batch in lake.batches(table, file, KEY)]
    batches += _by_position(lake, table, files)
    for file in equality:
        if not ids <= set(file.equality_ids):
            batches += _by_other_columns(lake, table, snapshot, file, revived=file in files.removed)
    keys = pa.Table.from_batches(batches, schema=_KEY_SCHEMA)
    return keys.group_by(list(KEY)).aggregate([])


def _by_other_columns(
    lake: LakeClient, table: TableMetadata, snapshot: Snapshot, file: FileEntry, *, revived: bool
) -> Iterator[pa.RecordBatch]:
    """The keys of the rows that a delete by other columns than the key hits, or does not hit any more."""
    where = snapshot.id if revived else snapshot.parent_id
    fields = [f for i in file.equality_ids if (f := table.field_of(i)) is not None]
    if where is None or not {f.name for f in fields} <= {f.name for f in table.fields}:
        return
    gone = KeyIndex(pa.Table.from_batches(lake.batches(table, file, fields)).columns)
    names = [f.name for f in fields]
    wanted = [*KEY, *(n for n in names if n not in KEY)]
    for batch in lake.rows(table, where, wanted, only=lambda f: file.scope in (None, f.scope)):
        hit = pc.is_valid(gone.lookup([batch[n] for n in names]))
        yield batch.filter(hit).select(list(KEY))


def _by_position(lake: LakeClient, table: TableMetadata, files: _Files) -> Iterator[pa.RecordBatch]:
    """The keys of older rows that are deleted by their position, or not any more."""
    older = {f.uri: f for f in files.before if f.content == DATA}
    hit: dict[str, list[pa.Array]] = {}
    for file in files.touched(POSITION_DELETES):
        for batch in lake.batches(table, file, (DELETED_PATH, DELETED_POSITION)):
            paths, positions = batch.columns
            for uri in older.keys() & set(pc.unique(paths).to_pylist()):
                hit.setdefault(uri, []).append(positions.filter(pc.equal(paths, uri)))
    for uri, positions in hit.items():
        offset, wanted = 0, pa.concat_arrays(positions)
        for batch in lake.batches(table, older[uri], KEY):
            mask = pc.is_in(pa.arange(offset, offset + batch.num_rows), value_set=wanted)
            offset += batch.num_rows
            yield batch.filter(mask)


def _compared(
    lake: LakeClient, table: TableMetadata, snapshot: Snapshot, keys: Sequence[Key]
) -> Iterator[CandleChange]:
    if not keys:
        return
    after = _candles(lake, table, snapshot.id, keys)
    before = _candles(lake, table, snapshot.parent_id, keys) if snapshot.parent_id is not None else {}
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old is not None or new is not None:  # neither: written and deleted by the same snapshot
            yield _changed(key, old, new)


def _changed(key: Key, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> CandleChange:
    values = tuple(
        ValueChange(c, old[c] if old else None, new[c] if new else None)
        for c in VALUES
        if old is None or new is None or not _same(old[c], new[c])
    )
    kind: Literal["added", "corrected", "removed", "rewritten"]
    if old is None:
        kind = "added"
    elif new is None:
        kind = "removed"
    else:
        kind = "corrected" if values else "rewritten"
    return CandleChange(kind, *key, values)


def _same(before: Any, after: Any) -> bool:
    return bool(before == after or (before != before and after != after))


def _candles(
    lake: LakeClient, table: TableMetadata, snapshot_id: int, keys: Sequence[Key]
) -> dict[Key, Mapping[str, Any]]:
    """The candles with these keys in the snapshot; only files that can hold one of their minutes are read."""
    field = table.column("window_start")
    minutes = sorted({(start - _EPOCH) // timedelta(microseconds=1) for _, start in keys})

    def may_hold(file: FileEntry) -> bool:
        low, high = (bound(field.type, b.get(field.id)) for b in (file.lower, file.upper))
        first = 0 if low is None else bisect_left(minutes, low)
        return first < len(minutes) and (high is None or minutes[first] <= high)

    wanted = KeyIndex(pa.Table.from_pylist([dict(zip(KEY, key, strict=True)) for key in keys], _KEY_SCHEMA).columns)
    span = Between("window_start", min(s for _, s in keys), max(s for _, s in keys))
    found: dict[Key, Mapping[str, Any]] = {}
    for batch in lake.rows(table, snapshot_id, COLUMNS, (span,), only=may_hold, keep=True):
        ours = batch.filter(pc.is_valid(wanted.lookup([batch[c] for c in KEY])))
        found.update({(row["symbol"], row["window_start"]): row for row in ours.to_pylist()})
    return found
