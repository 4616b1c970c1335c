"""Whether a message is a trade, and if not, why: what `jobs/sql/parse.sql` decides, for one message at a time.

A message that comes too late is judged by its neighbours, so only the job can tell; here it is a trade.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

FIELDS: Final = ("symbol", "ts", "price", "qty", "side")
SIDES: Final = ("BUY", "SELL")
MIN_TS: Final = 946_684_800_000
MAX_TS: Final = 9_999_999_999_999
MAX_FUTURE_MS: Final = 600_000
MAX_BYTES: Final = 65_536
MAX_PRICE: Final = 1e300
MIN_QTY: Final = 1e-18
MAX_QTY: Final = 1e12
MAX_DEPTH: Final = 500
MAX_SYMBOL: Final = 256
MAX_DIGITS: Final = 41

_BLANK = re.compile(rb"\s*")


class _LongNumber(float):
    """A number with more digits than the job reads."""


def problem(value: bytes | None, timestamp_ms: int | None) -> str | None:
    """Why `value` is not a trade, `None` if it is one; `timestamp_ms` is Kafka's time of the message."""
    if value is None:
        return "tombstone"
    if _BLANK.fullmatch(value):
        return "empty"
    if len(value) > MAX_BYTES:
        return f"too large ({len(value)} bytes)"
    found = _parsed(value)
    if isinstance(found, str):
        return found
    return _absent(found) or _mistyped(found) or _out_of_range(found, timestamp_ms)


def _parsed(value: bytes) -> dict[str, Any] | str:
    """The JSON object, or why it is none."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8"
    if "\ufffd" in text:
        return "invalid UTF-8"
    if text.count("[") + text.count("{") >= MAX_DEPTH:
        return "nested too deeply"
    try:
        found = json.loads(text, parse_int=_integer, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return "not JSON: something follows the object" if _object_before(text, error) else "not JSON"
    except ValueError:
        return "not JSON"
    return found if isinstance(found, dict) else "not a JSON object"


def _object_before(text: str, error: json.JSONDecodeError) -> bool:
    return error.msg == "Extra data" and text.lstrip()[:1] == "{"


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else _LongNumber("inf")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _absent(trade: Mapping[str, Any]) -> str | None:
    price = trade.get("price")
    if (
        isinstance(price, float)
        and not isinstance(price, _LongNumber)
        and price > MAX_PRICE
        and not _lost(trade, price)
    ):
        return "price out of range"
    for field in FIELDS:
        if field not in trade:
            return f"missing field {field}"
        if trade[field] is None:
            return f"{field} is null"
    return None


def _lost(trade: Mapping[str, Any], number: object) -> bool:
    """Whether the job cannot read `number`: too many digits, or infinite where it has to rewrite the message."""
    return isinstance(number, _LongNumber) or (number == math.inf and tuple(trade) != FIELDS)


def _mistyped(trade: Mapping[str, Any]) -> str | None:
    if not isinstance(trade["symbol"], str):
        return "symbol is not a text"
    if not _is_integer(trade["ts"]):
        return "ts is not an integer"
    for field in ("price", "qty"):
        if isinstance(trade[field], bool) or not isinstance(trade[field], int | float):
            return f"{field} is not a number"
    if trade["side"] not in SIDES:
        return "side is neither BUY nor SELL"
    return None


def _is_integer(number: object) -> bool:
    return isinstance(number, int | _LongNumber) and not isinstance(number, bool)


def _out_of_range(trade: Mapping[str, Any], timestamp_ms: int | None) -> str | None:
    symbol, ts, price, qty = (trade[field] for field in FIELDS[:4])
    if len(symbol) > MAX_SYMBOL or isinstance(ts, _LongNumber) or _lost(trade, price) or _lost(trade, qty):
        return "symbol too long or number out of range"
    checks = (
        (symbol == "", "symbol is empty"),
        (ts < MIN_TS, "ts before 2000"),
        (ts > MAX_TS, "ts out of range"),
        (timestamp_ms is not None and ts - MAX_FUTURE_MS > timestamp_ms, "ts in the future"),
        (price <= 0, "price is not positive"),
        (qty <= 0, "qty is not positive"),
        (not MIN_QTY <= qty <= MAX_QTY, "qty out of range"),
    )
    return next((reason for wrong, reason in checks if wrong), None)
