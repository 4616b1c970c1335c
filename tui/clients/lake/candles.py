"""Candles of `agg_1m` as values: the newest ones a symbol, never a key twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.deletes import KeyIndex
from tui.clients.lake.metadata import TableMetadata
from tui.clients.lake.scan import Between
from tui.clients.lake.shelf import Shelf, span
from tui.model.candles import Candle

KEY = ("symbol", "window_start")
VALUES = (
    "open_price", "high_price", "low_price", "close_price", "total_qty", "trade_count", "buy_qty", "sell_qty",
)  # fmt: skip
COLUMNS = (*KEY, "window_end", *VALUES)
_COMPACT_ROWS = 200_000
_INT64_MAX = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = (1, 4, 24)
"""How many times `limit` minutes to look back before reading everything."""
_STEPWISE_MOST = 1_000_000
"""A larger limit reads everything at once: stepping back so far would do so anyway."""


class Rows(Protocol):
    """Live rows of one snapshot of `agg_1m`, oldest data file first."""

    def __call__(self, where: tuple[Between, ...]) -> Iterator[pa.RecordBatch]:
        """Rows with the columns `COLUMNS` that pass the filter."""


Span = tuple[datetime, datetime]
"""The lowest and the highest `window_start` that the files can hold."""


def span_of(table: TableMetadata, shelves: Sequence[Shelf]) -> Span | None:
    """Lowest and highest `window_start` by the bounds of the data files, `None` when one has no bounds."""
    found = span(shelves, table.column("window_start"))
    if found is None:
        return None
    low, high = (_EPOCH + timedelta(microseconds=us) for us in found)
    return low, high


def read_candles(rows: Rows, symbol: str | None, limit: int | None, span: Span | None) -> tuple[Candle, ...]:
    """Candles ordered by (`window_start`, `symbol`): the newest `limit` a symbol.

    With a symbol and a limit only the newest minutes are read; gaps in time make it read on, further back.
    """
    where = () if symbol is None else (Between("symbol", symbol, symbol),)
    limit = None if limit is None else min(limit, _INT64_MAX)
    table: pa.Table | None = None
    if symbol is not None and limit is not None and limit <= _STEPWISE_MOST and span is not None:
        for factor in _STEPS:
            since = span[1] - timedelta(minutes=limit * factor)
            if since <= span[0]:
                break
            found = _newest(rows((Between("window_start", since), *where)), limit)
            if found.num_rows >= limit:
                table = found
                break
    if table is None:
        table = _newest(rows(where), limit)
    return as_candles(table.sort_by([("window_start", "ascending"), ("symbol", "ascending")]))


def as_candles(table: pa.Table) -> tuple[Candle, ...]:
    """The rows of a table with the columns `COLUMNS`."""
    return tuple(Candle(**row) for row in table.to_pylist())


def _newest(rows: Iterator[pa.RecordBatch], limit: int | None) -> pa.Table:
    kept: pa.Table | None = None
    waiting: list[pa.RecordBatch] = []
    for batch in rows:
        waiting.append(batch)
        if sum(b.num_rows for b in waiting) >= _COMPACT_ROWS:
            kept, waiting = _compact(kept, waiting, limit), []
    return _compact(kept, waiting, limit)


def _compact(kept: pa.Table | None, waiting: list[pa.RecordBatch], limit: int | None) -> pa.Table:
    parts = ([kept] if kept is not None else []) + ([pa.Table.from_batches(waiting)] if waiting else [])
    if not parts:
        return EMPTY
    table = pa.concat_tables(parts)
    codes = KeyIndex([table[c] for c in KEY]).codes
    last = pa.table({"code": codes, "row": pa.arange(0, table.num_rows)}).group_by("code").aggregate([("row", "max")])
    table = table.take(last["row_max"])
    return table if limit is None else _top(table, limit)


def _top(table: pa.Table, limit: int) -> pa.Table:
    """The newest `limit` rows of each symbol."""
    table = table.sort_by([("symbol", "ascending"), ("window_start", "descending")])
    position = pa.arange(0, table.num_rows)
    codes = KeyIndex([table["symbol"]]).codes
    first = pa.table({"code": codes, "row": position}).group_by("code").aggregate([("row", "min")]).sort_by("code")
    rank = pc.subtract(position, pc.take(first["row_min"], codes))
    return table.filter(pc.less(rank, limit))


EMPTY = pa.table({c: pa.array([]) for c in COLUMNS})
