"""Every check passes on a sound pipeline, and fails, naming what is wrong, when something is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lake_writer import BAD, CANDLES, RAW, Row, Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.audit import LakeAudit
from tui.core.verify import NAMES, Verifier
from tui.model.checks import Check
from tui.model.errors import UnavailableError
from tui.model.flink import Checkpoint, CheckpointStats, ClusterInfo, JobDetail, JobException, JobSummary
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.stack import Service, ServiceState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = datetime(2024, 1, 19, 5, 0, tzinfo=UTC)
JOB = "ab" * 16
PARTITIONS, OFFSETS = 3, 40
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def trade(partition: int, offset: int) -> Row:
    at = START + timedelta(seconds=offset * 7)
    return {
        "symbol": SYMBOLS[partition], "ts": int(at.timestamp() * 1000), "price": 100.0 + offset % 7, "qty": 0.1,
        "side": ("BUY", "SELL")[offset % 2], "event_time": at, "kafka_partition": partition, "kafka_offset": offset,
    }  # fmt: skip


def is_bad(offset: int) -> bool:
    return offset % 13 == 5


def candles(trades: list[Row]) -> list[Row]:
    """Plain Python, for trades of one symbol a partition, in the order of time."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for t in trades:
        groups.setdefault((t["symbol"], t["ts"] // 60_000), []).append(t)
    return [candle(symbol, minute, group) for (symbol, minute), group in groups.items()]


def candle(symbol: str, minute: int, group: list[Row]) -> Row:
    start = datetime.fromtimestamp(minute * 60, UTC)
    prices = [t["price"] for t in group]
    buys = sum(t["side"] == "BUY" for t in group)
    return {
        "symbol": symbol, "window_start": start, "window_end": start + timedelta(minutes=1), "open_price": prices[0],
        "high_price": max(prices), "low_price": min(prices), "close_price": prices[-1],
        "total_qty": len(group) / 10, "trade_count": len(group), "buy_qty": buys / 10,
        "sell_qty": (len(group) - buys) / 10,
    }  # fmt: skip


@dataclass
class Lakehouse:
    """A sound pipeline after checkpoint 7: real tables, and what Kafka, Flink and the services say."""

    folder: Path
    lag: TopicLag = field(init=False)
    jobs: list[JobDetail] = field(init=False)
    services: tuple[Service, ...] = (Service("kafka", ServiceState.READY), Service("s3", ServiceState.READY))
    pauses: list[float] = field(default_factory=list)
    while_paused: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.raw, self.bad, self.candles = (
            Writer.create(f"{self.folder}/lakehouse/{name}", fields)
            for name, fields in (("raw_trades", RAW), ("bad_trades", BAD), ("agg_1m", CANDLES))
        )
        trades = [[trade(p, o) for o in range(OFFSETS) if not is_bad(o)] for p in range(PARTITIONS)]
        self.uris = self.raw.commit(trades, checkpoint=7, job=JOB)
        bad = [
            {"raw": "?", "reason": "not JSON", "kafka_partition": p, "kafka_offset": o, "kafka_time": NOW}
            for p in range(PARTITIONS) for o in range(OFFSETS) if is_bad(o)
        ]  # fmt: skip
        self.bad.commit([bad], checkpoint=7, job=JOB)
        self.rows = candles([t for part in trades for t in part])
        self.candles.commit([self.rows], checkpoint=7, job=JOB)
        self.lag = TopicLag("trades", "lakehouse", NOW, tuple(self.partition(p) for p in range(PARTITIONS)))
        summary = JobSummary(JOB, "kafka_to_iceberg", "RUNNING", NOW - timedelta(minutes=10), None, 6, 6)
        self.jobs = [JobDetail(summary, (), self.stats(7))]

    @staticmethod
    def partition(number: int, **values: Any) -> PartitionLag:
        return replace(PartitionLag(number, 0, OFFSETS + 3, OFFSETS, None), **values)

    @staticmethod
    def stats(checkpoint: int, age_s: float = 30, restored: int | None = None) -> CheckpointStats:
        at = NOW - timedelta(seconds=age_s)
        done = Checkpoint(checkpoint, "COMPLETED", False, at, at, 900, 1000, None)
        return CheckpointStats(1, 0, 0, restored, 60_000, (done,))

    def checkpointed(self, stats: CheckpointStats) -> None:
        self.jobs = [replace(self.jobs[0], checkpoints=stats)]

    def verify(self) -> dict[str, Check]:
        def pause(seconds: float) -> None:
            self.pauses.append(seconds)
            self.while_paused()

        checks = Verifier(
            services=lambda: self.services,
            kafka=Kafka(self),
            flink=Flink(self),
            lake=LakeAudit(LakeClient(str(self.folder), "lakehouse")),
            topic="trades",
            partitions=PARTITIONS,
            clock=lambda: NOW,
            pause=pause,
        ).checks()
        return {c.name: c for c in checks}


@dataclass
class Kafka:
    house: Lakehouse

    def lag(self, read_offsets: dict[int, int] | None = None) -> TopicLag:
        return self.house.lag


@dataclass
class Flink:
    house: Lakehouse

    def cluster(self) -> ClusterInfo:
        raise NotImplementedError

    def jobs(self) -> tuple[JobSummary, ...]:
        return tuple(j.summary for j in self.house.jobs)

    def job(self, job_id: str) -> JobDetail:
        return next(j for j in self.house.jobs if j.summary.id == job_id)

    def checkpoints(self, job_id: str) -> CheckpointStats:
        return self.job(job_id).checkpoints

    def exceptions(self, job_id: str) -> tuple[JobException, ...]:
        raise NotImplementedError

    def read_offsets(self, job_id: str) -> dict[int, int]:
        raise NotImplementedError

    def trigger_checkpoint(self, job_id: str, timeout_s: float) -> int:
        raise NotImplementedError

    def stop_with_savepoint(self, job_id: str, directory: str, timeout_s: float) -> str:
        raise NotImplementedError


@pytest.fixture
def house(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path)


def failed(checks: dict[str, Check]) -> set[str]:
    return {c.name for c in checks.values() if not c.ok}


def test_a_sound_pipeline_passes_every_check(house: Lakehouse) -> None:
    checks = house.verify()
    assert tuple(checks) == NAMES
    assert failed(checks) == set()
    assert checks["ledger"].actual == "120 offsets, each once"
    assert checks["candles"].actual == "15 candles of 111 trades, all equal"
    assert house.pauses == []


def test_a_lost_data_file_is_named_by_its_offsets(house: Lakehouse) -> None:
    house.raw.commit(drop=[house.uris[1]], checkpoint=7, job=JOB)
    checks = house.verify()
    assert failed(checks) == {"ledger", "candles"}
    assert checks["ledger"].actual == "of 120 offsets 37 are missing, 0 are double"
    assert checks["ledger"].detail == "partition 1: missing 0–4, 6–17, 19–30, 32–39"
    assert "ETHUSDT 2024-01-19 05:00 has no trades" in checks["candles"].detail


def test_deleted_rows_are_named(house: Lakehouse) -> None:
    house.raw.commit(positions=[(house.uris[2], 0), (house.uris[2], 1)], checkpoint=7, job=JOB)
    checks = house.verify()
    assert checks["ledger"].detail == "partition 2: missing 0–1"
    assert "SOLUSDT 2024-01-19 05:00: open_price is 100.0, recomputed 102.0" in checks["candles"].detail


def test_a_double_offset_is_named(house: Lakehouse) -> None:
    house.raw.commit([[trade(0, 7)]], checkpoint=7, job=JOB)
    checks = house.verify()
    assert failed(checks) == {"ledger", "candles"}
    assert checks["ledger"].detail == "partition 0: 7 twice"
    assert "trade_count is 8, recomputed 9" in checks["candles"].detail


def test_a_trade_that_is_also_a_bad_one_is_named(house: Lakehouse) -> None:
    row = {"raw": "?", "reason": "?", "kafka_partition": 2, "kafka_offset": 9, "kafka_time": NOW}
    house.bad.commit([[row]], checkpoint=7, job=JOB)
    assert house.verify()["ledger"].detail == "partition 2: 9 twice"


COLUMNS: list[tuple[str, Any]] = [
    ("open_price", 100.5), ("high_price", 1e9), ("low_price", 0.0), ("close_price", None), ("total_qty", 0.8000000001),
    ("trade_count", 9), ("buy_qty", 0.0), ("sell_qty", 4.0), ("window_end", START),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), COLUMNS)
def test_an_altered_candle_is_named_with_its_column(house: Lakehouse, column: str, value: Any) -> None:
    changed = {**house.rows[0], column: value}
    house.candles.commit([[changed]], [(["symbol", "window_start"], [changed])], checkpoint=7, job=JOB)
    checks = house.verify()
    assert failed(checks) == {"candles"}
    assert (
        f"BTCUSDT 2024-01-19 05:00: {column} is {value}, recomputed {house.rows[0][column]}" in checks["candles"].detail
    )


def test_a_lost_and_an_invented_candle_are_named(house: Lakehouse) -> None:
    invented = {**house.rows[0], "symbol": "NEW"}
    house.candles.commit([[invented]], [(["symbol", "window_start"], [house.rows[3]])], checkpoint=7, job=JOB)
    check = house.verify()["candles"]
    assert check.actual == "15 candles of 111 trades: 1 missing, 1 without trades"
    assert check.detail == "BTCUSDT 2024-01-19 05:03 is missing; NEW 2024-01-19 05:00 has no trades"


def test_a_key_that_is_there_twice_is_named(house: Lakehouse) -> None:
    house.candles.commit([[house.rows[4]]], checkpoint=7, job=JOB)
    checks = house.verify()
    assert failed(checks) == {"keys"}
    assert checks["keys"].detail == "BTCUSDT 2024-01-19 05:04 is there 2 times"


def test_services_that_are_not_ready(house: Lakehouse) -> None:
    house.services = (*house.services, Service("taskmanager", ServiceState.BACKOFF, detail="exit status 1"))
    check = house.verify()["services"]
    assert (check.ok, check.actual, check.detail) == (False, "taskmanager is backoff", "taskmanager: exit status 1")
    house.services = ()
    assert not house.verify()["services"].ok


def test_a_topic_with_other_partitions(house: Lakehouse) -> None:
    house.lag = replace(house.lag, partitions=house.lag.partitions[:2])
    assert house.verify()["topic"].actual == "trades with 2 partitions"
    assert not house.verify()["topic"].ok


def test_no_job(house: Lakehouse) -> None:
    house.jobs = []
    checks = house.verify()
    assert failed(checks) == {"job", "checkpoint"}
    assert "lakehouse-tui submit" in checks["job"].detail


def test_two_jobs(house: Lakehouse) -> None:
    other = replace(house.jobs[0], summary=replace(house.jobs[0].summary, id="cd" * 16))
    house.jobs.append(other)
    assert "cancel all but one" in house.verify()["job"].detail


def test_a_job_with_tasks_that_do_not_run(house: Lakehouse) -> None:
    house.jobs = [replace(house.jobs[0], summary=replace(house.jobs[0].summary, tasks_running=5))]
    assert house.verify()["job"].actual == "kafka_to_iceberg (abababab) RUNNING, 5 of 6 tasks"
    assert not house.verify()["job"].ok


def test_an_old_checkpoint(house: Lakehouse) -> None:
    house.checkpointed(house.stats(7, age_s=120))
    assert house.verify()["checkpoint"].ok
    house.checkpointed(house.stats(7, age_s=122))
    assert house.verify()["checkpoint"].actual == "checkpoint 7, 122 s old"
    assert not house.verify()["checkpoint"].ok


def test_a_checkpoint_of_the_future_tells_nothing(house: Lakehouse) -> None:
    house.checkpointed(house.stats(7, age_s=-5))
    assert house.verify()["checkpoint"].actual == "checkpoint 7, 0 s old"
    assert house.verify()["checkpoint"].ok
    house.checkpointed(house.stats(7, age_s=-3600))
    check = house.verify()["checkpoint"]
    assert (check.ok, check.actual) == (False, "checkpoint 7, of the future")
    assert check.detail == "The clock went back; the next checkpoint tells."


def test_before_the_first_checkpoint(house: Lakehouse) -> None:
    summary = replace(house.jobs[0].summary, started_at=NOW - timedelta(seconds=18))
    house.jobs = [JobDetail(summary, (), replace(house.stats(0), history=()))]
    assert house.verify()["checkpoint"].detail == "The first one is due in 42 s."


def test_a_table_ahead_of_the_job(house: Lakehouse) -> None:
    house.checkpointed(house.stats(6))
    check = house.verify()["snapshots"]
    assert not check.ok
    assert check.detail.startswith("raw_trades holds checkpoint 7, the job's newest is 6")


def test_a_job_restored_below_what_the_tables_hold(house: Lakehouse) -> None:
    summary = replace(house.jobs[0].summary, id="cd" * 16)
    house.jobs = [JobDetail(summary, (), house.stats(8, restored=6))]
    assert "agg_1m held checkpoint 7 when the job was restored from 6" in house.verify()["snapshots"].detail
    house.jobs = [JobDetail(summary, (), house.stats(8, restored=7))]
    assert house.verify()["snapshots"].ok


def test_commits_that_are_on_their_way_are_waited_for(house: Lakehouse) -> None:
    late = trade(1, OFFSETS)
    minute = [t for o in range(OFFSETS) if not is_bad(o) and (t := trade(1, o))["ts"] // 60_000 == late["ts"] // 60_000]
    (row,) = candles([*minute, late])
    house.lag = replace(
        house.lag, partitions=(house.partition(0), house.partition(1, committed=OFFSETS + 1), house.partition(2))
    )
    house.checkpointed(house.stats(8))
    house.candles.commit([[row]], [(["symbol", "window_start"], [row])], checkpoint=8, job=JOB)

    def second_pause() -> None:
        if len(house.pauses) == 2:
            house.raw.commit([[late]], checkpoint=8, job=JOB)

    house.while_paused = second_pause
    checks = house.verify()
    assert failed(checks) == set()
    assert len(house.pauses) == 2
    assert checks["candles"].actual == "15 candles of 112 trades, all equal"


def test_a_table_whose_commits_stopped_fails_after_the_wait(house: Lakehouse) -> None:
    house.raw.commit([[trade(1, OFFSETS)]], checkpoint=8, job=JOB)
    house.checkpointed(house.stats(8))
    checks = house.verify()
    assert failed(checks) == {"candles"}
    assert "newest commit of raw_trades is of checkpoint 8, that of agg_1m of checkpoint 7" in checks["candles"].detail
    assert sum(house.pauses) >= 10


def test_nothing_committed_yet(house: Lakehouse) -> None:
    house.lag = replace(house.lag, partitions=tuple(house.partition(p, committed=None) for p in range(PARTITIONS)))
    check = house.verify()["ledger"]
    assert (check.ok, check.detail) == (False, "nothing is committed yet of partition 0, 1, 2")


def test_a_partition_that_had_no_row_at_the_checkpoint_needs_no_commit(house: Lakehouse) -> None:
    house.lag = replace(house.lag, partitions=(*house.lag.partitions, house.partition(3, committed=None)))
    assert house.verify()["ledger"].ok
    unknown = house.partition(3, committed=None, error="not allowed")
    house.lag = replace(house.lag, partitions=(*house.lag.partitions[:3], unknown))
    assert house.verify()["ledger"].detail == "nothing is committed yet of partition 3"


def test_an_empty_partition_needs_no_commit(house: Lakehouse) -> None:
    partitions = (*house.lag.partitions, house.partition(3, high=0, committed=None))
    house.lag = replace(house.lag, partitions=partitions)
    assert house.verify()["ledger"].ok


def test_offsets_that_retention_removed_are_not_required(house: Lakehouse) -> None:
    house.raw.commit(positions=[(house.uris[0], 0)], checkpoint=7, job=JOB)
    house.lag = replace(house.lag, partitions=(house.partition(0, low=1), house.partition(1), house.partition(2)))
    assert house.verify()["ledger"].actual == "119 offsets, each once"


def test_rows_without_an_offset(house: Lakehouse) -> None:
    house.raw.commit([[{**trade(0, 0), "kafka_offset": None}]], checkpoint=7, job=JOB)
    check = house.verify()["ledger"]
    assert (check.ok, check.detail) == (False, "1 rows carry no partition or offset")


def test_no_tables_yet(house: Lakehouse) -> None:
    (house.folder / "lakehouse").rename(house.folder / "other")
    checks = house.verify()
    assert failed(checks) == {"snapshots", "ledger", "candles", "keys"}
    assert checks["ledger"].detail == "Table raw_trades does not exist yet: submit the job first."


def test_a_service_that_does_not_answer_fails_only_its_checks(
    house: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Kafka, read_offsets: dict[int, int] | None = None) -> TopicLag:
        raise UnavailableError("Kafka does not answer.")

    monkeypatch.setattr(Kafka, "lag", away)
    checks = house.verify()
    assert failed(checks) == {"topic", "ledger"}
    assert (checks["topic"].actual, checks["topic"].detail) == ("unknown", "Kafka does not answer.")
