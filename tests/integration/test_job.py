"""The job's three rules on the real stack: ledger, candle, bad message."""

from __future__ import annotations

import json
import random
import re
import time
from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.integration.conftest import Lab, silent
from tests.integration.hostile_messages import all_cases, trade

ORDERS = 20
TRADES = 5_000
MINUTES = 30
MOST_LATE_MS = 10 * 60_000
Trade = dict[str, Any]
Row = dict[str, Any]
Message = tuple[int | None, bytes | None, bytes | None]


def rows(lab: Lab, table: str) -> list[Row]:
    return [row for batch in lab.clients.lake.scan(table) for row in batch.to_pylist()]


def now_ms() -> int:
    return int(time.time() * 1000)


def history(start_ms: int, seed: int) -> list[Trade]:
    """`TRADES` trades over `MINUTES` minutes, each in a millisecond of its own."""
    draw = random.Random(seed)
    moments = draw.sample(range(MINUTES * 60_000), TRADES)
    return [
        {
            "ts": start_ms + moment,
            "price": round(draw.uniform(90, 110), 2),
            "qty": draw.choice([round(draw.expovariate(3) + 1e-8, 8), draw.random() + 1e-9]),
            "side": draw.choice(["BUY", "SELL"]),
        }
        for moment in moments
    ]


def disordered(trades: list[Trade], seed: int) -> list[Trade]:
    """`trades` in an order in which each is up to `MOST_LATE_MS` late."""
    draw = random.Random(seed)
    return sorted(trades, key=lambda t: (t["ts"] + draw.uniform(0, MOST_LATE_MS), draw.random()))


def expected_candles(trades: list[Trade]) -> dict[int, tuple[float | int, ...]]:
    """Minute (epoch ms) → open, high, low, close, total, count, buy, sell; by the definition, not by the job."""
    minutes: dict[int, list[Trade]] = defaultdict(list)
    for one in sorted(trades, key=lambda t: t["ts"]):
        minutes[one["ts"] // 60_000 * 60_000].append(one)
    return {minute: candle(found) for minute, found in minutes.items()}


def candle(trades: list[Trade]) -> tuple[float | int, ...]:
    prices = [t["price"] for t in trades]
    buy, sell = (
        sum((Decimal(repr(t["qty"])).quantize(Decimal("1e-18")) for t in trades if t["side"] == side), Decimal(0))
        for side in ("BUY", "SELL")
    )
    high, low = max(prices), min(prices)
    return prices[0], high, low, prices[-1], float(buy + sell), len(trades), float(buy), float(sell)


def stored_candles(lab: Lab) -> dict[str, dict[int, tuple[float | int, ...]]]:
    found: dict[str, dict[int, tuple[float | int, ...]]] = defaultdict(dict)
    for c in lab.clients.lake.candles().candles:
        minute = round(c.window_start.timestamp() * 1000)
        assert minute not in found[c.symbol], "one row a key"
        assert (c.window_end - c.window_start).total_seconds() == 60
        values = (c.open_price, c.high_price, c.low_price, c.close_price)
        found[c.symbol][minute] = (*values, c.total_qty, c.trade_count, c.buy_qty, c.sell_qty)
    return found


def test_candles_do_not_depend_on_the_order_of_arrival(lab: Lab) -> None:
    start = now_ms() // 60_000 * 60_000 - 2 * MINUTES * 60_000
    trades = history(start, seed=42)
    streams = [disordered(trades, seed) for seed in range(ORDERS)]
    draw = random.Random(1)
    messages: list[Message] = [
        (draw.randrange(3), None, json.dumps({"symbol": f"ORDER{n:02}", **stream[i]}).encode())
        for i in range(TRADES)
        for n, stream in enumerate(streams)
    ]
    lab.control.submit(silent)
    step = len(messages) // 4
    for sent in range(0, len(messages), step):  # several commits, so that committed candles are corrected
        lab.send(messages[sent : sent + step])
        lab.committed(min(sent + step, len(messages)))
    assert not rows(lab, "bad_trades")
    stored, expected = stored_candles(lab), expected_candles(trades)
    assert sorted(stored) == [f"ORDER{n:02}" for n in range(ORDERS)]
    for symbol, found in stored.items():
        assert found == expected, symbol
    lab.assert_verified()


def test_hostile_messages_are_kept_with_a_reason(lab: Lab) -> None:
    cases = all_cases(now_ms())
    lab.control.submit(silent)
    lab.send([(0, b"key", value) for _, value, _ in cases])
    lab.committed(len(cases))
    good = {row["kafka_offset"]: row for row in rows(lab, "raw_trades")}
    bad = {row["kafka_offset"]: row for row in rows(lab, "bad_trades")}
    wrong = []
    for offset, (name, value, reason) in enumerate(cases):
        if reason is None:
            parsed = json.loads(value or b"")
            found = good.get(offset, bad.get(offset))
            same = offset in good and all(good[offset][key] == parsed[key] for key in ("symbol", "ts", "price", "qty"))
        else:
            found = bad.get(offset, good.get(offset))
            same = offset in bad and re.fullmatch(reason, bad[offset]["reason"]) is not None
        if not same:
            wrong.append(f"{name}: expected {reason or 'a trade'}, found {str(found)[:200]}")
    assert not wrong, "\n".join(wrong)
    assert len(good) + len(bad) == len(cases)
    assert [row["raw"] for row in bad.values() if row["reason"] == "tombstone"] == [None]
    lab.assert_verified()


def test_a_trade_past_the_bound_is_kept_as_too_late(lab: Lab) -> None:
    bound = (lab.settings.watermark_delay_s + lab.settings.allowed_lateness_s) * 1000
    newest = now_ms() - 60_000
    messages: list[Message] = [
        (0, None, trade(newest)),
        (0, None, trade(newest - bound)),  # just in time
        (0, None, trade(newest - bound - 1)),  # too late
        (1, None, trade(newest - 3 * bound)),  # the first of its partition is never late
        (0, None, trade(newest + 86_400_000)),  # a bad `ts` makes nobody late
        (0, None, trade(newest - bound + 1)),
    ]
    lab.control.submit(silent)
    lab.send(messages[:3])
    lab.committed(3)
    lab.control.cancel()
    lab.control.submit(silent)  # the highest `ts` of a partition survives
    lab.send([*messages[3:], (0, None, trade(newest - bound - 2))])
    lab.committed(7)
    reasons = {(row["kafka_partition"], row["kafka_offset"]): row["reason"] for row in rows(lab, "bad_trades")}
    late = "too late: 3605 s behind its partition"
    assert reasons == {(0, 2): late, (0, 3): "ts in the future", (0, 5): late}
    lab.assert_verified()
