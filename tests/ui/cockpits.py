"""A cockpit on hand-written values instead of services: what each source says can be changed while the app runs."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from textual.pilot import Pilot

from tui.core.actions import Action
from tui.core.cockpit import Cockpit
from tui.core.sources import Source
from tui.model.candles import Candle
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.flink import Checkpoint, CheckpointStats, ClusterInfo, JobDetail, JobSummary, Vertex
from tui.model.iceberg import Snapshot, TableHistory
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.live import LiveView
from tui.model.stack import ProducerStatus, Progress, Service, ServiceState
from tui.ports import ProgressSink
from tui.view.app import LakehouseApp

NOW = datetime(2026, 3, 1, 12, 30, 0, tzinfo=UTC)
JOB_ID = "a1b2c3d4e5f60718293a4b5c6d7e8f90"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def services(state: ServiceState = ServiceState.READY) -> tuple[Service, ...]:
    running = state is not ServiceState.STOPPED
    names = (("kafka", "127.0.0.1:9092"), ("s3", "http://127.0.0.1:9000"), ("jobmanager", "http://127.0.0.1:8081"))
    rows = [
        Service(name, state, 100 + n if running else None, at, 0 if running else None)
        for n, (name, at) in enumerate(names)
    ]
    return (*rows, Service("taskmanager", state, 103 if running else None, None, 0 if running else None))


def lag() -> TopicLag:
    partitions = (
        PartitionLag(0, 0, 48_120, 47_950, 48_110),
        PartitionLag(1, 0, 0, None, None),
        PartitionLag(2, 0, 96_431, 96_002, 96_400),
    )
    return TopicLag("trades", "lakehouse", NOW, partitions)


def job(state: str = "RUNNING") -> JobSummary:
    running = 13 if state == "RUNNING" else 0
    ended = None if state == "RUNNING" else ago(42)
    return JobSummary(JOB_ID, "kafka_to_iceberg", state, ago(905), ended, 13, running)


def checkpoints() -> CheckpointStats:
    def one(n: int, status: str = "COMPLETED") -> Checkpoint:
        at = ago(25 + 60 * (15 - n))
        return Checkpoint(n, status, False, at, at, 310, 128_000, None)

    return CheckpointStats(14, 1, 0, None, 60_000, (one(15), one(14), one(13, "FAILED"), one(12)))


def detail() -> JobDetail:
    names = ("Source: messages", "Calc", "OverAggregate", "IcebergStreamWriter", "IcebergFilesCommitter -> Sink")
    vertices = tuple(
        Vertex(f"v{n}", name, "RUNNING", 2, 2, 1000, 900, 0.03 * n, 0.0, 50.0, 49.5, int(ago(6).timestamp() * 1000))
        for n, name in enumerate(names)
    )
    return JobDetail(job(), vertices, checkpoints())


def history(table: str) -> TableHistory:
    operation = "overwrite" if table == "agg_1m" else "append"
    deletes = 4 if table == "agg_1m" else 0

    def one(n: int) -> Snapshot:
        return Snapshot(
            7_000_000_000_000_000_000 + n, None, n, ago(24 + 60 * (15 - n)), operation, n, JOB_ID, 3000, 2, deletes,
            3000 * n, 2 * n, deletes * n,
        )  # fmt: skip

    snapshots = tuple(one(n) for n in range(10, 16))
    return TableHistory(table, f"s3a://warehouse/iceberg/lakehouse/{table}", 15, snapshots[-1].id, snapshots)


def candles() -> tuple[Candle, ...]:
    """An hour of candles of a walk that is the same everywhere; the last two are live."""
    walk, found, price = random.Random(7), [], 42_150.0
    for minute in range(60):
        prices = [price, *(price * (1 + walk.uniform(-6e-4, 6e-4)) for _ in range(8))]
        at = ago(60 * (60 - minute))
        price, qty = prices[-1], walk.uniform(1, 9)
        source: Literal["committed", "live"] = "live" if minute >= 58 else "committed"
        span = (at, at + timedelta(minutes=1))
        values = (prices[0], max(prices), min(prices), price, qty, 40, qty / 2, qty / 2)
        found.append(Candle("BTCUSDT", *span, *values, source))
    return tuple(found)


def live_view() -> LiveView:
    shown = candles()
    change = shown[-1].close_price / shown[0].open_price - 1
    return LiveView(
        "BTCUSDT", shown, 7_000_000_000_000_000_015, 15, ago(31), ago(1), shown[-1].close_price, change, 50.0
    )


def healthy() -> dict[str, object]:
    """What every source says on a good day."""
    return {
        "services": services(),
        "producer": ProducerStatus("running", 104, 50.0, 144_551),
        "jobs": (job(),),
        "cluster": ClusterInfo("1.19.3", 1, 4, 2),
        "checkpoints": checkpoints(),
        "job": detail(),
        "lag": lag(),
        "live": live_view(),
        "history.agg_1m": history("agg_1m"),
        "history.raw_trades": history("raw_trades"),
        "history.bad_trades": history("bad_trades"),
    }


def empty() -> dict[str, object]:
    """Nothing was ever started."""
    nothing = UnavailableError("There is no lakehouse in /data/demo yet; run `lakehouse-tui up` first.")
    names = (
        "jobs",
        "cluster",
        "checkpoints",
        "job",
        "lag",
        "live",
        *(n for n in healthy() if n.startswith("history.")),
    )
    return {"services": services(ServiceState.STOPPED), "producer": None, **dict.fromkeys(names, nothing)}


@dataclass
class Actions:
    """Actions that note what was asked; each waits until it is let go, and may fail."""

    done: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)

    def make(self, name: str, group: str, question: str | None = None, capability: str | None = None) -> Action:
        def run(sink: ProgressSink) -> str:
            self.done.append(name)
            sink(Progress("download", "kafka.jar", 30_000_000, 120_000_000, "bytes"))
            assert self.hold.wait(20)
            if name in self.failing:
                raise self.failing[name]
            return f"{name} is done."

        return Action(name, name.capitalize(), group, run, lambda _: question, capability)  # type: ignore[arg-type]

    def all(self) -> dict[str, Action]:
        return {
            "up": self.make("up", "stack", capability="up"),
            "down": self.make("down", "stack", "Stop Kafka, Flink and S3 of /data/demo? The data stays.", "down"),
            "produce": self.make("produce", "producer", capability="produce"),
            "silence": self.make("silence", "producer", capability="produce"),
            "submit": self.make("submit", "job", capability="submit"),
            "submit_fresh": self.make("submit_fresh", "job", "Write every trade again?", "submit"),
            "cancel": self.make("cancel", "job", f"Cancel job kafka_to_iceberg ({JOB_ID[:8]})?"),
            "savepoint": self.make("savepoint", "job", f"Stop job kafka_to_iceberg ({JOB_ID[:8]}) with a savepoint?"),
            "checkpoint": self.make("checkpoint", "checkpoint"),
        }


@dataclass
class Fake:
    """The sources of one cockpit; `says` may be changed at any time, an exception is raised, a callable called."""

    says: dict[str, object] = field(default_factory=healthy)
    actions: Actions = field(default_factory=Actions)
    asked: list[str] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    now: datetime = NOW

    def read(self, name: str) -> object:
        self.asked.append(name)
        value = self.says[name]
        if isinstance(value, LakehouseError):
            raise value
        return value() if callable(value) else value

    def report(self, error: BaseException) -> str:
        self.bugs.append(error)
        return f"Unexpected error ({type(error).__name__})."

    def cockpit(self, **values: object) -> Cockpit:
        given: dict[str, object] = {
            "home": "/data/demo",
            "backend": "local",
            "topic": "trades",
            "symbols": ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
            "report": self.report,
            "sources": {name: Source(lambda n=name: self.read(n)) for name in self.says},
            "actions": self.actions.all(),
            "capabilities": frozenset({"up", "down", "produce", "submit", "logs"}),
        }
        return Cockpit(**{**given, **values})  # type: ignore[arg-type]

    def app(self, **values: object) -> LakehouseApp:
        return LakehouseApp(self.cockpit(**values), clock=lambda: self.now)


def screen_text(app: LakehouseApp) -> str:
    """What stands on the screen, line by line."""
    width, _ = app.size
    return "\n".join(
        "".join(segment.text for segment in strip).ljust(width) for strip in app.screen._compositor.render_strips()
    )


async def until(pilot: Pilot[object], condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Let the app run until `condition` holds; fails with the screen's text."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            app = pilot.app
            assert isinstance(app, LakehouseApp)
            raise AssertionError(f"{what}: not within {timeout_s:g} s; the screen says:\n{screen_text(app)}")
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[object], text: str) -> None:
    """Let the app run until `text` is on the screen."""
    app = pilot.app
    assert isinstance(app, LakehouseApp)
    await until(pilot, lambda: text in screen_text(app), f"{text!r} on the screen")
