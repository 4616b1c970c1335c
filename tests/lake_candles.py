"""Rows of the table of candles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.lake_writer import Row
from tui.clients.lake.candles import KEY, VALUES

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def candle(symbol: str, minute: int, close: float) -> Row:
    """The candle of that minute after noon; what is not told is 1."""
    start = NOON + timedelta(minutes=minute)
    values = dict.fromkeys(VALUES, 1.0) | {"trade_count": 1, "close_price": close}
    return {"symbol": symbol, "window_start": start, "window_end": start + timedelta(minutes=1), **values}


def upsert(*rows: Row) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """An equality delete of these candles, as an upsert writes it."""
    return KEY, rows
