"""Trades as a seeded random walk, and the faults that a real feed has; pure, standard library only.

The same seed, symbols, faults and times give the same bytes. Nothing here reads a clock: every time comes in as
epoch milliseconds (UTC).
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

DEFAULT_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
START_PRICES = {"BTCUSDT": 42_150.0, "ETHUSDT": 2_520.0, "SOLUSDT": 98.0}
"""Where the walk of a known symbol starts, in quote currency."""
DEFAULT_START_PRICE = 100.0
MEDIAN_NOTIONAL = 1_000.0
"""Half of all trades are smaller than this, in quote currency."""

_STEP = 2e-4  # standard deviation of one step, relative to the start price
_PULL = 2e-5  # share of the distance to the start price taken back each step: keeps the walk positive and finite
_TABLE_MASK = 0xFFF  # 4,096 pre-drawn values: one draw of random bits a trade is all that full speed affords
_HUGE_BYTES = 900_000  # below Kafka's default message.max.bytes of 1 MiB
_HUGE_SHARE = 0.01  # of the bad messages: at full speed more of them would only measure the network

Kind = Literal["trade", "late", "bad", "duplicate"]
Trade = dict[str, str | int | float]
Encode = Callable[[Trade], bytes]
Break = Callable[[Trade], bytes | None]


class Event(NamedTuple):
    """One Kafka message to send; `value` is `None` for a tombstone."""

    key: bytes
    value: bytes | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares (0 to 1) of all messages; a late trade is up to `late_by_ms` behind the time it was made at."""

    late: float = 0.0
    bad: float = 0.0
    duplicates: float = 0.0
    late_by_ms: int = 600_000

    def __post_init__(self) -> None:
        shares = (self.late, self.bad, self.duplicates)
        if not all(0.0 <= share <= 1.0 for share in shares) or sum(shares) > 1.0 + 1e-9:
            raise ValueError("late, bad and duplicates must each be from 0 to 1, and together no more than 1")
        if self.late_by_ms < 1:
            raise ValueError("late trades must be late by at least 1 ms")


def encode_json(trade: Mapping[str, object]) -> bytes:
    """Compact JSON in UTF-8, by the standard library."""
    return json.dumps(trade, separators=(",", ":"), ensure_ascii=False).encode()


def _with(**changed: object) -> Break:
    return lambda trade: encode_json({**trade, **changed})


def _without(field: str) -> Break:
    return lambda trade: encode_json({name: value for name, value in trade.items() if name != field})


def _raw(value: bytes | None) -> Break:
    return lambda _: value


HOSTILE: dict[str, Break] = {
    "tombstone": _raw(None),
    "empty": _raw(b""),
    "blank": _raw(b"  \n"),
    "not_json": _raw(b"BTCUSDT;1705641234567;42150.5"),
    "truncated": lambda trade: encode_json(trade)[:40],
    "array": lambda trade: b"[" + encode_json(trade) + b"]",
    "scalar": _raw(b"42"),
    "json_null": _raw(b"null"),
    "empty_object": _raw(b"{}"),
    "binary": _raw(b"\x00\x01\x02\xff\xfe"),
    "invalid_utf8": lambda trade: encode_json(trade).replace(b'{"symbol":"', b'{"symbol":"\xff\xfe', 1),
    "missing_symbol": _without("symbol"),
    "missing_ts": _without("ts"),
    "missing_price": _without("price"),
    "missing_qty": _without("qty"),
    "missing_side": _without("side"),
    "null_symbol": _with(symbol=None),
    "null_price": _with(price=None),
    "nested_price": _with(price={"amount": 1}),
    "price_is_list": _with(price=[1, 2]),
    "price_is_text": _with(price="expensive"),
    "qty_is_bool": _with(qty=True),
    "ts_is_text": _with(ts="yesterday"),
    "price_nan": _with(price=float("nan")),
    "qty_nan_text": _with(qty="NaN"),
    "price_infinite": lambda trade: encode_json(trade).replace(b'"price":', b'"price":1e999,"was":', 1),
    "price_negative": _with(price=-1.5),
    "price_zero": _with(price=0),
    "qty_negative": _with(qty=-0.5),
    "qty_zero": _with(qty=0.0),
    "ts_zero": _with(ts=0),
    "ts_negative": _with(ts=-1),
    "ts_in_seconds": _with(ts=1_705_641_234),
    "ts_year_3000": _with(ts=32_503_680_000_000),
    "ts_overflow": _with(ts=99_999_999_999_999_999_999),
    "huge": lambda trade: encode_json({**trade, "padding": "x" * _HUGE_BYTES}),
}
"""Every way to break a valid trade that must land in `bad_trades`, by name.

`huge` is complete but for its size: an extra field of 900 KB.
"""
_SMALL = tuple(name for name in HOSTILE if name != "huge")


