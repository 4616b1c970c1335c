"""One real stack and the pipeline on it: load, what a run looks at, and the judgement at its end."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
from confluent_kafka import Consumer, TopicPartition

from tests.integration.conftest import Lab, made, new_settings, serves, silent
from tui import bootstrap
from tui.clients import kafka_judge
from tui.clients.lake.audit import LakeAudit
from tui.model.errors import LakehouseError, NotFoundError
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.backend import LocalBackend
from tui.stack.local.layout import Layout

LOAD = {"rate": "300", "late": "0.02", "bad": "0.02", "duplicates": "0.02"}
CHECKPOINT_S = "3"
"""Often, so that faults strike amid checkpoints and commits."""
STEADY_S = 3.0
"""How long everything must run before it counts as recovered: a loss is noticed within that time."""
T = TypeVar("T")


def note(done: Any, report: Path | None) -> None:
    """Print what was done (a dataclass) as a line of JSON, and add it to the report, if there is one."""
    line = json.dumps(asdict(done))
    print(line)
    if report is not None:
        with report.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class StuckError(AssertionError):
    """Something that must come did not."""


def until(condition: Callable[[], T], what: str, timeout_s: float) -> T:
    """Wait until `condition` gives something true without an expected error; raises `StuckError` with the last one."""
    deadline, last = time.monotonic() + timeout_s, ""
    while time.monotonic() < deadline:
        try:
            value = condition()
        except LakehouseError as error:
            last = str(error)
        else:
            if value:
                return value
            last = repr(value)
        time.sleep(0.2)
    raise StuckError(f"{what}: not within {timeout_s:g} s ({last})")


@dataclass
class Stage:
    """A stack of its own, and the pipeline that runs on it now."""

    settings: Settings
    _lab: Lab | None = None
    _seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.backend = LocalBackend(self.settings)
        self.layout = Layout(self.settings.home)

    @property
    def lab(self) -> Lab:
        assert self._lab is not None
        return self._lab

    def new_pipeline(self, name: str) -> None:
        """Topic, group, database and job of this name; job and producer of the one before it end."""
        if self._lab is not None and (producer := bootstrap.producer(self._lab.settings)).runs():
            producer.stop()
        self.end_job()
        self._lab = Lab(replace(self.settings, topic=name, group=name, database=name))
        until(lambda: made(self.lab.settings), f"topic {name} is made", 90)
        until(lambda: serves(self.lab), "every partition has its leader", 60)
        until(self.submitted, "the job is submitted", 120)

    def end_job(self) -> None:
        """No job runs and none is wanted."""
        if self._lab is not None:
            with suppress(NotFoundError):
                self.lab.control.cancel()

    def submitted(self) -> bool:
        """A job runs, or is submitted now."""
        if self.lab.control.active_job() is None:
            self.lab.control.submit(silent)
        return True

    def kept(self) -> bool:
        """A job runs that is wanted, or is submitted now: one that the keeper began before a cancel ends by itself."""
        job, wish = self.lab.control.active_job(), self.lab.control.wish.read()
        if job is None:
            return self.submitted()
        return wish is not None and wish.wanted and wish.job_id == job.id

    def load(self) -> None:
        """The producer runs, with trades of its own."""
        producer = bootstrap.producer(self.lab.settings)
        if not producer.runs():
            producer.start({**LOAD, "seed": str(next(self._seeds))})

    def pid(self, name: str) -> int:
        """The process of a service or program, once it has one."""

        def found() -> int | None:
            program = self.backend.program_status(name)
            return None if program is None else program.pid

        return until(found, f"{name} has a process", 60) or 0

    def whole(self) -> bool:
        """Every service is ready, and every task of the job runs."""
        if not all(s.healthy for s in self.backend.services()):
            return False
        job = self.lab.control.active_job()
        return job is not None and job.whole

    def recovered(self, timeout_s: float = 180.0) -> float:
        """Seconds until everything runs again, and goes on running for `STEADY_S`; raises `StuckError`."""
        began, since = time.monotonic(), None
        while time.monotonic() - began < timeout_s:
            try:
                good = self.whole()
            except LakehouseError:
                good = False
            now = time.monotonic()
            since = (now if since is None else since) if good else None
            if since is not None and now - since >= STEADY_S:
                return since - began
            time.sleep(0.2)
        raise StuckError(f"not recovered within {timeout_s:g} s: {self.state()}")

    def state(self) -> str:
        """What runs and what does not, for a report."""
        ill = [f"{s.name} {s.state.value} {s.detail}" for s in self.backend.services() if not s.healthy]
        try:
            job = self.lab.control.active_job()
        except LakehouseError as error:
            return f"{ill}, {error}"
        return f"{ill}, {job}, keeper {bootstrap.keeping(self.settings)}"

    def settle(self) -> int:
        """Stop the producer, and return how many messages the topic holds, once all of them are committed."""
        bootstrap.producer(self.lab.settings).stop()
        kafka = self.lab.clients.kafka

        def all_committed() -> bool:
            partitions = kafka.lag().partitions
            if any(p.high is None for p in partitions):
                return False
            if sum(p.committed or 0 for p in partitions) >= sum(p.high or 0 for p in partitions):
                return True
            self.lab.control.checkpoint(silent)
            return False

        until(all_committed, "every message is committed", 120)
        return sum(p.high or 0 for p in kafka.lag().partitions)

    def wrong(self) -> list[str]:
        """Everything that is not as it must be; empty where the result is exact."""
        failed = [f"{c.name}: {c.actual} {c.detail}" for c in self.lab.verify() if not c.ok]
        return [*failed, *self.misjudged(), *(f"orphan {p.pid} {p.name()}" for p in self.orphans())]

    def misjudged(self) -> list[str]:
        """Messages that are in bad_trades and are none, and bad ones that are not, each read from Kafka itself."""
        expected, found = Counter(self.bad_messages()), Counter(self.bad_rows())
        parts = {"missing in": expected - found, "too many in": found - expected}
        return [f"{n.total()} {what} bad_trades, such as {next(iter(n))}" for what, n in parts.items() if n]

    def bad_messages(self) -> Iterator[tuple[int, int]]:
        """Partition and offset of every message of the topic that is no trade."""
        consumer = Consumer(
            {"bootstrap.servers": self.settings.kafka, "group.id": "judge", "enable.auto.commit": False}
        )
        ends = {p.partition: p.high or 0 for p in self.lab.clients.kafka.lag().partitions}
        consumer.assign([TopicPartition(self.lab.settings.topic, p, 0) for p in ends])
        left = sum(ends.values())
        try:
            while left:
                for message in consumer.consume(min(left, 5000), 10.0):
                    assert message.error() is None, message.error()
                    left -= 1
                    if kafka_judge.problem(message.value(), message.timestamp()[1]):
                        yield message.partition(), message.offset()
        finally:
            consumer.close()

    def bad_rows(self) -> Iterator[tuple[int, int]]:
        """Partition and offset of every row of bad_trades."""
        try:
            current = self.lab.clients.lake.history("bad_trades").current
        except NotFoundError:
            return
        if current is not None:
            for run in LakeAudit(self.lab.clients.lake).offsets("bad_trades", current.id).runs:
                yield from ((run.partition, offset) for offset in range(run.first, run.last + 1))

    def orphans(self) -> list[psutil.Process]:
        """Processes of the home that no program of its supervisor is or has started."""
        supervisor = int((self.layout.run / "supervisord.pid").read_text())
        owned = {supervisor, *(p.pid for p in psutil.Process(supervisor).children(recursive=True))}
        return [p for p in processes.tagged(self.layout) if p.pid not in owned]


@contextmanager
def staged(home: Path, iceberg: str, s3: str) -> Iterator[Stage]:
    """A stack of its own, up; at the end it is down and has left no process."""
    stage = Stage(new_settings(home, iceberg=iceberg, s3=s3, checkpoint_interval_s=CHECKPOINT_S))
    stage.backend.up(silent)
    try:
        yield stage
    finally:
        stage.backend.down(silent)
        left = processes.tagged(stage.layout)
        processes.end(left, 0)
    assert not left
