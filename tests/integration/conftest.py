"""The real stack, started once a session; each test gets a pipeline of its own on it (topic, group, database)."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from tui import bootstrap, settings
from tui.core.control import Control
from tui.model.checks import Check
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.stack import Progress
from tui.settings import Settings
from tui.stack.local.kafka import ensure_topic

PIPELINE = ("test_job", "test_verify")
"""The tests whose subject is the path of the data, which the Iceberg set and the S3 server are part of."""

T = TypeVar("T")
_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = Path(item.fspath)
        if "integration" in path.parts:
            item.add_marker("integration")
            if path.stem in PIPELINE:
                item.add_marker("pipeline")


def free_ports(count: int) -> list[int]:
    """`count` ports that nobody listens on now, below the range of outgoing connections."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(11_000, 19_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.add(port)
    return sorted(found)


def until(condition: Callable[[], T], what: str, timeout_s: float = 60.0) -> T:
    """Wait until `condition` gives something true, and return it; fails with `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout_s:g} s (last: {value!r})")
        time.sleep(0.1)


def silent(step: Progress) -> None:
    """A progress sink that shows nothing."""


def new_settings(home: Path, **values: object) -> Settings:
    """Settings of a home of its own on free ports, with the cache that all tests share."""
    kafka, flink, s3, console = (str(p) for p in free_ports(4))
    flags = {"home": home, "kafka_port": kafka, "flink_port": flink, "s3_port": s3, "s3_console_port": console}
    return settings.load({**flags, **values}, os.environ)


@pytest.fixture(scope="session")
def stack_settings(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The session's stack, up and ready."""
    home = tmp_path_factory.mktemp("my höme 100%")
    found = new_settings(home, iceberg=pytestconfig.getoption("--iceberg"), s3=pytestconfig.getoption("--s3"))
    backend = bootstrap.backend(found)
    try:
        backend.up(silent)
        yield found
    finally:
        backend.down(silent)
        if not os.environ.get("LAKEHOUSE_KEEP_TESTS"):
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Lab:
    """One pipeline on the session's stack."""

    settings: Settings

    @property
    def control(self) -> Control:
        return bootstrap.control(self.settings)

    @property
    def clients(self) -> bootstrap.Clients:
        return bootstrap.clients(self.settings)

    def send(self, messages: list[tuple[int | None, bytes | None, bytes | None]]) -> None:
        """Write (partition, key, value) messages as they are, and wait for their acknowledgement."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.settings.kafka, "acks": "all", "linger.ms": 5})
        errors: list[object] = []
        for partition, key, value in messages:
            where = {} if partition is None else {"partition": partition}
            producer.produce(
                self.settings.topic, value, key, on_delivery=lambda e, _: errors.append(e) if e else None, **where
            )
            producer.poll(0)
        assert producer.flush(60) == 0
        assert not errors, errors[:3]

    def committed(self, count: int, timeout_s: float = 90.0) -> None:
        """Trigger checkpoints until the committed offsets reach `count` messages in all."""

        def enough() -> bool:
            self.control.checkpoint(silent)
            return sum(p.committed or 0 for p in self.clients.kafka.lag().partitions) >= count

        until(enough, f"{count} messages committed", timeout_s)

    def verify(self) -> list[Check]:
        return list(bootstrap.verify(self.settings))

    def assert_verified(self) -> None:
        failed = [c for c in self.verify() if not c.ok]
        assert not failed, "\n".join(f"{c.name}: expected {c.expected}, found {c.actual}. {c.detail}" for c in failed)


def made(settings: Settings) -> bool:
    """Make the topic: a broker that stood still or was killed before may lose the first request for it."""
    with contextlib.suppress(UnavailableError):
        return bool(ensure_topic(settings, 10))
    return False


def serves(lab: Lab) -> bool:
    """Whether every partition has a leader: a topic just made may be unknown, a broker that stood still is fenced."""
    with contextlib.suppress(UnavailableError, NotFoundError):
        return all(p.error is None for p in lab.clients.kafka.lag().partitions)
    return False


@contextlib.contextmanager
def pipeline(stack_settings: Settings) -> Iterator[Lab]:
    """A fresh pipeline: its own topic, group and database; its job and producer are ended afterwards."""
    name = f"lab{next(_NUMBERS)}"
    own = replace(stack_settings, topic=name, group=name, database=name)
    found = Lab(own)
    until(lambda: made(own), f"topic {name} is made", 90)
    until(lambda: serves(found), "every partition has its leader")
    yield found
    bootstrap.producer(own).stop()
    if found.control.active_job() is not None:
        found.control.cancel()


@pytest.fixture
def lab(stack_settings: Settings) -> Iterator[Lab]:
    """A fresh pipeline for one test."""
    with pipeline(stack_settings) as found:
        yield found
