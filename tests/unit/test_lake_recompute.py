"""Candles recomputed from trades, beside a plain Python model of the rules."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tui.clients.lake import recompute
from tui.clients.lake.recompute import EMPTY, Candles, decimals

Trade = dict[str, Any]


def trades(seed: int, count: int) -> list[Trade]:
    chance = random.Random(seed)
    return [
        {
            "symbol": chance.choice(["A", "B", "Ç"]),
            "ts": 1_700_000_000_000 + chance.randrange(0, 600_000),
            "price": round(chance.uniform(1, 100), 4),
            "qty": round(chance.uniform(0.0001, 5), chance.choice([1, 4, 8])),
            "side": chance.choice(["BUY", "SELL"]),
            "kafka_partition": chance.randrange(3),
            "kafka_offset": offset,
        }
        for offset in range(count)
    ]


def model(rows: Sequence[Trade]) -> list[Trade]:
    groups: dict[tuple[str, int], list[Trade]] = defaultdict(list)
    for row in rows:
        groups[row["symbol"], row["ts"] // 60_000].append(row)
    candles = []
    for (symbol, minute), group in groups.items():
        group.sort(key=lambda r: (r["ts"], r["kafka_partition"], r["kafka_offset"]))
        buy, sell = (sum(Decimal(repr(r["qty"])) for r in group if r["side"] == s) for s in ("BUY", "SELL"))
        prices = [r["price"] for r in group]
        values = (
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            float(buy + sell),
            len(group),
            float(buy),
            float(sell),
        )
        candles.append((symbol, minute * 60_000_000, *values))
    return sorted(candles)


def computed(rows: Sequence[Trade], batch: int = 100) -> list[Any]:
    candles = Candles()
    parts = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    candles.add(pa.RecordBatch.from_pylist(list(p), schema=EMPTY.schema) for p in parts)
    assert candles.trades == len(rows)
    table = candles.table()
    table = table.set_column(1, "window_start", table["window_start"].cast(pa.int64()))
    return sorted(tuple(r.values()) for r in table.to_pylist())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("compact", [10, 1_000_000])
def test_equal_to_the_model_in_any_order(seed: int, compact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "_COMPACT_ROWS", compact)
    rows = trades(seed, 2_000)
    expected = model(rows)
    random.Random(seed).shuffle(rows)
    assert computed(rows, batch=37) == expected


def test_trades_of_one_millisecond_are_ordered_by_partition_and_offset() -> None:
    base = {"symbol": "A", "ts": 60_000, "qty": 1.0, "side": "BUY"}
    places = [(1, 5, 10.0), (0, 9, 20.0), (0, 10, 30.0), (2, 1, 40.0)]
    rows = [{**base, "kafka_partition": p, "kafka_offset": o, "price": price} for p, o, price in places]
    ((_, start, opened, _, _, closed, *_),) = computed(rows)
    assert (start, opened, closed) == (60_000_000, 20.0, 40.0)


def test_minutes_before_1970_are_floored() -> None:
    row = {"symbol": "A", "ts": -1, "price": 1.0, "qty": 1.0, "side": "SELL", "kafka_partition": 0, "kafka_offset": 0}
    assert computed([row])[0][1] == -60_000_000


def test_nothing() -> None:
    assert computed([]) == []


def test_quantities_are_rounded_half_up_at_18_places() -> None:
    values = [0.1, 1e-7, 1.5e-18, 2.5e-18, 1.23456789e-10, 1e12, None]
    texts = ["0.1", "1E-7", "2E-18", "3E-18", "0.000000000123456789", "1000000000000", None]
    assert decimals(pa.array(values)).to_pylist() == [None if t is None else Decimal(t) for t in texts]
