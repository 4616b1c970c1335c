"""Candles from raw trades, in Arrow and in bounded memory: the independent side of the candle check.

The rules are those of the job: the minute is `floor(ts / 60000)`, open and close are the first and last trade by
(ts, partition, offset), quantities are summed as decimals of their shortest text, half up at 18 places.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

TRADE_COLUMNS = ("symbol", "ts", "price", "qty", "side", "kafka_partition", "kafka_offset")
MINUTE_MS = 60_000
_KEYS = ["symbol", "minute"]
_ORDER = ("ts", "kafka_partition", "kafka_offset")
_QUANTITY = pa.decimal128(38, 18)
_PLACES = Decimal(1).scaleb(-18)
_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
_COMPACT_ROWS = 500_000


class Candles:
    """Adds up trades, batch by batch; the state is one row a candle."""

    def __init__(self) -> None:
        self.trades = 0
        self._done: pa.Table | None = None
        self._waiting: list[pa.Table] = []

    def add(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take up trades with the columns `TRADE_COLUMNS`."""
        for batch in batches:
            self.trades += batch.num_rows
            self._waiting.append(_reduce(_single(batch)))
            if sum(t.num_rows for t in self._waiting) > _COMPACT_ROWS:
                self._compact()

    def table(self) -> pa.Table:
        """The candles so far, with the columns of `agg_1m` except `window_end`; `window_start` in UTC."""
        self._compact()
        done = self._done
        if done is None:
            done = _reduce(_single(EMPTY))
        starts = pc.multiply(done["minute"], MINUTE_MS * 1000).cast(pa.timestamp("us", tz="UTC"))
        columns = {"symbol": done["symbol"], "window_start": starts}
        columns |= {f"{name}_price": done[name] for name in ("open", "high", "low", "close")}
        buys, sells = done["buy"].to_pylist(), done["sell"].to_pylist()
        columns["total_qty"] = _doubles([_EXACT.add(b, s) for b, s in zip(buys, sells, strict=True)])
        columns["trade_count"] = done["count"]
        columns |= {"buy_qty": _doubles(buys), "sell_qty": _doubles(sells)}
        return pa.table(columns)

    def _compact(self) -> None:
        parts = [*([self._done] if self._done is not None else []), *self._waiting]
        if parts:
            self._done, self._waiting = _reduce(pa.concat_tables(parts)), []


EMPTY = pa.RecordBatch.from_pydict(
    {
        "symbol": pa.array([], pa.string()),
        "ts": pa.array([], pa.int64()),
        "price": pa.array([], pa.float64()),
        "qty": pa.array([], pa.float64()),
        "side": pa.array([], pa.string()),
        "kafka_partition": pa.array([], pa.int32()),
        "kafka_offset": pa.array([], pa.int64()),
    }
)


def _single(batch: pa.RecordBatch) -> pa.Table:
    """Every trade as a candle of its own."""
    quantity = decimals(pc.fill_null(batch["qty"], 0.0))
    nothing = pa.scalar(Decimal(0), _QUANTITY)
    buys = pc.equal(batch["side"], "BUY")
    columns = {
        "symbol": batch["symbol"],
        "minute": _floor_minutes(batch["ts"]),
        "count": pa.repeat(pa.scalar(1, pa.int64()), batch.num_rows),
        "buy": pc.if_else(buys, quantity, nothing),
        "sell": pc.if_else(pc.equal(batch["side"], "SELL"), quantity, nothing),
    }
    for name in ("open", "close"):
        columns[name] = batch["price"]
        columns |= {f"{name}_{key}": batch[key].cast(pa.int64()) for key in _ORDER}
    return pa.table(columns | {"high": batch["price"], "low": batch["price"]})


def _floor_minutes(ts: pa.Array) -> pa.Array:
    quotient = pc.divide(ts, MINUTE_MS)  # rounds towards zero
    below = pc.less(pc.subtract(ts, pc.multiply(quotient, MINUTE_MS)), 0)
    return pc.subtract(quotient, below.cast(pa.int64()))


def decimals(values: pa.Array) -> pa.Array:
    """Doubles as DECIMAL(38, 18) of their shortest text, half up, as Flink's CAST makes them."""
    try:
        return values.cast(pa.string()).cast(_QUANTITY)
    except pa.ArrowInvalid:  # more than 18 places somewhere
        texts = values.cast(pa.string()).to_pylist()
        rounded = [None if t is None else Decimal(t).quantize(_PLACES, context=_EXACT) for t in texts]
        return pa.array(rounded, _QUANTITY)


def _doubles(values: Iterable[Decimal]) -> pa.Array:
    """Correctly rounded, which Arrow's own cast does not promise."""
    return pa.array([float(v) for v in values], pa.float64())


def _reduce(parts: pa.Table) -> pa.Table:
    """Partial candles merged to one a (symbol, minute), sorted by it."""
    first = _edge(parts, "open", "first")
    last = _edge(parts, "close", "last")
    rest = parts.select([*_KEYS, "count", "buy", "sell", "high", "low"]).group_by(_KEYS)
    sums = rest.aggregate([("count", "sum"), ("buy", "sum"), ("sell", "sum"), ("high", "max"), ("low", "min")])
    sums = sums.sort_by([(k, "ascending") for k in _KEYS])
    columns = {name: sums[name] for name in _KEYS}
    for name, how in (("count", "sum"), ("buy", "sum"), ("sell", "sum"), ("high", "max"), ("low", "min")):
        columns[name] = sums[f"{name}_{how}"]
    columns |= {"buy": columns["buy"].cast(_QUANTITY), "sell": columns["sell"].cast(_QUANTITY)}
    return pa.table(columns | first | last)


def _edge(parts: pa.Table, name: str, which: str) -> dict[str, pa.ChunkedArray]:
    """The price of the first or last trade a key, with what orders it."""
    order = [f"{name}_{key}" for key in _ORDER]
    columns = [name, *order]
    ordered = parts.select([*_KEYS, *columns]).sort_by([(o, "ascending") for o in order])
    picked = ordered.group_by(_KEYS, use_threads=False).aggregate([(c, which) for c in columns])
    picked = picked.sort_by([(k, "ascending") for k in _KEYS])
    return {c: picked[f"{c}_{which}"] for c in columns}
