"""What the seam needs to know of committed trades, reduced in Arrow: offsets by partition, first and last by minute."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.front import Span
from tui.model.live import MINUTE_MS, Edge, Edges, MinuteKey

SPAN_COLUMNS = ("kafka_partition", "kafka_offset", "ts")
COLUMNS = ("symbol", "ts", "kafka_partition", "kafka_offset", "price")
_ORDER = ("ts", "kafka_partition", "kafka_offset", "price")
_KEYS = ["symbol", "minute"]


def read_spans(batches: Iterable[pa.RecordBatch]) -> dict[int, Span]:
    """The highest offset and `ts` of each partition; rows without a partition or an offset are left out."""
    table = pa.Table.from_batches(batches, schema=_SPAN_SCHEMA)
    grouped = table.group_by("kafka_partition").aggregate([("kafka_offset", "max"), ("ts", "max")])
    return {
        row["kafka_partition"]: Span(row["kafka_offset_max"], row["ts_max"] or 0)
        for row in grouped.to_pylist()
        if row["kafka_partition"] is not None and row["kafka_offset_max"] is not None
    }


_SPAN_SCHEMA = pa.schema([("kafka_partition", pa.int32()), ("kafka_offset", pa.int64()), ("ts", pa.int64())])


def read_edges(batches: Iterable[pa.RecordBatch]) -> dict[MinuteKey, Edges]:
    """First and last trade by (ts, partition, offset) of each symbol's minute; one batch is in memory at a time."""
    found: dict[MinuteKey, Edges] = {}
    for batch in batches:
        for key, edges in _of_batch(batch).items():
            known = found.get(key, edges)
            found[key] = Edges(min(known.first, edges.first), max(known.last, edges.last))
    return found


def _of_batch(batch: pa.RecordBatch) -> dict[MinuteKey, Edges]:
    minutes = pc.multiply(pc.divide(batch["ts"], MINUTE_MS), MINUTE_MS)  # no trade is older than 1970
    table = pa.table({"minute": minutes, **{c: batch[c] for c in COLUMNS}})
    table = table.sort_by([(name, "ascending") for name in _ORDER[:3]])
    ends = [(name, which) for which in ("first", "last") for name in _ORDER]
    rows = table.group_by(_KEYS, use_threads=False).aggregate(ends).to_pylist()
    return {
        (row["symbol"], row["minute"]): Edges(
            Edge(*(row[f"{name}_first"] for name in _ORDER)), Edge(*(row[f"{name}_last"] for name in _ORDER))
        )
        for row in rows
    }
