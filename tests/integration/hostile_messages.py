"""Messages that a topic may hold, with what must become of each: a trade (`None`) or a reason (a pattern)."""

from __future__ import annotations

import json
from typing import Any

LEFT_OUT = object()
FIELDS = ("symbol", "ts", "price", "qty", "side")
Case = tuple[str, bytes | None, str | None]


def trade(moment: int, /, **changes: Any) -> bytes:
    """The usual message with `changes`; a field that is `LEFT_OUT` is not there."""
    values = {"symbol": "BTCUSDT", "ts": moment, "price": 42150.5, "qty": 0.15, "side": "BUY"} | changes
    return json.dumps({k: v for k, v in values.items() if v is not LEFT_OUT}, separators=(",", ":")).encode()


def text(ts: int, template: str) -> bytes:
    """`template` with `TS` filled in, for JSON that `json` would not write."""
    return template.replace("TS", str(ts)).encode()


def priced(ts: int, price: str) -> bytes:
    return text(ts, f'{{"symbol":"A","ts":TS,"price":{price},"qty":1,"side":"BUY"}}')


def named(ts: int, symbol: str) -> bytes:
    return text(ts, f'{{"symbol":"{symbol}","ts":TS,"price":1,"qty":1,"side":"BUY"}}')


def good(ts: int) -> list[Case]:
    """Trades, however odd they look."""
    usual = trade(ts)
    return [
        ("usual", usual, None),
        ("spaces", json.dumps(json.loads(usual)).encode(), None),
        ("indented", json.dumps(json.loads(usual), indent=2).encode() + b"\n", None),
        ("other order", text(ts, '{"side":"SELL","qty":1,"price":2,"ts":TS,"symbol":"A"}'), None),
        ("more fields", trade(ts, id="x", more={"price": [1, 2]}), None),
        ("a field before", text(ts, '{"id":7,"symbol":"A","ts":TS,"price":1e2,"qty":1E-3,"side":"BUY"}'), None),
        ("unicode symbol", named(ts, "₿→é"), None),
        ("escaped letter", named(ts, "\\u0042TC"), None),
        ("escaped quotes", named(ts, 'a\\"b\\\\c\\n'), None),
        ("fields in the symbol", named(ts, 'a\\",\\"ts\\":1,\\"price\\":2'), None),
        ("SQL in the symbol", named(ts, "'; DROP TABLE `x`; --"), None),
        ("last of two keys", text(ts, '{"symbol":"A","ts":TS,"price":"x","price":7,"qty":1,"side":"BUY"}'), None),
        ("17 digits", trade(ts, price=0.30000000000000004, qty=0.1234567890123456), None),
        ("60 KB of more", trade(ts, more="y" * 60_000), None),
        ("60 KB of spaces", b"{" + b" " * 60_000 + usual[1:], None),
        ("300 deep", usual[:-1] + b',"more":' + b"[" * 300 + b"]" * 300 + b"}", None),
    ]


