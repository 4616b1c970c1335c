"""Values of the live candles: where the tables end, the trades behind that, and both as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from tui.model.candles import Candle

MINUTE_MS = 60_000

Trade = tuple[int, int, int, str, float, float]
"""Partition, offset, `ts` (epoch ms), symbol, price, and quantity: above 0 for a buy, below 0 for a sell."""


class Edge(NamedTuple):
    """A trade that opens or closes a minute: the smallest or largest one in the order of these fields."""

    ts: int
    partition: int
    offset: int
    price: float


class Edges(NamedTuple):
    """The first and the last trade of one symbol's minute."""

    first: Edge
    last: Edge


MinuteKey = tuple[str, int]
"""A symbol and the start of a minute in epoch milliseconds."""


def _none() -> Mapping[int, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Front:
    """Up to where the tables go: every trade below `next_offsets` is in the candles of `snapshot_id`, no other is.

    `snapshot_id` is one of `agg_1m`, `trades_snapshot_id` the one of `raw_trades` with the same stamp; both are
    `None` while nothing is committed. `newest_ts` is the newest committed trade's time (UTC). By partition:
    `next_offsets` is the offset behind the last committed trade, `highest_ts` the newest committed `ts` (epoch ms).
    A partition that is missing in them has no committed trade if `complete`; else it was not searched for.

    When the job was started anew on tables that hold data, only rows of files with a sequence number above
    `candles_after` and `trades_after` are of its run; both are 0 otherwise.
    """

    snapshot_id: int | None = None
    checkpoint_id: int | None = None
    job_id: str | None = None
    newest_ts: datetime | None = None
    next_offsets: Mapping[int, int] = field(default_factory=_none)
    highest_ts: Mapping[int, int] = field(default_factory=_none)
    complete: bool = True
    trades_snapshot_id: int | None = None
    candles_after: int = 0
    trades_after: int = 0


@dataclass(frozen=True, slots=True)
class TailBatch:
    """What the tail has read since it was last asked.

    `trades` are in the order of offsets within a partition. By partition: `positions` is the next offset to read
    (what is below it was read, whether trade or not), `first_times` Kafka's time (epoch ms) of the first message
    that was read, `ends` the topic's end as last told. `error` says in a sentence why nothing comes; `lost` asks for
    a new start, because the topic no longer has the offsets.
    """

    trades: tuple[Trade, ...] = ()
    positions: Mapping[int, int] = field(default_factory=_none)
    first_times: Mapping[int, int] = field(default_factory=_none)
    ends: Mapping[int, int] = field(default_factory=_none)
    error: str | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class LiveView:
    """One symbol's candles: committed rows joined with the trades behind them; times in UTC.

    `candles` are oldest first; `source` of each tells whether it holds a trade that is not committed. `snapshot_id`
    and `checkpoint_id` are what the committed part is of, `newest_committed_at` its newest trade over all symbols.
    `change` is the last price against the first open shown, as a fraction. `rate` counts trades a second of all
    symbols, `tail` those not committed yet, `behind` the messages between the tables and the topic's end.
    `prices` is the last price of each symbol the tail has seen. While the tail starts too far behind the tables to be
    read in full, only minutes from `live_from` on are live. `settled`: first and last prices are certain; while the
    tail is being joined those of a live minute may still be the committed ones. `note` says in a sentence what is not
    as it should be.
    """

    symbol: str
    candles: tuple[Candle, ...] = ()
    snapshot_id: int | None = None
    checkpoint_id: int | None = None
    newest_committed_at: datetime | None = None
    newest_at: datetime | None = None
    last_price: float | None = None
    change: float | None = None
    rate: float | None = None
    tail: int | None = None
    behind: int | None = None
    prices: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    live_from: datetime | None = None
    settled: bool = True
    note: str | None = None
