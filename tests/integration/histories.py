"""Random histories of keyed rows, what must be left of them, and how they are told to Flink.

A history is a list of steps; everything in one step is in one checkpoint. All histories go through their steps side by
side, in shared tables whose keys begin with the number of the history.
"""

from __future__ import annotations

import base64
import json
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Row = dict[str, Any]
Values = tuple[str, ...]
"""A row in a form that compares exactly: see `exact`."""

STEPS = 6
MOST_EVENTS = 5
PUT, DELETE = "put", "delete"

TYPES = {
    "history": "INT",
    "symbol": "STRING",
    "window_start": "TIMESTAMP_LTZ(6)",
    "window_end": "TIMESTAMP_LTZ(6)",
    "open_price": "DOUBLE",
    "high_price": "DOUBLE",
    "low_price": "DOUBLE",
    "close_price": "DOUBLE",
    "total_qty": "DOUBLE",
    "trade_count": "BIGINT",
    "buy_qty": "DOUBLE",
    "sell_qty": "DOUBLE",
    "day": "DATE",
    "flag": "BOOLEAN",
    "amount": "DECIMAL(38, 18)",
    "ratio": "FLOAT",
    "local_time": "TIMESTAMP(6)",
    "payload": "BYTES",
}
"""The columns of the table of candles behind the number of the history, then one of every other type."""

CANDLE_KEY = ("history", "symbol", "window_start")
ODD_KEY = ("history", "day", "open_price")
"""Columns that may be null, NaN and -0.0."""

SECOND_JOB = STEPS // 2
"""From this step on another job writes."""


@dataclass(frozen=True)
class Table:
    """One table: its key, whether a row may replace the one of its key without telling it, and how it is written.

    The second job writes it with `second_key`. `scoped` leaves the partition out of the columns of equality deletes:
    that they stay within their partition then matters. SQL knows only keys without null and floating-point columns;
    others are told to Iceberg's sink itself.
    """

    name: str
    key: tuple[str, ...]
    upsert: bool = True
    partition: str | None = None
    small_files: bool = False
    second_key: tuple[str, ...] | None = None
    scoped: bool = False

    def key_at(self, step: int) -> tuple[str, ...]:
        """The key by which the rows of this step replace others."""
        return self.second_key if self.second_key and step >= SECOND_JOB else self.key

    def plan(self, step: int) -> dict[str, Any]:
        """What `histories_job.py` has to know of it."""
        options = {
            "format-version": 2,
            "write.upsert.enabled": str(self.upsert).lower(),
        }
        if self.small_files:  # row groups of some hundred rows, and a new file every 1,000 rows
            options |= {"write.target-file-size-bytes": 1024, "write.parquet.row-group-size-bytes": 16_384}
        return {
            "name": self.name,
            "key": [c for c in self.key_at(step) if not self.scoped or c != self.partition],
            "upsert": self.upsert,
            "partition": self.partition,
            "by_sql": self.key == CANDLE_KEY and not self.second_key and not self.scoped,
            "changes": UPSERT if self.upsert else RETRACT,
            "options": options,
        }


UPSERT, RETRACT = "upsert", "retract"
TABLES = (
    Table("upsert_whole", CANDLE_KEY, small_files=True),
    Table("upsert_by_symbol", CANDLE_KEY, partition="symbol"),
    Table("retract_whole", CANDLE_KEY, upsert=False),
    Table("retract_by_symbol", CANDLE_KEY, upsert=False, partition="symbol"),
    Table("retract_scoped", CANDLE_KEY, upsert=False, partition="symbol", scoped=True),
    Table("odd_whole", ODD_KEY),
    Table("odd_by_day", ODD_KEY, partition="day"),
    Table("rekeyed", CANDLE_KEY, second_key=("history", "day")),
)


@dataclass(frozen=True)
class Event:
    """A row is put in the place of the one with its key, or the row with its key is deleted."""

    operation: str
    row: Row


History = tuple[tuple[Event, ...], ...]
"""The events of each step."""

# --- generating

