"""Verify on the real pipeline: true while the job runs under load, false and precise when a table was tampered with."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.integration.conftest import Lab, silent, until
from tests.lake_writer import CANDLES, RAW, Writer
from tui import bootstrap
from tui.model.checks import Check

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
EACH = 200
BASE_MS = 1_705_641_234_567
LOAD = {"rate": "500", "seed": "11", "late": "0.02", "bad": "0.01", "duplicates": "0.01"}


def message(offset: int, symbol: str) -> bytes | None:
    if offset % 50 == 7:
        return b"not JSON"
    ts = BASE_MS + offset * 1_700 - (200_000 if offset % 40 == 3 else 0)
    side = ("BUY", "SELL")[offset % 2]
    return json.dumps({"symbol": symbol, "ts": ts, "price": 100.5 + offset % 17, "qty": 0.1, "side": side}).encode()


def checks(lab: Lab) -> dict[str, Check]:
    return {c.name: c for c in lab.verify()}


@pytest.fixture
def fed(lab: Lab) -> Lab:
    """Every partition with `EACH` messages, all of them committed in two checkpoints or more."""
    lab.control.submit(silent)
    for half in (range(EACH // 2), range(EACH // 2, EACH)):
        lab.send([(p, s.encode(), message(o, s)) for p, s in enumerate(SYMBOLS) for o in half])
        lab.committed(3 * len(half) if half.start == 0 else 3 * EACH)
    return lab


def table(lab: Lab, name: str, fields: Any) -> Writer:
    """The table, to be tampered with; only while no job runs."""
    lake = lab.clients.lake
    root = f"{lab.settings.warehouse.partition('://')[2]}/{lab.settings.database}/{name}"
    return Writer.open(lake._storage._fs, root, lake.history(name).metadata_version, fields)


def test_each_kind_of_damage_is_named(fed: Lab) -> None:
    fed.assert_verified()
    assert checks(fed)["ledger"].actual == f"{3 * EACH} offsets, each once"
    fed.control.cancel()
    lake = fed.clients.lake
    raw, candles = table(fed, "raw_trades", RAW), table(fed, "agg_1m", CANDLES)
    meta = lake.metadata("raw_trades")
    assert meta.current is not None
    stamp = {"checkpoint": meta.current.checkpoint_id, "job": meta.current.job_id or ""}

    (row,) = [
        r
        for b in lake.scan("raw_trades")
        for r in b.to_pylist()
        if (r["kafka_partition"], r["kafka_offset"]) == (1, 20)
    ]
    raw.commit([[row]], **stamp)
    found = checks(fed)
    assert found["ledger"].detail == "partition 1: 20 twice"
    assert not found["candles"].ok

    raw.commit(equality=[(["kafka_partition", "kafka_offset"], [row])], **stamp)
    found = checks(fed)
    assert found["ledger"].detail == "partition 1: missing 20"
    raw.commit([[row]], **stamp)
    assert checks(fed)["ledger"].ok
    assert checks(fed)["candles"].ok

    (candle, *_) = [r for b in lake.scan("agg_1m") for r in b.to_pylist() if r["symbol"] == "SOLUSDT"]
    wrong = {**candle, "close_price": candle["close_price"] + 0.5}
    key = ["symbol", "window_start"]
    candles.commit([[wrong]], [(key, [wrong])], **stamp)
    check = checks(fed)["candles"]
    assert check.detail.startswith(
        f"SOLUSDT {candle['window_start']:%Y-%m-%d %H:%M}: close_price is {wrong['close_price']}"
    )
    candles.commit([[candle, candle]], [(key, [candle])], **stamp)
    assert checks(fed)["keys"].detail == f"SOLUSDT {candle['window_start']:%Y-%m-%d %H:%M} is there 2 times"

    drop = [f.uri for f in lake.files(meta, meta.current.id) if f.content == 0]
    raw.commit(drop=drop[:1], **stamp)
    lost = checks(fed)["ledger"]
    assert not lost.ok
    assert "missing" in lost.detail


def test_true_at_any_moment_under_load(lab: Lab) -> None:
    """Verify runs again and again while the job commits; what it sees between two commits must not mislead it."""
    bootstrap.producer(lab.settings).start(LOAD)
    lab.control.submit(silent)
    lab.committed(1)
    ended = threading.Event()

    def checkpoints() -> None:
        while not ended.is_set():
            lab.control.checkpoint(silent)

    pace = threading.Thread(target=checkpoints)
    pace.start()
    try:
        judged = [checks(lab) for _ in range(6)]
    finally:
        ended.set()
        pace.join()
    for found in judged:
        assert {c.name: (c.actual, c.detail) for c in found.values() if not c.ok} == {}
    trades = [int(found["ledger"].actual.split()[0].replace(",", "")) for found in judged]
    assert trades[0] < trades[-1], "the pipeline moved on meanwhile"


def test_candles_in_every_state_of_the_table(fed: Lab) -> None:
    """Time travel on the real table: candles and trades of one checkpoint agree, deletes applied."""
    from tui.clients.lake.audit import LakeAudit

    audit = LakeAudit(fed.clients.lake)
    until(lambda: len(audit.history("agg_1m").snapshots) >= 2, "two commits of agg_1m")
    candles = {s.checkpoint_id: s.id for s in audit.history("agg_1m").snapshots}
    for snapshot in audit.history("raw_trades").snapshots:
        found = audit.candles(snapshot.id, candles[snapshot.checkpoint_id])
        assert found.expected == found.actual > 0
        assert (found.missing.count, found.surplus.count, found.differing.count, found.doubled.count) == (0, 0, 0, 0)