def _steps(draw: random.Random) -> list[float]:
    """Normal steps around exactly 0, so that the walk has no drift of its own; drawn once, picked at random."""
    steps = [draw.gauss(0.0, _STEP) for _ in range(_TABLE_MASK + 1)]
    mean = math.fsum(steps) / len(steps)
    return [step - mean for step in steps]


def _quantities(draw: random.Random, price: float) -> list[float]:
    """Log-normal quantities in base currency, 6 decimals, never 0; drawn once, picked at random."""
    median = MEDIAN_NOTIONAL / price
    return [max(1e-6, round(median * draw.lognormvariate(0.0, 1.0), 6)) for _ in range(_TABLE_MASK + 1)]


class Market:
    """Makes messages: one seeded walk a symbol, with faults mixed in."""

    def __init__(
        self,
        symbols: tuple[str, ...] = DEFAULT_SYMBOLS,
        seed: int = 0,
        faults: Faults | None = None,
        encode: Encode = encode_json,
    ) -> None:
        if not symbols:
            raise ValueError("at least one symbol is needed")
        self._symbols = symbols
        self._keys = [symbol.encode() for symbol in symbols]
        self._starts = [START_PRICES.get(symbol, DEFAULT_START_PRICE) for symbol in symbols]
        self._prices = list(self._starts)
        self._faults = faults or Faults()
        self._encode = encode
        self._walk = random.Random(seed)
        self._steps = _steps(self._walk)
        self._quantities = [_quantities(self._walk, start) for start in self._starts]
        self._chance = random.Random(~seed)  # apart from the walk: faults do not change the prices around them
        bad = self._faults.bad
        self._bad_below = bad
        self._duplicate_below = bad + self._faults.duplicates
        self._late_below = self._duplicate_below + self._faults.late
        self._last: Event | None = None

    def trade(self, now_ms: int) -> Event:
        """The next valid trade, made at `now_ms`."""
        draw = self._walk.getrandbits(48)
        index = (draw >> 24) % len(self._keys)
        start, price = self._starts[index], self._prices[index]
        step = self._steps[draw & _TABLE_MASK]
        price += start * step + (start - price) * _PULL
        self._prices[index] = price
        trade: Trade = {
            "symbol": self._symbols[index],
            "ts": now_ms,
            "price": max(0.01, round(price, 2)),
            "qty": self._quantities[index][(draw >> 12) & _TABLE_MASK],
            "side": "BUY" if step >= 0.0 else "SELL",
        }
        return Event(self._keys[index], self._encode(trade), "trade")

    def next(self, now_ms: int) -> Event:
        """The next message at `now_ms`: a trade, or with the chance of each fault a late, bad or doubled one."""
        if not self._late_below:
            return self.trade(now_ms)
        chance = self._chance.random()
        if chance < self._bad_below:
            return self._bad(now_ms)
        if chance < self._duplicate_below and self._last is not None:
            return self._last._replace(kind="duplicate")
        if self._duplicate_below <= chance < self._late_below:
            behind = self._chance.randint(1, self._faults.late_by_ms)
            event = self.trade(now_ms - behind)._replace(kind="late")
        else:
            event = self.trade(now_ms)
        self._last = event
        return event

    def _bad(self, now_ms: int) -> Event:
        index = int(self._chance.random() * len(self._symbols))
        trade: Trade = {
            "symbol": self._symbols[index],
            "ts": now_ms,
            "price": self._starts[index],
            "qty": 0.5,
            "side": "SELL",
        }
        name = "huge" if self._chance.random() < _HUGE_SHARE else self._chance.choice(_SMALL)
        return Event(self._keys[index], HOSTILE[name](trade), "bad")


def history_times(end_ms: int, duration_s: float, per_second: float) -> Iterator[int]:
    """Evenly spread times (epoch ms), ascending, over the `duration_s` that end at `end_ms`."""
    count = int(duration_s * per_second)
    start_ms = end_ms - round(duration_s * 1000)
    return (start_ms + (number * (end_ms - start_ms)) // count for number in range(1, count + 1))