_WIDE = Context(prec=76)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = datetime(2024, 1, 19, 5, 13, tzinfo=UTC)
_ODD_DOUBLES = (0.0, -0.0, 1.0, -1.0, 5e-324, -1.7976931348623157e308, 1.7976931348623157e308, 0.1 + 0.2)
_FEW_DOUBLES = (None, 1.5, 0.0, -0.0, float("nan"), float("-inf"))
_NOT_FINITE = (float("nan"), float("inf"), float("-inf"))
_SYMBOLS = ("BTCUSDT", "", "é₿→ 漢", "a/b=c%20d", "null", "x" * 40)
_DAYS = (None, date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31))
_TIMES = (
    _MINUTE,
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1, 1, 1, tzinfo=UTC),
)


def row_of(symbol: str, minute: int, grain: int) -> Row:
    """A row of that key whose values follow from `grain`; `history` is set later."""
    pick = random.Random(grain)
    start = _MINUTE + minute * timedelta(minutes=1)
    local = _time(pick)
    return {
        "history": -1,
        "symbol": symbol,
        "window_start": start,
        "window_end": pick.choice((start + timedelta(minutes=1), _time(pick))),
        "open_price": pick.choice(_FEW_DOUBLES),
        **{c: _double(pick) for c in ("high_price", "low_price", "close_price", "total_qty", "buy_qty", "sell_qty")},
        "trade_count": pick.choice((None, -(2**63), 2**63 - 1, pick.getrandbits(20))),
        "day": pick.choice(_DAYS),
        "flag": pick.choice((None, True, False)),
        "amount": pick.choice((None, Decimal(pick.randint(1 - 10**38, 10**38 - 1)).scaleb(-18, _WIDE))),
        "ratio": pick.choice((None, *_NOT_FINITE, -0.0, struct.unpack(">f", pick.randbytes(4))[0])),
        "local_time": local and local.replace(tzinfo=None),
        "payload": pick.choice((None, pick.randbytes(pick.randrange(20)))),
    }


def _double(pick: random.Random) -> float | None:
    any_bits: float = struct.unpack(">d", pick.randbytes(8))[0]
    return pick.choice((None, any_bits, pick.uniform(-1e6, 1e6), pick.choice(_ODD_DOUBLES), pick.choice(_NOT_FINITE)))


def _time(pick: random.Random) -> datetime | None:
    return pick.choice((None, pick.choice(_TIMES), _MINUTE + timedelta(microseconds=pick.randrange(10**15))))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to `MOST_EVENTS` events a step on a few keys: keys come again within a step and in later ones."""
    symbols = draw(st.lists(st.sampled_from(_SYMBOLS), min_size=1, max_size=2, unique=True))
    keys = [(s, minute) for s in symbols for minute in range(draw(st.integers(1, 3)))]
    event = st.builds(
        lambda operation, key, grain: Event(operation, row_of(*key, grain)),
        st.sampled_from((PUT, PUT, PUT, DELETE)),
        st.sampled_from(keys),
        st.integers(0, 2**32 - 1),
    )
    steps = st.lists(st.lists(event, max_size=MOST_EVENTS), min_size=STEPS, max_size=STEPS).filter(any)
    return tuple(map(tuple, draw(steps)))


def generate(count: int, number: int) -> list[History]:
    """`count` distinct histories, the same for the same seed `number` and the same code."""
    found: dict[str, History] = {}
    while len(found) < count:

        @seed(number)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        @given(histories())
        def take(history: History) -> None:
            found[repr(history)] = history

        take()
        number += 1
    return [numbered(history, n) for n, history in enumerate(list(found.values())[:count])]


def numbered(history: History, number: int) -> History:
    return tuple(tuple(Event(e.operation, e.row | {"history": number}) for e in step) for step in history)


# --- what must be left


def key_of(columns: Sequence[str], row: Mapping[str, Any]) -> Values:
    return tuple(exact(TYPES[c], row[c]) for c in columns)


def expected(table: Table, history: History) -> list[list[Values]]:
    """The sorted rows of the history after each step."""
    rows: list[Row] = []
    found = []
    for step, events in enumerate(history):
        columns = table.key_at(step)
        for event in events:
            key = key_of(columns, event.row)
            rows = [row for row in rows if key_of(columns, row) != key]
            rows += [event.row] if event.operation == PUT else []
        found.append(sorted(exactly(row) for row in rows))
    return found


def counted(found: Iterable[History]) -> Counter[str]:
    """How often each kind of event is in the histories, by the candle's key."""
    kinds: Counter[str] = Counter()
    for history in found:
        state: dict[Values, Row] = {}
        for events in history:
            touched: set[Values] = set()
            for event in events:
                key, start, put = key_of(CANDLE_KEY, event.row), event.row["window_start"], event.operation == PUT
                kinds["late"] += any(start < row["window_start"] for row in state.values())
                kinds["rewritten in one checkpoint"] += key in touched
                kinds["corrected in a later checkpoint"] += put and key in state and key not in touched
                kinds["inserted"] += put and key not in state
                kinds["deleted"] += not put and key in state
                touched.add(key)
                if put:
                    state[key] = event.row
                else:
                    state.pop(key, None)
    return kinds


