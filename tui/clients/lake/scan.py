"""Merge-on-read: the live rows of a snapshot, file by file, deletes applied, files pruned by their bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.deletes import EqualityDeletes, PositionDeletes
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry
from tui.clients.lake.metadata import Field, TableMetadata
from tui.clients.lake.parquet import (
    DELETED_PATH,
    DELETED_POSITION,
    SMALL_BYTES,
    arrow_type,
    read_batches,
)
from tui.clients.lake.storage import Storage
from tui.model.errors import UnavailableError

_AHEAD = 8  # small files that are fetched side by side


@dataclass(frozen=True, slots=True)
class Between:
    """Keep rows whose `column` is in [`low`, `high`], both ends included, `None` open; null is never in it."""

    column: str
    low: str | int | datetime | None = None
    high: str | int | datetime | None = None


class Scan:
    """One pass over the live rows of a snapshot's `files`, with the columns asked for."""

    def __init__(
        self,
        storage: Storage,
        table: TableMetadata,
        files: Sequence[FileEntry],
        columns: Sequence[str],
        where: Sequence[Between] = (),
    ) -> None:
        self._storage = storage
        self._table = table
        self._fields = [table.column(c) for c in columns]
        self._where = [(table.column(b.column), b) for b in where]
        self._data = [f for f in files if f.content == DATA and self._may_match(f)]
        self._positions = [f for f in files if f.content == POSITION_DELETES]
        self._equalities = [f for f in files if f.content == EQUALITY_DELETES and self._may_delete(f)]
        self._by_id = {f.id: f for f in table.fields}

    @property
    def schema(self) -> pa.Schema:
        """The columns of every batch."""
        return pa.schema([(f.name, arrow_type(f)) for f in self._fields])

    def batches(self) -> Iterator[tuple[FileEntry, pa.RecordBatch]]:
        """Live rows with the data file they are in, in the order of sequence numbers."""
        if not self._data:
            return
        positions = self._read_positions()
        equalities = self._read_equalities()
        fields = self._physical(equalities)
        for file, batches in self._read(self._data, fields):
            yield from self._alive(file, batches, positions, equalities)

    def _alive(
        self,
        file: FileEntry,
        batches: Iterator[pa.RecordBatch],
        positions: PositionDeletes,
        equalities: Sequence[EqualityDeletes],
    ) -> Iterator[tuple[FileEntry, pa.RecordBatch]]:
        gone = positions.of(file)
        concerned = [e for e in equalities if e.applies_to(file)]
        offset = 0
        for batch in batches:
            mask = self._filter(batch)
            if gone is not None:
                here = pc.is_in(pa.arange(offset, offset + batch.num_rows), value_set=gone)
                mask = _both(mask, pc.invert(here))
            for deletes in concerned:
                keys = [batch.column(self._by_id[i].name) for i in deletes.ids]
                mask = _both(mask, pc.invert(deletes.deleted(file, keys)))
            offset += batch.num_rows
            kept = batch if mask is None else batch.filter(mask)
            if kept.num_rows:
                yield file, kept.select([f.name for f in self._fields])

    def _filter(self, batch: pa.RecordBatch) -> pa.Array | None:
        mask: pa.Array | None = None
        for field, bound in self._where:
            values = batch.column(field.name)
            if bound.low is not None:
                mask = _both(mask, pc.greater_equal(values, pa.scalar(bound.low, values.type)))
            if bound.high is not None:
                mask = _both(mask, pc.less_equal(values, pa.scalar(bound.high, values.type)))
        return None if mask is None else pc.fill_null(mask, fill_value=False)

    def _physical(self, equalities: Sequence[EqualityDeletes]) -> list[Field]:
        """The columns asked for, then those that filters and equality deletes look at."""
        fields = {f.id: f for f in self._fields}
        fields.update({f.id: f for f, _ in self._where})
        fields.update({i: self._by_id[i] for e in equalities for i in e.ids})
        return list(fields.values())

    def _read_positions(self) -> PositionDeletes:
        deletes = PositionDeletes()
        wanted = {f.uri: f for f in self._data}
        ordered = sorted(uri.encode() for uri in wanted)
        oldest = min(f.sequence for f in self._data)
        files = [f for f in self._positions if f.sequence >= oldest and _names_any(f, ordered)]
        for file, batches in self._read(files, [DELETED_PATH, DELETED_POSITION]):
            for batch in batches:
                deletes.add(file.sequence, batch, wanted)
        return deletes

    def _read_equalities(self) -> list[EqualityDeletes]:
        groups: dict[tuple[tuple[int, ...], object], EqualityDeletes] = {}
        oldest = min(f.sequence for f in self._data)
        for ids in sorted({f.equality_ids for f in self._equalities}):
            if not self._by_id.keys() >= set(ids):
                raise UnavailableError(f"Table {self._table.name} has deletes by a column that was dropped since.")
            files = [f for f in self._equalities if f.equality_ids == ids and f.sequence > oldest]
            for file, batches in self._read(files, [self._by_id[i] for i in ids]):
                group = groups.setdefault((ids, file.scope), EqualityDeletes(ids, file.scope))
                for batch in batches:
                    group.add(file.sequence, batch)
        return list(groups.values())

    def _read(
        self, files: Sequence[FileEntry], fields: Sequence[Field]
    ) -> Iterator[tuple[FileEntry, Iterator[pa.RecordBatch]]]:
        """Every file with its batches, in order; small files are fetched ahead, large ones are streamed."""

        def fetch(file: FileEntry) -> Iterator[pa.RecordBatch]:
            batches = read_batches(self._storage, self._table, file, fields)
            return iter(list(batches)) if file.size_bytes <= SMALL_BYTES else batches

        if len(files) < 2:
            yield from ((f, fetch(f)) for f in files)
            return
        pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="lake-read")
        try:
            rest = iter(files)
            queue: list[tuple[FileEntry, Future[Iterator[pa.RecordBatch]]]] = []
            queue.extend((f, pool.submit(fetch, f)) for f in islice(rest, _AHEAD))
            while queue:
                file, future = queue.pop(0)
                queue.extend((f, pool.submit(fetch, f)) for f in islice(rest, 1))
                yield file, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _may_match(self, file: FileEntry) -> bool:
        return all(file.may_hold(f.id, f.type, _ordered(b.low), _ordered(b.high)) for f, b in self._where)

    def _may_delete(self, file: FileEntry) -> bool:
        """A row that passes the filter can only be deleted by a key that passes it too."""
        concerned = [(f, b) for f, b in self._where if f.id in file.equality_ids]
        return all(file.may_hold(f.id, f.type, _ordered(b.low), _ordered(b.high)) for f, b in concerned)


def _ordered(value: Any) -> Any:
    """A filter value in the form of decoded bounds: text as UTF-8, times as microseconds."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        return pa.scalar(value, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    return value


def _names_any(file: FileEntry, ordered: Sequence[bytes]) -> bool:
    return any(file.may_hold(DELETED_PATH.id, "string", uri, uri) for uri in ordered)


def _both(left: pa.Array | None, right: pa.Array) -> pa.Array:
    return right if left is None else pc.and_(left, right)
