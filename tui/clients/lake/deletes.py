"""Which rows of a data file are deleted (specification, "Scan Planning" and "Delete Formats").

A position delete applies to data with a sequence number lower than or equal to its own, an equality delete only
to data with a lower one; equality deletes of a partitioned spec stay within their partition. Null equals null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.files import FileEntry


class KeyIndex:
    """Numbers the distinct rows of some key columns; equal rows get equal numbers, null equals null."""

    def __init__(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> None:
        self._stages: list[tuple[pa.Array, pa.Array | None]] = []
        codes: pa.Array | None = None
        for column in columns:
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
        for column, (distinct, known) in zip(columns, self._stages, strict=True):
            own = _index_in(column, distinct)
            if known is not None:
                own = _index_in(pc.add(pc.multiply(codes, len(distinct)), own), known, absent_is_null=True)
            codes = own
        return codes


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

    def applies_to(self, file: FileEntry) -> bool:
        """Whether any of these deletes can concern the data file."""
        return self.highest > file.sequence and (self._scope is None or self._scope == file.scope)

    def deleted(self, file: FileEntry, keys: Sequence[pa.Array]) -> pa.Array:
        """A mask of the rows with these key columns that are deleted from the data file."""
        index = self._index or self._build()
        newest = pc.take(self._newest, index.lookup(keys))
        return pc.fill_null(pc.greater(newest, file.sequence), fill_value=False)

    def _build(self) -> KeyIndex:
        rows = pa.Table.from_batches([batch for _, batch in self._parts])
        sequences = pa.concat_arrays(
            [pa.repeat(pa.scalar(sequence, pa.int64()), batch.num_rows) for sequence, batch in self._parts]
        )
        self._parts.clear()
        self._index = index = KeyIndex(rows.columns)
        grouped = pa.table({"code": index.codes, "sequence": sequences}).group_by("code")
        newest = grouped.aggregate([("sequence", "max")]).sort_by("code")
        self._newest = newest["sequence_max"].combine_chunks()
        return index


class PositionDeletes:
    """Deleted row positions by data file."""

    def __init__(self) -> None:
        self._positions: dict[str, list[tuple[int, pa.Array]]] = defaultdict(list)

    def add(self, sequence: int, batch: pa.RecordBatch, wanted: Iterable[str]) -> None:
        """Take up (`file_path`, `pos`) rows of one delete file, for the data files in `wanted`."""
        paths, positions = batch.columns
        for path in set(pc.unique(paths).to_pylist()).intersection(wanted):
            self._positions[path].append((sequence, positions.filter(pc.equal(paths, path))))

    def of(self, file: FileEntry) -> pa.Array | None:
        """The deleted positions of the data file, `None` when there are none."""
        found = [p for sequence, p in self._positions.get(file.uri, ()) if file.sequence <= sequence]
        return pa.concat_arrays(found) if found else None