# --- telling Flink


def messages(found: Sequence[History]) -> list[list[tuple[int, bytes]]]:
    """For each step its messages as (number of the history, Debezium's JSON), in order within a history."""
    steps: list[list[tuple[int, bytes]]] = [[] for _ in range(STEPS)]
    for number, history in enumerate(found):
        state: dict[Values, Row] = {}
        for step, events in enumerate(history):
            steps[step] += [(number, message) for event in events for message in changes(state, event)]
    return steps


def changes(state: dict[Values, Row], event: Event) -> Iterator[bytes]:
    """The change for the tables of either kind; `state` is what there is by the candle's key, and is changed too."""
    key = key_of(CANDLE_KEY, event.row)
    before = state.get(key)
    if event.operation == PUT:
        state[key] = event.row
        for target in (UPSERT, RETRACT):
            yield change(target, "c" if before is None else "u", before, event.row)
    else:
        yield change(UPSERT, "d", event.row, None)  # an upsert may delete what is not there
        if before is not None:
            yield change(RETRACT, "d", state.pop(key), None)


def change(target: str, operation: str, before: Row | None, after: Row | None) -> bytes:
    images = [row and {"target": target, **{c: told(v) for c, v in row.items()}} for row in (before, after)]
    return json.dumps({"before": images[0], "after": images[1], "op": operation}).encode()


def told(value: Any) -> Any:
    """A value as Flink's JSON format reads it; numbers as text, which it parses exactly."""
    if isinstance(value, float):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
    return value.isoformat() if isinstance(value, date) else value


def untold(row: Mapping[str, Any]) -> Row:
    """A row of Flink's JSON; its numbers with a point are still text."""
    return {
        column: value if value is None else _UNTOLD.get(kind, _as_is)(value)
        for column, kind, value in ((c, k, row.get(c)) for c, k in TYPES.items())
    }


def _as_is(value: Any) -> Any:
    return value


_UNTOLD: Mapping[str, Callable[[Any], Any]] = {
    "DOUBLE": float, "FLOAT": float, "DECIMAL(38, 18)": Decimal, "DATE": date.fromisoformat, "BYTES": base64.b64decode,
    "TIMESTAMP_LTZ(6)": datetime.fromisoformat, "TIMESTAMP(6)": datetime.fromisoformat,
}  # fmt: skip


# --- comparing


def exactly(row: Mapping[str, Any]) -> Values:
    return tuple(exact(kind, row[column]) for column, kind in TYPES.items())


def exact(kind: str, value: Any) -> str:
    """A value so that two are equal exactly when they are the same: NaN is itself, -0.0 is not 0.0, null is empty."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "nan" if value != value else struct.pack(">f" if kind == "FLOAT" else ">d", value).hex()
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return str((moment - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bytes):
        return f"x{value.hex()}"
    if isinstance(value, Decimal):
        return f"{value:.18f}"
    return str(value)
