"""The trades that the producer makes: repeatable, plausible, and broken exactly as often as asked."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "producer"))

from events import (
    HOSTILE,
    START_PRICES,
    Event,
    Faults,
    Market,
    encode_json,
    history_times,
)

NOW_MS = 1_705_641_234_567
TRADE = {"symbol": "BTCUSDT", "ts": NOW_MS, "price": 42150.5, "qty": 0.15, "side": "BUY"}


def take(count: int, faults: Faults | None = None, seed: int = 7, **market: object) -> list[Event]:
    source = Market(seed=seed, faults=faults, **market)
    return [source.next(NOW_MS + number) for number in range(count)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    faults = Faults(late=0.1, bad=0.1, duplicates=0.1)
    assert take(2_000, faults) == take(2_000, faults)
    assert take(100, faults) != take(100, faults, seed=8)


def test_faults_do_not_change_the_trades_around_them() -> None:
    clean = [json.loads(e.value)["price"] for e in take(1_000)]
    broken = take(1_500, Faults(bad=0.3))
    prices = [json.loads(e.value)["price"] for e in broken if e.kind == "trade"]
    assert prices[:900] == clean[:900]


def test_a_trade_has_the_shape_of_the_message() -> None:
    for event in take(5_000):
        trade = json.loads(event.value)
        assert list(trade) == ["symbol", "ts", "price", "qty", "side"]
        assert event.key == trade["symbol"].encode()
        assert trade["price"] > 0
        assert round(trade["price"], 2) == trade["price"]
        assert trade["qty"] > 0
        assert round(trade["qty"], 8) == trade["qty"]
        assert trade["side"] in ("BUY", "SELL")


def test_prices_walk_around_their_start_and_never_run_away() -> None:
    prices: dict[str, list[float]] = {}
    for event in take(100_000):
        trade = json.loads(event.value)
        prices.setdefault(trade["symbol"], []).append(trade["price"])
    for symbol, start in START_PRICES.items():
        assert abs(prices[symbol][0] / start - 1) < 0.01
        assert 0.6 * start < min(prices[symbol]) < max(prices[symbol]) < 1.6 * start
        assert len(set(prices[symbol])) > 200


def test_unknown_symbols_get_a_price_and_all_symbols_trade() -> None:
    events = take(300, symbols=("AAA", "BBB"))
    assert Counter(e.key for e in events).keys() == {b"AAA", b"BBB"}
    assert 90 < json.loads(events[0].value)["price"] < 110


def test_faults_come_as_often_as_asked() -> None:
    total = 50_000
    kinds = Counter(e.kind for e in take(total, Faults(late=0.02, bad=0.01, duplicates=0.03)))
    assert kinds["late"] / total == pytest.approx(0.02, abs=0.003)
    assert kinds["bad"] / total == pytest.approx(0.01, abs=0.003)
    assert kinds["duplicate"] / total == pytest.approx(0.03, abs=0.003)


def test_no_faults_unless_asked() -> None:
    assert {e.kind for e in take(1_000)} == {"trade"}


def test_late_trades_are_late_by_no_more_than_the_bound() -> None:
    source = Market(seed=1, faults=Faults(late=1.0, late_by_ms=60_000))
    behind = [NOW_MS - json.loads(source.next(NOW_MS).value)["ts"] for _ in range(2_000)]
    assert min(behind) >= 1
    assert 50_000 < max(behind) <= 60_000


def test_a_duplicate_is_the_message_before_once_more() -> None:
    events = take(2_000, Faults(late=0.2, duplicates=0.3))
    for before, event in itertools.pairwise(events):
        if event.kind == "duplicate":
            assert (event.key, event.value) == (before.key, before.value)


def test_the_first_message_cannot_be_a_duplicate() -> None:
    assert take(1, Faults(duplicates=1.0))[0].kind == "trade"


def is_valid(value: bytes | None) -> bool:
    """The message rule, written once more and on its own."""

    def number(text: str) -> float:
        return float(text)

    try:
        trade = json.loads((value or b"").decode(), parse_constant=number)
    except ValueError:
        return False
    if not isinstance(trade, dict) or len(value or b"") > 100_000:
        return False
    texts = all(isinstance(trade.get(name), str) for name in ("symbol", "side"))
    kinds = texts and type(trade.get("ts")) is int
    kinds = kinds and all(type(trade.get(name)) in (int, float) for name in ("price", "qty"))
    if not kinds:
        return False
    positive = all(0 < trade[name] < float("inf") for name in ("price", "qty"))
    return positive and 1_000_000_000_000 <= trade["ts"] <= NOW_MS + 86_400_000


def test_the_rule_accepts_a_trade() -> None:
    assert is_valid(encode_json(TRADE))


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_message_breaks_the_rule(name: str) -> None:
    value = HOSTILE[name](dict(TRADE))
    assert not is_valid(value)
    assert value != encode_json(TRADE)
    assert len(value or b"") < 1_000_000  # Kafka's own limit: it must arrive


def test_bad_messages_are_of_many_kinds() -> None:
    values = {e.value for e in take(3_000, Faults(bad=1.0))}
    assert None in values
    assert b"" in values
    assert any(value and len(value) > 900_000 for value in values)
    assert len({(value or b"")[:12] for value in values}) >= 8


@pytest.mark.parametrize("wrong", [{"late": -0.1}, {"bad": 1.1}, {"late": 0.6, "bad": 0.6}, {"late_by_ms": 0}])
def test_impossible_faults_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="late"):
        Faults(**wrong)


def test_history_is_even_ordered_and_ends_now() -> None:
    times = list(history_times(NOW_MS, 7_200, 5.0))
    assert len(times) == 36_000
    assert times[-1] == NOW_MS
    assert times[0] == NOW_MS - 7_200_000 + 200
    assert {after - before for before, after in itertools.pairwise(times)} == {200}


def test_history_shorter_than_one_trade_is_empty() -> None:
    assert list(history_times(NOW_MS, 1.0, 0.5)) == []
