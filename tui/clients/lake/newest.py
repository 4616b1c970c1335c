"""The newest rows of a table as text, read from its newest commits only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.files import DATA
from tui.clients.lake.metadata import Field, TableMetadata
from tui.model.iceberg import Column, RowSet

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient

CELL_CHARS = 400
_MORE = 4  # how many times the rows wanted are looked at: deletes take some away
_TIMES = ("timestamptz", "timestamp")


def newest_rows(lake: LakeClient, table: TableMetadata, snapshot_id: int | None, limit: int) -> RowSet:
    """At most `limit` live rows of the snapshot's newest commits, latest first; none without a snapshot.

    Latest by the first column that is a time, then by the key or by partition and offset.
    """
    fields = [f for f in table.fields if f.type is not None]
    columns = tuple(Column(f.name, str(f.type)) for f in fields)
    if snapshot_id is None:
        return RowSet(table.name, None, columns, ())
    names = [f.name for f in fields]
    found: pa.Table | None = None
    for floor in _floors(lake, table, snapshot_id, limit):

        def recent(file: Any, floor: int = floor) -> bool:
            return bool(file.sequence >= floor)

        found = _latest(lake.rows(table, snapshot_id, names, only=recent, keep=True), fields, limit)
        if found is not None and found.num_rows >= limit:
            break
    cells = () if found is None else zip(*(_cells(found[n]) for n in names), strict=True)
    return RowSet(table.name, snapshot_id, columns, tuple(tuple(row) for row in cells))


def _floors(lake: LakeClient, table: TableMetadata, snapshot_id: int, limit: int) -> Iterator[int]:
    """Sequence numbers from which on to read: enough rows, many times more, everything."""
    wanted, records = limit, 0
    for file in sorted(lake.files(table, snapshot_id), key=lambda f: -f.sequence):
        if file.content == DATA:
            records += file.records
            if records >= wanted:
                yield file.sequence
                wanted = max(wanted, records) * _MORE
    yield 0


def _latest(batches: Iterator[pa.RecordBatch], fields: list[Field], limit: int) -> pa.Table | None:
    keys = _order(fields)
    kept: pa.Table | None = None
    for batch in batches:
        rows = pa.Table.from_batches([_shortened(batch)])
        kept = rows if kept is None else pa.concat_tables([kept, rows])
        if kept.num_rows > limit:
            kept = kept.sort_by(keys).slice(0, limit) if keys else kept.slice(kept.num_rows - limit)
            kept = kept.combine_chunks()
    return kept.sort_by(keys) if kept is not None and keys else kept


def _order(fields: list[Field]) -> list[tuple[str, str]]:
    names = {f.name for f in fields}
    time = next((f.name for f in fields if f.type in _TIMES), None)
    rest = [("symbol", "ascending")] if time == "window_start" else [("kafka_partition", "ascending")]
    rest += [("kafka_offset", "descending")]
    return [(time, "descending"), *((n, o) for n, o in rest if n in names)] if time else []


def _shortened(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [pc.utf8_slice_codeunits(c, 0, CELL_CHARS) if pa.types.is_string(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _cells(column: pa.ChunkedArray) -> list[str | None]:
    return [None if v is None else _cell(v) for v in column.to_pylist()]


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bytes):
        return value.hex()[:CELL_CHARS]
    return str(value)
