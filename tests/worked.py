"""Queries, and what the worked ones have to say, computed from trades and candles in plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from tui.clients.lake import LakeClient

ENDLESS = "SELECT COUNT(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
"""Ends only when it is cancelled."""
KINDS = ("data", "position deletes", "equality deletes")


@dataclass(frozen=True)
class Trade:
    """A row of `raw_trades`."""

    symbol: str
    ts: int
    price: float
    qty: float
    side: str
    event_time: datetime
    kafka_partition: int
    kafka_offset: int


@dataclass(frozen=True)
class Candle:
    """What the queries look at of a row of `agg_1m`."""

    symbol: str
    window_start: datetime
    window_end: datetime
    open_price: float
    close_price: float


def candles_of(trades: list[Trade]) -> list[Candle]:
    """The candles that these trades make; first and last by (`ts`, partition, offset)."""
    minutes: dict[tuple[str, int], list[Trade]] = {}
    for t in sorted(trades, key=lambda t: (t.ts, t.kafka_partition, t.kafka_offset)):
        minutes.setdefault((t.symbol, t.ts // 60_000), []).append(t)
    found = []
    for (symbol, minute), own in minutes.items():
        start = datetime.fromtimestamp(minute * 60, UTC)
        found.append(Candle(symbol, start, start + timedelta(minutes=1), own[0].price, own[-1].price))
    return found


def trades_of(lake: LakeClient) -> list[Trade]:
    """All rows of `raw_trades`."""
    return [Trade(**row) for batch in lake.scan("raw_trades") for row in batch.to_pylist()]


def deletes_of(lake: LakeClient) -> list[tuple[object, ...]]:
    """What `deletes` has to say: the live files of `agg_1m` by kind, and their rows."""
    meta = lake.metadata("agg_1m")
    assert meta.current_id is not None
    files = lake.files(meta, meta.current_id)
    return [
        (kind, len(own), sum(f.records for f in own))
        for n, kind in enumerate(KINDS)
        if (own := [f for f in files if f.content == n])
    ]


def expected(trades: list[Trade], candles: list[Candle]) -> dict[str, list[tuple[object, ...]]]:
    """The rows of each query, by name."""
    return {
        "vwap": [
            _vwap(symbol, [t for t in trades if t.symbol == symbol]) for symbol in sorted({t.symbol for t in trades})
        ],
        "top_movers": _movers(candles),
        "gaps": _gaps(candles),
        "late_trades": _late(trades),
    }


def _vwap(symbol: str, trades: list[Trade]) -> tuple[object, ...]:
    quantity = sum((Decimal(str(t.qty)) for t in trades), Decimal(0))
    notional = sum((Decimal(str(t.price)) * Decimal(str(t.qty)) for t in trades), Decimal(0))
    return (symbol, len(trades), float(notional) / float(quantity), float(quantity))


def _movers(candles: list[Candle]) -> list[tuple[object, ...]]:
    newest = max(c.window_start for c in candles)
    rows: list[tuple[str, float, float, float, int]] = []
    for symbol in {c.symbol for c in candles}:
        own = [c for c in candles if c.symbol == symbol and c.window_start > newest - timedelta(hours=1)]
        if own:
            own.sort(key=lambda c: c.window_start)
            first, last = own[0].open_price, own[-1].close_price
            rows.append((symbol, first, last, (last - first) * 100.0 / first, len(own)))
    return [tuple(r) for r in sorted(rows, key=lambda r: (-r[3], r[0]))]


def _gaps(candles: list[Candle]) -> list[tuple[object, ...]]:
    ordered = sorted(candles, key=lambda c: (c.symbol, c.window_start))
    pairs = pairwise(ordered)
    return [(b.symbol, a.window_end, b.window_start) for a, b in pairs if _apart(a, b)]


def _apart(a: Candle, b: Candle) -> bool:
    return a.symbol == b.symbol and a.window_end < b.window_start


def _late(trades: list[Trade]) -> list[tuple[object, ...]]:
    newest: dict[int, int] = {}
    behind: dict[str, list[int]] = {}
    for t in sorted(trades, key=lambda t: (t.kafka_partition, t.kafka_offset)):
        newest[t.kafka_partition] = max(newest.get(t.kafka_partition, t.ts), t.ts)
        if (by := newest[t.kafka_partition] - t.ts) > 5000:
            behind.setdefault(t.symbol, []).append(by)
    return [(symbol, len(by), max(by)) for symbol, by in sorted(behind.items())]
