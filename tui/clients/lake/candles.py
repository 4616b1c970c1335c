"""Candles of `agg_1m` as values: the newest ones a symbol, never a key twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.deletes import KeyIndex
from tui.clients.lake.files import FileEntry
from tui.clients.lake.scan import Between
from tui.model.candles import Candle

KEY = ("symbol", "window_start")
VALUES = (
    "open_price", "high_price", "low_price", "close_price", "total_qty", "trade_count", "buy_qty", "sell_qty",
)  # fmt: skip
COLUMNS = (*KEY, "window_end", *VALUES)
_COMPACT_ROWS = 200_000
_INT64_MAX = 2**63 - 1
_STEPWISE_MOST = 1_000_000
"""A larger limit reads everything at once: stepping back so far would do so anyway."""


class Rows(Protocol):
    """Live rows of one snapshot of `agg_1m`, oldest data file first."""

    def __call__(self, where: tuple[Between, ...]) -> Iterator[tuple[FileEntry, pa.RecordBatch]]:
        """Rows with the columns `COLUMNS` that pass the filter."""


def read_candles(rows: Rows, symbol: str | None, limit: int | None, newest: datetime | None) -> tuple[Candle, ...]:
    """Candles ordered by (`window_start`, `symbol`): the newest `limit` a symbol.

    With a symbol and a limit only the newest minutes are read, up to `newest` (the highest `window_start` that
    the files can hold); gaps in time make it read on, further back.
    """
    where = () if symbol is None else (Between("symbol", symbol, symbol),)
    limit = None if limit is None else min(limit, _INT64_MAX)
    table: pa.Table | None = None
    if symbol is not None and limit is not None and limit <= _STEPWISE_MOST and newest is not None:
        for factor in (2, 20):
            since = newest - timedelta(minutes=limit * factor)
            table = _newest(rows((*where, Between("window_start", since))), limit)
            if table.num_rows >= limit:
                break
        else:
            table = None
    if table is None:
        table = _newest(rows(where), limit)
    return tuple(
        Candle(**row) for row in table.sort_by([("window_start", "ascending"), ("symbol", "ascending")]).to_pylist()
    )


def _newest(rows: Iterator[tuple[FileEntry, pa.RecordBatch]], limit: int | None) -> pa.Table:
    kept: pa.Table | None = None
    waiting: list[pa.RecordBatch] = []
    for _, batch in rows:
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