def not_json(ts: int) -> list[Case]:
    """What no JSON parser accepts as one object."""
    usual = trade(ts)
    return [
        ("tombstone", None, "tombstone"),
        ("empty", b"", "empty"),
        ("blank", b"  \n ", "empty"),
        ("60 KB of blanks", b" " * 60_000, "empty"),
        ("words", b"hello", "not JSON"),
        ("cut", usual[:-1], "not JSON"),
        ("more behind", usual + b" x", "not JSON.*"),
        ("two", usual + usual, "not JSON.*"),
        ("two with a comma", usual + b"," + usual, "not JSON.*"),
        ("bracket behind", usual + b"]", "not JSON.*"),
        ("single quotes", usual.replace(b'"', b"'"), "not JSON"),
        ("NaN", priced(ts, "NaN"), "not JSON"),
        ("Infinity", priced(ts, "Infinity"), "not JSON"),
        ("leading zero", priced(ts, "01"), "not JSON"),
        ("last comma", usual[:-1] + b",}", "not JSON"),
        ("byte order mark", b"\xef\xbb\xbf" + usual, "not JSON.*"),
        ("control character", named(ts, "A\tB"), "not JSON"),
        ("zero bytes", b"\x00" * 100, "not JSON"),
        ("backslashes", b"\\" * 60_000, "not JSON"),
        ("array", b"[" + usual + b"]", "not a JSON object"),
        ("number", b"5", "not a JSON object"),
        ("string", b'"x"', "not a JSON object"),
        ("null", b"null", "not a JSON object"),
        ("empty array", b"[]", "not a JSON object"),
        ("bytes", b"\x00\xff\xc3\x28", "invalid UTF-8"),
        ("bytes in the symbol", b'{"symbol":"\xff\xfe","ts":%d,"price":1,"qty":1,"side":"BUY"}' % ts, "invalid UTF-8"),
        ("cut character", b'{"symbol":"\xc3', "invalid UTF-8"),
        ("surrogate bytes", usual[:-1] + b',"more":"\xed\xa0\x80"}', "invalid UTF-8"),
        ("900 KB of text", b"x" * 900_000, r"too large \(900000 bytes\)"),
        ("900 KB of JSON", trade(ts, more="y" * 900_000), r"too large \(900\d\d\d bytes\)"),
        ("two-byte letters", "é".encode() * 40_000, r"too large \(80000 bytes\)"),
        ("deep object", b'{"a":' * 9000 + b"1" + b"}" * 9000, "nested too deeply"),
        ("deep array", b"[" * 30_000 + b"]" * 30_000, "nested too deeply"),
        ("deep and open", b"[" * 60_000, "nested too deeply"),
        ("deep inside", usual[:-1] + b',"more":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
    ]


def wrong_fields(ts: int) -> list[Case]:
    """Objects whose five fields are not a trade."""
    cases: list[Case] = []
    for field in FIELDS:
        cases += [
            (f"no {field}", trade(ts, **{field: LEFT_OUT}), f"missing field {field}"),
            (f"null {field}", trade(ts, **{field: None}), f"{field} is null"),
            (f"nested {field}", trade(ts, **{field: {"a": 1}}), f"{field} is n.*"),
            (f"listed {field}", trade(ts, **{field: [1]}), f"{field} is n.*"),
            (f"true {field}", trade(ts, **{field: True}), f"{field} is n.*"),
        ]
    changed: list[tuple[dict[str, Any], str]] = [
        ({"symbol": 5}, "symbol is not a text"),
        ({"symbol": ""}, "symbol is empty"),
        ({"symbol": "A" * 300}, "symbol too long or number out of range"),
        ({"ts": str(ts)}, "ts is not an integer"),
        ({"ts": ts + 0.5}, "ts is not an integer"),
        ({"ts": 1000}, "ts before 2000"),
        ({"ts": 0}, "ts before 2000"),
        ({"ts": -5}, "ts before 2000"),
        ({"ts": ts // 1000}, "ts before 2000"),
        ({"ts": 32_503_680_000_000}, "ts out of range"),
        ({"ts": ts * 1000}, "ts out of range"),
        ({"ts": 10**29}, "ts out of range"),
        ({"ts": ts + 3_600_000}, "ts in the future"),
        ({"price": "1.5"}, "price is not a number"),
        ({"price": 0}, "price is not positive"),
        ({"price": -1.5}, "price is not positive"),
        ({"qty": "1"}, "qty is not a number"),
        ({"qty": 0}, "qty is not positive"),
        ({"qty": -1}, "qty is not positive"),
        ({"qty": 1e-20}, "qty out of range"),
        ({"qty": 1e13}, "qty out of range"),
        ({"side": "buy"}, "side is neither BUY nor SELL"),
        ({"side": "BUY "}, "side is neither BUY nor SELL"),
        ({"side": ""}, "side is neither BUY nor SELL"),
    ]
    cases += [(str(change)[:40], trade(ts, **change), reason) for change, reason in changed]
    return [
        *cases,
        ("-0", priced(ts, "-0"), "price is not positive"),
        ("1e400", priced(ts, "1e400"), "price out of range"),
        ("1e-400", priced(ts, "1e-400"), "price is not positive"),
        ("400 digits", priced(ts, "1" * 400), ".*number out of range"),
        ("empty object", b"{}", "missing field symbol"),
        ("capital key", trade(ts).replace(b"symbol", b"Symbol"), "missing field symbol"),
    ]


def all_cases(ts: int) -> list[Case]:
    """Every message; `ts` is a time that is valid when they are sent, in epoch milliseconds."""
    return [*good(ts), *not_json(ts), *wrong_fields(ts)]
