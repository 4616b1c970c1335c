"""Tables that real Flink wrote (Iceberg 1.7.0, parallelism 2, upsert), read beside Flink's own batch SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import recorded_lake
from tui.clients.lake import LakeClient
from tui.clients.lake.audit import LakeAudit
from tui.core.ledger import judge
from tui.model.candles import Candle

TRADES = 420


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_lake.unpacked(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def lake(folder: Path) -> LakeClient:
    return LakeClient(str(folder), "lakehouse")


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[list[object]]:
    rows: list[list[object]] = json.loads((folder / "expected.json").read_text())
    return rows


def row(candle: Candle) -> list[object]:
    times = [f"{t:%Y-%m-%d %H:%M:%S}" for t in (candle.window_start, candle.window_end)]
    prices = [candle.open_price, candle.high_price, candle.low_price, candle.close_price]
    return [candle.symbol, *times, *prices, candle.total_qty, candle.trade_count, candle.buy_qty, candle.sell_qty]


def test_the_recording_has_what_it_is_for(lake: LakeClient) -> None:
    history = lake.history("agg_1m")
    meta = lake.metadata("agg_1m")
    assert history.current_id is not None
    assert len(history.snapshots) >= 3
    kinds = {f.content for f in lake.files(meta, history.current_id)}
    assert kinds == {0, 1, 2}
    first = history.snapshots[0]
    assert first.checkpoint_id is not None
    assert first.job_id is not None
    assert len(first.job_id) == 32


def test_candles_are_those_that_flink_reads(lake: LakeClient, expected: list[list[object]]) -> None:
    found = lake.candles()
    assert [row(c) for c in found.candles] == expected
    assert found.snapshot_id == lake.history("agg_1m").current_id


@pytest.mark.parametrize("limit", [1, 2, 5, 1000, 60_000_000, 10**30])
@pytest.mark.parametrize("symbol", [None, "ETHUSDT", "NONE"])
def test_the_newest_candles_a_symbol(lake: LakeClient, symbol: str | None, limit: int) -> None:
    everything = lake.candles().candles
    symbols = {c.symbol for c in everything if symbol in (None, c.symbol)}
    wanted = [c for s in symbols for c in [c for c in everything if c.symbol == s][-limit:]]
    assert list(lake.candles(symbol, limit).candles) == sorted(wanted, key=lambda c: (c.window_start, c.symbol))


def test_every_offset_is_in_one_of_the_tables(lake: LakeClient) -> None:
    audit = LakeAudit(lake)
    found = [audit.offsets(t, audit.history(t).current_id or 0) for t in ("raw_trades", "bad_trades")]
    ledgers = judge((r for t in found for r in t.runs), dict.fromkeys(range(3), (0, TRADES // 3)))
    assert all(x.ok for x in ledgers)
    assert sum(t.rows for t in found) == TRADES


def test_candles_are_exact_at_every_checkpoint(lake: LakeClient) -> None:
    """Time travel: trades and candles stamped with the same checkpoint always agree.

    Flink commits late checkpoints of an append table together, those of an upsert table one by one.
    """
    audit = LakeAudit(lake)
    trades = {s.checkpoint_id: s.id for s in audit.history("raw_trades").snapshots}
    candles = {s.checkpoint_id: s.id for s in audit.history("agg_1m").snapshots}
    assert trades.keys() <= candles.keys()
    for checkpoint, snapshot in trades.items():
        found = audit.candles(snapshot, candles[checkpoint])
        assert found.expected == found.actual > 0
        assert not (found.missing.count or found.surplus.count or found.differing.count or found.doubled.count)


def test_candles_of_another_checkpoint_do_not_agree(lake: LakeClient) -> None:
    audit = LakeAudit(lake)
    first = audit.history("raw_trades").snapshots[0].id
    found = audit.candles(first, audit.history("agg_1m").current_id)
    assert found.surplus.count > 0
    assert found.differing.count > 0
