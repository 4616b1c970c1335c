"""Pictures of every screen in every state; `pytest tests/ui/test_snapshots.py --snapshot-update` draws them anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.image import SVGImageSnapshotExtension
from textual.pilot import Pilot

from tests.ui.cockpits import Fake, ago, empty, job, screen_text, services, until
from tests.ui.flink_port import FakeFlink
from tests.ui.test_iceberg_screen import Lake
from tests.ui.test_kafka_screen import Topic
from tests.ui.test_logs_screen import FakeLogs
from tests.ui.test_verify_screen import Checks
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.logs import Level
from tui.model.query import QueryAnswer, QueryColumn, Sighting
from tui.model.stack import ServiceState
from tui.view.app import LakehouseApp

KEYS = {"dashboard": "1", "kafka": "2", "flink": "3", "iceberg": "4", "logs": "5", "sql": "6", "verify": "v"}
STATES = ("healthy", "empty", "stale", "failing", "tiny")
SIZES = {"tiny": (50, 12)}
AWAY = UnavailableError("It does not answer within 5 s.")


def ports(state: str) -> dict[str, Any]:
    """What the detail screens read."""
    topic, logs, checks, flink, lake = Topic(40), FakeLogs(), Checks(), FakeFlink(), Lake()
    if state == "empty":
        topic.failure = UnavailableError("Kafka at 127.0.0.1:9092 did not answer within 5 s.")
        logs.lines = dict.fromkeys(logs.lines)
        lake.failure = NotFoundError("Table agg_1m does not exist yet: submit the job first.")
    else:
        logs.write("kafka", *(f"[2026-03-01 12:29:{n:02}] INFO Rolled log segment {n}" for n in range(20)))
        logs.write("kafka", "[2026-03-01 12:29:21] WARN The disk is slow", level=Level.WARN)
    if state == "failing":
        checks.failing = {"ledger": "of 1,200 offsets 3 are missing"}
        topic.failure = lake.failure = AWAY
    checks.let(100)
    query = Query(lake.failure)
    details = {"flink_detail": lambda: flink, "lake_detail": lambda: lake, "query": lambda: query}
    return {"topic_port": lambda: topic, "logs": lambda: logs, "verify": checks, **details}


class Query:
    """Answers of always the same size and time: `QueryPort`; it fails with `failure` while that is set."""

    def __init__(self, failure: LakehouseError | None) -> None:
        self.failure = failure

    def run(self, sql: str, limit: int) -> QueryAnswer:
        if self.failure is not None:
            raise self.failure
        columns = (QueryColumn("symbol", "string"), QueryColumn("window_start", "timestamp"), QueryColumn("n", "int64"))
        rows = tuple(("BTCUSDT" if n % 3 else None, ago(60 * n), 40 * n) for n in range(30))
        seen = (Sighting("agg_1m", 7_000_000_000_000_000_015, ago(24)),)
        return QueryAnswer(sql, columns, rows, 30, True, ago(0), 0.12, 300, seen)

    def rows_read(self) -> int:
        return 0

    def columns(self) -> dict[str, tuple[str, ...]]:
        return {"agg_1m": ("symbol", "window_start")}


def prepare(fake: Fake, state: str) -> None:
    if state == "empty":
        fake.says = empty()
    if state == "failing":
        ready = services()
        fake.says |= {
            "services": (*ready[:3], services(ServiceState.BACKOFF)[3]),
            "jobs": (job("FAILED"),),
            "job": None,
            "checkpoints": None,
        }


def go_stale(fake: Fake) -> None:
    fake.says = {name: value if name == "services" else AWAY for name, value in fake.says.items()}
    fake.now = ago(-75)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("screen", KEYS)
async def test_screens(
    fake: Fake, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, screen: str, state: str
) -> None:
    monkeypatch.setattr("tui.view.verification.monotonic", lambda: 0.0)  # else a busy machine shows another duration
    prepare(fake, state)
    app = fake.app(refresh_interval_s=0.2, **ports(state))
    async with app.run_test(size=SIZES.get(state, (120, 40))) as pilot:
        await settled(pilot, fake)
        await pilot.press(KEYS[screen])
        await settled(pilot, fake)
        if screen == "sql" and state != "tiny":
            await pilot.press("f5")
            words = "! " if state in ("empty", "failing") else "there are more"
            await until(pilot, lambda: words in screen_text(app), "an answer, or why there is none")
            await settled(pilot, fake)
        if screen == "verify" and state != "tiny":
            await until(pilot, lambda: re.search(r"8 checks (passed|failed)", screen_text(app)), "every check is done")
            await settled(pilot, fake)
        if state == "stale":
            go_stale(fake)
            await settled(pilot, fake)
        assert app.export_screenshot(title=screen) == snapshot(extension_class=SVGImageSnapshotExtension)


@pytest.mark.parametrize("theme", ["light", "contrast"])
async def test_themes(fake: Fake, snapshot: SnapshotAssertion, theme: str) -> None:
    app = fake.app(theme=theme, **ports("healthy"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, fake)
        assert app.export_screenshot(title=theme) == snapshot(extension_class=SVGImageSnapshotExtension)


async def settled(pilot: Pilot[str], fake: Fake) -> None:
    """Every source was asked three times from now on, so that the first answers are on the screen."""
    fake.asked.clear()
    asked: Callable[[], bool] = lambda: all(fake.asked.count(name) >= 3 for name in fake.says)  # noqa: E731
    await until(pilot, asked, "every source answers")
    app, before = pilot.app, ""
    assert isinstance(app, LakehouseApp)
    while before != (before := screen_text(app)):  # what a screen reads for itself has come as well
        app._show()
        await pilot.pause(0.3)
