"""A message's problem is the reason that the job gives in `bad_trades`."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "producer"))

from events import HOSTILE

from tests.integration.hostile_messages import all_cases
from tui.clients import kafka_judge
from tui.clients.kafka_judge import problem

NOW_MS = 1_767_225_600_000
JOB = Path(__file__).parents[2] / "jobs" / "kafka_to_iceberg.py"


@pytest.mark.parametrize(("value", "reason"), [pytest.param(v, r, id=n) for n, v, r in all_cases(NOW_MS)])
def test_the_reason_is_the_one_that_the_job_gives(value: bytes | None, reason: str | None) -> None:
    found = problem(value, NOW_MS)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert re.fullmatch(reason, found)


def test_every_bad_message_of_the_producer_is_one() -> None:
    usual = {"symbol": "BTCUSDT", "ts": NOW_MS, "price": 42_150.5, "qty": 0.5, "side": "SELL"}
    assert [name for name, broken in HOSTILE.items() if problem(broken(dict(usual)), NOW_MS) is None] == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('"price":1e999,"qty":1,"side":"BUY"', "price out of range"),
        ('"price":1e999,"was":1,"qty":1,"side":"BUY"', "symbol too long or number out of range"),
        ('"price":1e301,"was":1,"qty":1,"side":"BUY"', "price out of range"),
        ('"price":1,"qty":1e999,"side":"BUY"', "qty out of range"),
        ('"price":1,"qty":1e999,"side":"BUY","was":1', "symbol too long or number out of range"),
    ],
)
def test_an_infinite_number_is_named_as_the_job_names_it(fields: str, reason: str) -> None:
    assert problem(f'{{"symbol":"A","ts":{NOW_MS},{fields}}}'.encode(), NOW_MS) == reason


def test_without_a_time_of_kafka_nothing_is_in_the_future() -> None:
    value = b'{"symbol":"A","ts":9999999999999,"price":1,"qty":1,"side":"BUY"}'
    assert problem(value, NOW_MS) == "ts in the future"
    assert problem(value, None) is None


def test_the_bounds_are_those_of_the_job() -> None:
    spec = importlib.util.spec_from_file_location("kafka_to_iceberg", JOB)
    assert spec
    assert spec.loader
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    assert (kafka_judge.MIN_TS, kafka_judge.MAX_TS, kafka_judge.MAX_BYTES) == (job.MIN_TS, job.MAX_TS, job.MAX_BYTES)
    limits = {"max_price": kafka_judge.MAX_PRICE, "min_qty": kafka_judge.MIN_QTY, "max_qty": kafka_judge.MAX_QTY}
    assert limits == {name: float(job.LIMITS[name]) for name in limits}
    future = job.parse_arguments(["--bootstrap-servers", "x", "--warehouse", "y"]).max_future_s
    assert future * 1000 == kafka_judge.MAX_FUTURE_MS
