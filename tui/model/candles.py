"""One-minute candles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Candle:
    """One row of `agg_1m`: prices in quote currency, quantities in base currency, times in UTC."""

    symbol: str
    window_start: datetime
    window_end: datetime
    open_price: float
    high_price: float
    low_price: float
    close_price: float
    total_qty: float
    trade_count: int
    buy_qty: float
    sell_qty: float
    source: Literal["committed", "live"] = "committed"


@dataclass(frozen=True, slots=True)
class CandleSet:
    """Candles ordered by (`window_start`, `symbol`), as of one snapshot of `agg_1m` (`None`: no data yet)."""

    snapshot_id: int | None
    taken_at: datetime
    candles: tuple[Candle, ...]
