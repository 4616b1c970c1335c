"""The fast judge of messages says what the job says, of every message that a topic may hold."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "producer"))

from events import HOSTILE, Faults, Market

from tests.integration.hostile_messages import all_cases, trade
from tui.clients.kafka_judge import problem
from tui.clients.trades import trade_fields

NOW = 1_795_000_000_000


def cases() -> Iterator[tuple[bytes | None, bool]]:
    for _, value, reason in all_cases(NOW):
        yield value, reason is None


@pytest.mark.parametrize(("value", "good"), list(cases()))
def test_as_the_job(value: bytes | None, good: bool) -> None:
    found = trade_fields(value, NOW)
    assert (found is not None) == good
    if found is not None and value is not None:
        said = json.loads(value)
        sign = 1 if said["side"] == "BUY" else -1
        assert found == (said["ts"], said["symbol"], said["price"], sign * said["qty"])


@pytest.mark.parametrize("name", HOSTILE)
def test_no_broken_message_of_the_producer_is_a_trade(name: str) -> None:
    assert trade_fields(HOSTILE[name](json.loads(trade(NOW))), NOW) is None


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=1),
    st.sampled_from(["BUY", "SELL", NOW, NOW + 600_000, NOW + 600_001, 1e-18, 1e12, 1e40, 10**42, 1]),
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["symbol", "ts", "price", "qty", "side", "more"]), values))
def test_as_the_full_judge(changed: dict[str, object]) -> None:
    value = trade(NOW, **changed)
    assert (trade_fields(value, NOW) is None) == (problem(value, NOW) is not None)


def test_the_usual_message_is_judged_quicker_than_by_the_full_judge() -> None:
    market = Market(seed=1, faults=Faults(late=0.1))
    messages = [market.next(NOW).value for _ in range(20_000)]
    began = time.process_time()
    assert all(trade_fields(m, NOW) for m in messages)
    took = time.process_time() - began
    assert not any(problem(m, NOW) for m in messages)
    assert took < time.process_time() - began - took
