"""Which rows of a data file are deleted (specification, "Scan Planning" and "Delete Formats").

A position delete applies to data with a sequence number lower than or equal to its own, an equality delete only
to data with a lower one; both stay within the `scope` of their file. Null equals null. The specification leaves open
which numbers are equal; here as in Iceberg's own reader (`Comparators`, `Double.compare`): NaN is NaN, -0.0 is not 0.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.files import FileEntry


class KeyIndex:
    """Numbers the distinct rows of some key columns; equal rows get equal numbers, null equals null."""

    def __init__(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> None:
        self._stages: list[tuple[pa.Array, pa.Array | None]] = []
        codes: pa.Array | None = None
        for column in map(_comparable, columns):
            distinct = pc.unique(column)
            own = _index_in(column, distinct)
            if codes is None:
                codes = own
                self._stages.append((distinct, None))
            else:
                pairs = pc.add(pc.multiply(codes, len(distinct)), own)
                known = pc.unique(pairs)
                codes = _index_in(pairs, known)
                self._stages.append((distinct, known))
        self.codes: pa.Array = codes

    def lookup(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.Array:
        """The number of each row, null where the row is not among the distinct ones."""
        codes: pa.Array | None = None
        for column, (distinct, known) in zip(map(_comparable, columns), self._stages, strict=True):
            own = _index_in(column, distinct)
            if known is not None:
                own = _index_in(pc.add(pc.multiply(codes, len(distinct)), own), known, absent_is_null=True)
            codes = own
        return codes


def _comparable(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The column with numbers as their bits, every NaN alike, so that equal means what it means in Java."""
    if not pa.types.is_floating(column.type):
        return column
    bits = pa.int64() if column.type == pa.float64() else pa.int32()
    alike = pc.if_else(pc.is_nan(column), pa.scalar(math.nan, column.type), column)
    return (
        alike.view(bits)
        if isinstance(alike, pa.Array)
        else pa.chunked_array([c.view(bits) for c in alike.chunks], bits)
    )


def _index_in(values: pa.ChunkedArray | pa.Array, distinct: pa.Array, *, absent_is_null: bool = False) -> pa.Array:
    found = pc.index_in(values, value_set=distinct, skip_nulls=absent_is_null)
    flat = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return flat.cast(pa.int64())


class EqualityDeletes:
    """Delete rows that share their columns and scope, as key → the newest sequence number that deletes it."""

    def __init__(self, ids: tuple[int, ...], scope: object) -> None:
        self.ids = ids
        self._scope = scope
        self._parts: list[tuple[int, pa.RecordBatch]] = []
        self._index: KeyIndex | None = None
        self._newest = pa.array([], pa.int64())
        self.highest = -1

    def add(self, sequence: int, batch: pa.RecordBatch) -> None:
        """Take up the rows of one delete file; its columns are in the order of `ids`."""
        self._parts.append((sequence, batch))
        self.highest = max(self.highest, sequence)

    def concerns(self, scope: object, oldest: int) -> bool:
        """Whether any of these deletes can hit rows of that scope, the oldest of them with sequence `oldest`."""
        return self.highest > oldest and (self._scope is None or self._scope == scope)

    def deleted(self, sequences: pa.Array, keys: Sequence[pa.Array]) -> pa.Array:
        """A mask of the rows with these data sequence numbers and key columns that are deleted."""
        index = self._index or self._build()
        newest = pc.take(self._newest, index.lookup(keys))
        return pc.fill_null(pc.greater(newest, sequences), fill_value=False)

    def _build(self) -> KeyIndex:
        rows = pa.Table.from_batches([batch for _, batch in self._parts])
        sequences = repeated((batch.num_rows, sequence) for sequence, batch in self._parts)
        self._parts.clear()
        self._index = index = KeyIndex(rows.columns)
        grouped = pa.table({"code": index.codes, "sequence": sequences}).group_by("code")
        newest = grouped.aggregate([("sequence", "max")]).sort_by("code")
        self._newest = newest["sequence_max"].combine_chunks()
        return index


class PositionDeletes:
    """Deleted row positions of some data files, which are known by their place in `files`."""

    def __init__(self, files: Sequence[FileEntry]) -> None:
        self._uris = pa.array([f.uri for f in files], pa.string())
        self._sequences = pa.array([f.sequence for f in files], pa.int64())
        self._files = files
        self._scopes: dict[object, int] = {}
        self._own_scopes: pa.Array | None = None
        self._parts: list[pa.Array] = []
        self._codes: pa.Array | None = None
        self._ends: dict[int, tuple[int, int]] = {}

    def add(self, parts: Sequence[tuple[FileEntry, pa.RecordBatch]]) -> None:
        """Take up (`file_path`, `pos`) rows with their delete files."""
        rows = pa.concat_batches([batch for _, batch in parts])
        paths, positions = rows.columns
        files = pc.index_in(paths, value_set=self._uris, skip_nulls=True)
        deletes = repeated((batch.num_rows, file.sequence) for file, batch in parts)
        hit = pc.less_equal(pc.take(self._sequences, files), deletes)  # null for a file that is not wanted
        if any(file.scope is not None for file, _ in parts):
            hit = pc.and_(hit, self._in_scope(files, parts))
        self._parts.append(row_codes(files.filter(hit), positions.filter(hit)))

    def _in_scope(self, files: pa.Array, parts: Sequence[tuple[FileEntry, pa.RecordBatch]]) -> pa.Array:
        if self._own_scopes is None:
            self._scopes = {s: code for code, s in enumerate(dict.fromkeys(f.scope for f in self._files))}
            self._own_scopes = pa.array([self._scopes[f.scope] for f in self._files], pa.int64())
        own = pc.take(self._own_scopes, files)
        codes = (_ANYWHERE if f.scope is None else self._scopes.get(f.scope, _NOWHERE) for f, _ in parts)
        wanted = repeated((batch.num_rows, code) for (_, batch), code in zip(parts, codes, strict=True))
        return pc.or_(pc.equal(wanted, _ANYWHERE), pc.equal(own, wanted))

    def deleted(self, first: int, last: int, codes: pa.Array) -> pa.Array | None:
        """A mask of the rows with these `row_codes`, all in files `first` to `last`; `None` when none is deleted."""
        known = self._codes if self._codes is not None else self._build()
        ends = [self._ends[f] for f in range(first, last + 1) if f in self._ends]
        return pc.is_in(codes, value_set=known[ends[0][0] : ends[-1][1]]) if ends else None

    def _build(self) -> pa.Array:
        codes = pa.concat_arrays(self._parts) if self._parts else pa.array([], pa.int64())
        self._parts.clear()
        self._codes = codes = pc.unique(pc.take(codes, pc.sort_indices(codes)))
        runs = pc.run_end_encode(pc.shift_right(codes, _POSITION_BITS), pa.int64())
        start = 0
        for file, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            self._ends[file] = (start, end)
            start = end
        return codes


_POSITION_BITS = 40
_ANYWHERE, _NOWHERE = -1, -2


def row_codes(files: pa.Array, positions: pa.Array) -> pa.Array:
    """Rows, each named by the number of its file and its position in it, as one number that sorts like the two."""
    return pc.bit_wise_or(pc.shift_left(files.cast(pa.int64()), _POSITION_BITS), positions)


def repeated(runs: Iterable[tuple[int, int]]) -> pa.Array:
    """The value of each (length, value), as often as its length says."""
    ends, values, end = [], [], 0
    for length, value in runs:
        if length:
            end += length
            ends.append(end)
            values.append(value)
    encoded = pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int64()), pa.array(values, pa.int64()))
    return pc.run_end_decode(encoded)
