"""Merge-on-read: the live rows of a snapshot, deletes applied, files pruned by their bounds.

A stream of commits leaves many small files, so what costs is the number of operations, not of rows: files are put
together to blocks of some ten thousand rows, and filters and deletes are applied to a block at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.cache import Lru
from tui.clients.lake.deletes import EqualityDeletes, PositionDeletes, repeated, row_codes
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry
from tui.clients.lake.metadata import Field, TableMetadata
from tui.clients.lake.parquet import DELETED_PATH, DELETED_POSITION, SMALL_BYTES, read_batches
from tui.clients.lake.storage import Storage
from tui.model.errors import UnavailableError

CACHED_BYTES = 16 * 1024 * 1024
"""How much of decoded small files is kept: more than two hours of commits at one a minute."""
CACHED_FILE_BYTES = 64 * 1024
_ARRAY_BYTES = 256  # what a column of a batch takes besides its values
_AHEAD = 8  # small files that are fetched side by side
_BLOCK_ROWS = 65_536
_LEAST_BYTES = 4_096  # what a decoded file takes at least
_DELETED: tuple[Field, ...] = (DELETED_PATH, DELETED_POSITION)

Batches = Lru[tuple[str, tuple[Field, ...]], pa.RecordBatch]
"""Decoded small files by URI and columns; files never change, names and types of columns may."""


def batch_cache() -> Batches:
    """An empty cache."""
    return Lru(CACHED_BYTES, lambda batch: batch.nbytes + batch.num_columns * _ARRAY_BYTES)


@dataclass(frozen=True, slots=True)
class Between:
    """Keep rows whose `column` is in [`low`, `high`], both ends included, `None` open; null is never in it."""

    column: str
    low: str | int | datetime | None = None
    high: str | int | datetime | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """A batch of the data file at place `file` of the scan; its first row is at `offset` of that file."""

    file: int
    offset: int
    batch: pa.RecordBatch


class Scan:
    """One pass over the live rows of a snapshot's `files`, with the columns asked for."""

    def __init__(
        self,
        storage: Storage,
        table: TableMetadata,
        files: Sequence[FileEntry],
        columns: Sequence[str],
        where: Sequence[Between] = (),
        cache: Batches | None = None,
    ) -> None:
        self._storage = storage
        self._table = table
        self._cache = cache
        self._fields = [table.column(c) for c in columns]
        self._where = [(table.column(b.column), b) for b in where]
        self._bounds = [(f, ordered(b.low), ordered(b.high)) for f, b in self._where]
        self._data = [f for f in files if f.content == DATA and self._may_match(f)]
        oldest = min((f.sequence for f in self._data), default=0)
        uris = sorted(f.uri.encode() for f in self._data)
        positions = (f for f in files if f.content == POSITION_DELETES and f.sequence >= oldest)
        self._naming = [f for f in positions if _names_any(f, uris)]
        self._equalities = [
            f for f in files if f.content == EQUALITY_DELETES and f.sequence > oldest and self._may_delete(f)
        ]
        self._keys = {i: self._key(i) for i in {i for f in self._equalities for i in f.equality_ids}}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Live rows, those of older data files first."""
        if not self._data:
            return
        self._fetch_ahead()
        positions = self._read_positions()
        equalities = self._read_equalities()
        for parts in self._blocks(self._physical()):
            rows = self._alive(parts, positions, equalities)
            if rows.num_rows:
                yield rows.select([f.name for f in self._fields])

    def _blocks(self, fields: Sequence[Field]) -> Iterator[list[_Part]]:
        """Rows of one scope, in order, enough of them to be worth an operation."""
        parts: list[_Part] = []
        rows = 0
        for number, (file, batches) in enumerate(self._read(self._data, fields)):
            offset = 0
            if parts and self._data[parts[0].file].scope != file.scope:
                yield parts
                parts, rows = [], 0
            for batch in batches:
                if batch.num_rows:
                    parts.append(_Part(number, offset, batch))
                offset += batch.num_rows
                rows += batch.num_rows
                if rows >= _BLOCK_ROWS:
                    yield parts
                    parts, rows = [], 0
        if parts:
            yield parts

    def _alive(
        self, parts: Sequence[_Part], positions: PositionDeletes, equalities: Sequence[EqualityDeletes]
    ) -> pa.RecordBatch:
        rows = pa.concat_batches([p.batch for p in parts]) if len(parts) > 1 else parts[0].batch
        mask = self._filter(rows)
        gone = positions.deleted(parts[0].file, parts[-1].file, _codes(parts))
        if gone is not None:
            mask = _both(mask, pc.invert(gone))
        files = [self._data[p.file] for p in parts]
        concerned = [e for e in equalities if e.concerns(files[0].scope, min(f.sequence for f in files))]
        if concerned:
            sequences = repeated((p.batch.num_rows, f.sequence) for p, f in zip(parts, files, strict=True))
            for deletes in concerned:
                keys = [rows.column(self._keys[i].name) for i in deletes.ids]
                mask = _both(mask, pc.invert(deletes.deleted(sequences, keys)))
        return rows if mask is None else rows.filter(mask)

    def _filter(self, rows: pa.RecordBatch) -> pa.Array | None:
        mask: pa.Array | None = None
        for field, bound in self._where:
            values = rows.column(field.name)
            if bound.low is not None:
                mask = _both(mask, pc.greater_equal(values, pa.scalar(bound.low, values.type)))
            if bound.high is not None:
                mask = _both(mask, pc.less_equal(values, pa.scalar(bound.high, values.type)))
        return None if mask is None else pc.fill_null(mask, fill_value=False)

    def _physical(self) -> list[Field]:
        """The columns asked for, then those that filters and equality deletes look at."""
        fields = {f.id: f for f in self._fields}
        fields.update({f.id: f for f, _ in self._where})
        fields.update(self._keys)
        return list(fields.values())

    def _key(self, field_id: int) -> Field:
        """A column that deletes go by, also when it was dropped since (specification, "Equality Delete Files")."""
        found = self._table.field_of(field_id)
        if found is None:
            raise UnavailableError(
                f"Table {self._table.name} has deletes by field {field_id}, which is no top-level column of any schema."
            )
        return found

    def _fetch_ahead(self) -> None:
        """Read small files that the cache lacks side by side, so that no kind of file waits for another."""
        cache = self._cache
        if cache is None:
            return
        rows = tuple(self._physical())
        wanted = [(f, _DELETED) for f in self._naming]
        wanted += [(f, tuple(self._keys[i] for i in f.equality_ids)) for f in self._equalities]
        wanted += [(f, rows) for f in self._data]
        missing = [
            (file, columns)
            for file, columns in wanted
            if file.size_bytes <= CACHED_FILE_BYTES and cache.get((file.uri, columns)) is None
        ]
        if len(missing) > 1 and sum(max(f.size_bytes, _LEAST_BYTES) for f, _ in missing) < CACHED_BYTES:
            with ThreadPoolExecutor(min(_AHEAD, len(missing)), thread_name_prefix="lake-read") as pool:
                list(pool.map(lambda job: self._fetch(*job), missing))

    def _read_positions(self) -> PositionDeletes:
        deletes = PositionDeletes(self._data)
        waiting: list[tuple[FileEntry, pa.RecordBatch]] = []
        rows = 0
        for file, batches in self._read(self._naming, _DELETED):
            for batch in batches:
                waiting.append((file, batch))
                rows += batch.num_rows
                if rows >= _BLOCK_ROWS:
                    deletes.add(waiting)
                    waiting, rows = [], 0
        if rows:
            deletes.add(waiting)
        return deletes

    def _read_equalities(self) -> list[EqualityDeletes]:
        groups: dict[tuple[tuple[int, ...], object], EqualityDeletes] = {}
        for ids in sorted({f.equality_ids for f in self._equalities}):
            files = [f for f in self._equalities if f.equality_ids == ids]
            for file, batches in self._read(files, [self._keys[i] for i in ids]):
                group = groups.setdefault((ids, file.scope), EqualityDeletes(ids, file.scope))
                for batch in batches:
                    group.add(file.sequence, batch)
        return list(groups.values())

    def _read(
        self, files: Sequence[FileEntry], fields: Sequence[Field]
    ) -> Iterator[tuple[FileEntry, Iterator[pa.RecordBatch]]]:
        """Every file with its batches, in order; small files are fetched ahead, large ones are streamed."""
        columns = tuple(fields)
        cached = [(f, None if self._cache is None else self._cache.get((f.uri, columns))) for f in files]
        missing = [f for f, batch in cached if batch is None]
        if len(missing) < 2:
            for file, batch in cached:
                yield file, self._fetch(file, columns) if batch is None else iter((batch,))
            return
        pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="lake-read")
        try:
            rest = iter(missing)
            queue: deque[Future[Iterator[pa.RecordBatch]]] = deque(
                pool.submit(self._fetch, f, columns) for f in islice(rest, _AHEAD)
            )
            for file, batch in cached:
                if batch is not None:
                    yield file, iter((batch,))
                    continue
                future = queue.popleft()
                queue.extend(pool.submit(self._fetch, f, columns) for f in islice(rest, 1))
                yield file, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, file: FileEntry, columns: tuple[Field, ...]) -> Iterator[pa.RecordBatch]:
        batches = read_batches(self._storage, self._table, file, columns)
        if file.size_bytes > SMALL_BYTES:
            return batches
        found = list(batches)
        if self._cache is not None and file.size_bytes <= CACHED_FILE_BYTES and len(found) == 1:
            self._cache.put((file.uri, columns), found[0])
        return iter(found)

    def _may_match(self, file: FileEntry) -> bool:
        return all(file.may_hold(f.id, f.type, low, high) for f, low, high in self._bounds)

    def _may_delete(self, file: FileEntry) -> bool:
        """A row that passes the filter can only be deleted by a key that passes it too."""
        concerned = [b for b in self._bounds if b[0].id in file.equality_ids]
        return all(file.may_hold(f.id, f.type, low, high) for f, low, high in concerned)


def _codes(parts: Sequence[_Part]) -> pa.Array:
    """The `row_codes` of these parts."""
    lengths = [p.batch.num_rows for p in parts]
    files = repeated((n, p.file) for n, p in zip(lengths, parts, strict=True))
    starts, end = [], 0
    for part, length in zip(parts, lengths, strict=True):
        starts.append((length, part.offset - end))
        end += length
    return row_codes(files, pc.add(pa.arange(0, end), repeated(starts)))


def ordered(value: Any) -> Any:
    """A filter value in the form of decoded bounds: text as UTF-8, times as microseconds."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        return pa.scalar(value, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    return value


def _names_any(file: FileEntry, ordered: Sequence[bytes]) -> bool:
    """Whether a position delete file can name one of the data files; without bounds it can."""
    low, high = file.lower.get(DELETED_PATH.id), file.upper.get(DELETED_PATH.id)
    first = 0 if low is None else bisect_left(ordered, low)
    return first < len(ordered) and (high is None or ordered[first] <= high)


def _both(left: pa.Array | None, right: pa.Array) -> pa.Array:
    return right if left is None else pc.and_(left, right)
