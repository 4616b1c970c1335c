"""The producer and Kafka's client against a real broker: nothing lost, nothing double, whatever the broker does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from tests.integration.conftest import Lab, serves, until
from tui import bootstrap
from tui.clients.kafka import KafkaClient
from tui.model.errors import NotFoundError, UnavailableError
from tui.resources import resource

SCRIPT = resource("producer") / "producer.py"
sys.path.insert(0, str(SCRIPT.parent))

from events import Faults, Market  # noqa: E402


@contextlib.contextmanager
def producing(lab: Lab, *options: object) -> Iterator[subprocess.Popen[str]]:
    """The producer as a process of its own; killed at the end if it still runs."""
    fixed = ["--bootstrap", lab.settings.kafka, "--topic", lab.settings.topic]
    run = subprocess.Popen(
        [sys.executable, SCRIPT, *fixed, *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield run
    finally:
        if run.poll() is None:
            run.kill()
        run.communicate()


def produce(lab: Lab, *options: object) -> str:
    """Run the producer to its end; returns what it said, and fails unless it ended with 0."""
    with producing(lab, *options) as run:
        out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    return out


def status(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def in_topic(lab: Lab) -> int:
    return sum((p.high or 0) - (p.low or 0) for p in lab.clients.kafka.lag().partitions)


def messages(lab: Lab) -> list[Message]:
    """Everything in the topic, partition by partition in order of offsets."""
    wanted = in_topic(lab)
    consumer = Consumer({"bootstrap.servers": lab.settings.kafka, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(lab.settings.topic, p, 0) for p in range(lab.settings.partitions)])
    found: list[Message] = []
    until(lambda: found.extend(consumer.consume(10_000, 1.0)) or len(found) >= wanted, f"{wanted} messages read")
    consumer.close()
    return sorted(found, key=lambda m: (m.partition(), m.offset()))


def kafka_process(lab: Lab) -> int:
    service = next(s for s in bootstrap.backend(lab.settings).services() if s.name == "kafka")
    assert service.pid
    return service.pid


@contextlib.contextmanager
def frozen_kafka(lab: Lab) -> Iterator[None]:
    kafka = psutil.Process(kafka_process(lab))
    kafka.send_signal(signal.SIGSTOP)
    try:
        until(lambda: kafka.status() == psutil.STATUS_STOPPED, "every thread of Kafka stands still")
        yield
    finally:
        kafka.send_signal(signal.SIGCONT)
    until(lambda: serves(lab), "Kafka serves again")


def test_the_topic_holds_exactly_the_messages_of_the_seed(lab: Lab) -> None:
    said = produce(lab, "--rate", 0, "--count", 5000, "--seed", 9, "--bad", 0.1, "--duplicates", 0.1)
    assert said.startswith("sent 5,000, acknowledged 5,000, failed 0")
    market = Market(seed=9, faults=Faults(bad=0.1, duplicates=0.1))
    expected = [market.next(0) for _ in range(5000)]
    found = messages(lab)
    assert len(found) == 5000
    assert sum(m.value() is None for m in found) == sum(e.value is None for e in expected) > 0
    for key in {e.key for e in expected}:
        of_key = [m for m in found if m.key() == key]
        assert len({m.partition() for m in of_key}) == 1
        trades = [e for e in expected if e.key == key]
        assert [price(m.value()) for m in of_key] == [price(e.value) for e in trades]  # all but `ts` is seeded


def price(value: bytes | None) -> object:
    try:
        return str(json.loads(value or b"")["price"])
    except (ValueError, LookupError, TypeError):
        return None


def test_history_comes_first_in_order_and_ends_now(lab: Lab) -> None:
    began_ms = time.time() * 1000
    produce(lab, "--backfill", "10m", "--rate", 0, "--count", 0)
    found = messages(lab)
    assert len(found) == 3000
    times = [json.loads(m.value())["ts"] for m in found]
    for partition in range(lab.settings.partitions):
        own = [t for t, m in zip(times, found, strict=True) if m.partition() == partition]
        assert own == sorted(own)
    assert began_ms - 1_000 < max(times) < time.time() * 1000
    assert max(times) - min(times) == pytest.approx(600_000, abs=1_000)


def test_the_rate_is_exact(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 500, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged"), "first acknowledgements")
        before, began = in_topic(lab), time.monotonic()
        until(lambda: time.monotonic() - began > 5.0, "5 s")
        after, took = in_topic(lab), time.monotonic() - began
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 0
    assert (after - before) / took == pytest.approx(500, rel=0.05)


def test_a_frozen_kafka_is_waited_out_without_loss_or_doubles(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 500, "--count", 4000, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged", 0) > 200, "the producer runs")
        with frozen_kafka(lab):
            waiting = until(lambda: status(told).get("state") == "waiting" and status(told), "it says that it waits")
        assert waiting["sent"] > waiting["acknowledged"]
        _, err = run.communicate(timeout=90)
    assert run.returncode == 0
    assert f"waiting for Kafka at {lab.settings.kafka}" in err
    ended = status(told)
    assert (ended["state"], ended["sent"], ended["acknowledged"], ended["failed"]) == ("finished", 4000, 4000, 0)
    assert in_topic(lab) == 4000


def test_a_killed_kafka_is_waited_out_without_loss_or_doubles(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 500, "--count", 4000, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged", 0) > 200, "the producer runs")
        os.kill(kafka_process(lab), signal.SIGKILL)
        _, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert (status(told)["sent"], status(told)["acknowledged"]) == (4000, 4000)
    assert until(lambda: in_topic(lab), "Kafka is back") == 4000


def test_a_kafka_that_is_away_for_over_a_minute_costs_nothing(lab: Lab, tmp_path: Path) -> None:
    """Longer than librdkafka waits for an answer (`socket.timeout.ms`, 60 s): what was sent is sent once more."""
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 100, "--count", 8000, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged", 0) > 100, "the producer runs")
        with frozen_kafka(lab):
            began = time.monotonic()
            until(lambda: time.monotonic() - began > 63, "over a minute", 70)
            assert status(told)["sent"] > status(told)["acknowledged"] + 5000
        _, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert (status(told)["sent"], status(told)["acknowledged"], status(told)["failed"]) == (8000, 8000, 0)
    assert in_topic(lab) == 8000


def test_killed_amid_a_batch_it_leaves_a_beginning_of_what_it_made_and_no_less_than_it_told(
    lab: Lab, tmp_path: Path
) -> None:
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 0, "--seed", 3, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged", 0) > 5_000, "the producer runs at full speed")
        run.kill()
        run.wait()
    found = messages(lab)
    assert len(found) >= status(told)["acknowledged"] > 5_000
    market = Market(seed=3)
    expected = [market.next(0) for _ in range(4 * len(found))]
    for key in {e.key for e in expected}:
        prices = [price(m.value()) for m in found if m.key() == key]
        assert prices == [price(e.value) for e in expected if e.key == key][: len(prices)]


def test_ended_while_kafka_is_away_it_says_how_many_are_missing(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "status.json"
    with producing(lab, "--rate", 500, "--status-file", told) as run:
        until(lambda: status(told).get("acknowledged", 0) > 200, "the producer runs")
        with frozen_kafka(lab):
            until(lambda: status(told)["sent"] > status(told)["acknowledged"] + 500, "messages under way")
            run.terminate()
            _, err = run.communicate(timeout=30)
    ended = status(told)
    missing = ended["sent"] - ended["acknowledged"]
    assert run.returncode == 1
    assert missing > 500
    assert f"{missing:,} of {ended['sent']:,} messages were not acknowledged" in err
    assert "may or may not be in Kafka" in err
    assert ended["state"] == "failed"


def test_a_crash_after_the_history_does_not_repeat_it(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "status.json"
    options = ("--backfill", "10m", "--rate", 20, "--status-file", told)
    with producing(lab, *options) as run:
        until(lambda: status(told).get("backfill") == "done" and status(told)["acknowledged"] > 3000, "live trades")
        run.kill()
    before = in_topic(lab)
    with producing(lab, *options) as run:
        until(lambda: status(told).get("pid") == run.pid and status(told)["acknowledged"] > 20, "live trades again")
        run.terminate()
        run.communicate(timeout=20)
    assert 3000 < before < in_topic(lab) < 3500


def test_a_topic_that_does_not_exist(lab: Lab) -> None:
    elsewhere = Lab(replace(lab.settings, topic="nowhere"))
    with producing(elsewhere, "--count", 5) as run:
        _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "has no topic 'nowhere': create it first." in err
    with pytest.raises(NotFoundError, match="has no topic 'nowhere'"):
        elsewhere.clients.kafka.lag()
    with pytest.raises(NotFoundError):  # asking did not create it
        elsewhere.clients.kafka.lag()


def test_lag_of_a_topic_without_commits_is_unknown_not_zero(lab: Lab) -> None:
    lab.send([(0, b"k", b"v")] * 3)
    lag = lab.clients.kafka.lag({0: 1})
    assert [(p.partition, p.low, p.high) for p in lag.partitions] == [(0, 0, 3), (1, 0, 0), (2, 0, 0)]
    assert [p.committed for p in lag.partitions] == [None, None, None]
    assert [p.lag_committed for p in lag.partitions] == [None, None, None]
    assert [p.lag_read for p in lag.partitions] == [2, None, None]
    assert {p.error for p in lag.partitions} == {None}


def test_lag_takes_the_groups_commits(lab: Lab) -> None:
    lab.send([(0, b"k", b"v")] * 5 + [(2, b"k", b"v")] * 4)
    consumer = Consumer({"bootstrap.servers": lab.settings.kafka, "group.id": lab.settings.group})
    where = [TopicPartition(lab.settings.topic, 0, 2), TopicPartition(lab.settings.topic, 2, 0)]
    consumer.commit(offsets=where, asynchronous=False)
    consumer.close()
    lag = lab.clients.kafka.lag()
    assert [p.lag_committed for p in lag.partitions] == [3, None, 4]


def test_a_frozen_kafka_is_unavailable_in_time_and_read_again_afterwards(lab: Lab) -> None:
    client = KafkaClient(lab.settings.kafka_access, lab.settings.topic, lab.settings.group, timeout_s=1.5)
    assert len(client.lag().partitions) == 3
    with frozen_kafka(lab):
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=r"did not answer within 1\.5 s"):
            client.lag()
        assert time.monotonic() - began < 3
    assert len(client.lag().partitions) == 3
