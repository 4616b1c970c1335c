"""The closer look: what a snapshot changed, its files and their health, its newest rows, the schema in words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lake_writer import BAD, CANDLES, RAW, Row, Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.candles import VALUES
from tui.clients.lake.changes import snapshot_change
from tui.clients.lake.detail import FILES, LakeDetail
from tui.clients.lake.files import DATA, POSITION_DELETES, FileEntry
from tui.clients.lake.health import MANY, judge
from tui.clients.lake.newest import CELL_CHARS
from tui.model.candles import Candle
from tui.model.errors import NotFoundError
from tui.model.iceberg import FileCount, SnapshotChange

RECORDED = Path(__file__).parent.parent / "payloads" / "lake-iceberg-1.7.0.zip"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("symbol", "window_start")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> LakeClient:
    folder = tmp_path_factory.mktemp("recorded")
    zipfile.ZipFile(RECORDED).extractall(folder)
    return LakeClient(str(folder), "lakehouse")


@pytest.fixture
def lake(tmp_path: Path) -> LakeClient:
    return LakeClient(str(tmp_path), "db")


@pytest.fixture
def candles(tmp_path: Path) -> Writer:
    return Writer.create(f"{tmp_path}/db/agg_1m", CANDLES)


def candle(symbol: str, minute: int, close: float) -> Row:
    start = NOON + timedelta(minutes=minute)
    values = dict.fromkeys(VALUES, 1.0) | {"trade_count": 1, "close_price": close}
    return {"symbol": symbol, "window_start": start, "window_end": start + timedelta(minutes=1), **values}


def upsert(*rows: Row) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    return KEY, rows


def kinds(change: SnapshotChange) -> dict[tuple[str, int], tuple[str, Any]]:
    """Symbol and minute → kind and the closing price before and after."""
    found = {}
    for c in change.candles:
        closes = [(v.before, v.after) for v in c.values if v.column == "close_price"]
        minute = (c.window_start - NOON) // timedelta(minutes=1)
        found[c.symbol, minute] = (c.kind, closes[0] if closes else None)
    return found


def newest(lake: LakeClient) -> SnapshotChange:
    return snapshot_change(lake, lake.metadata("agg_1m"), lake.history("agg_1m").current_id or 0)


# --- changes


def test_changes_are_the_difference_between_two_snapshots(recorded: LakeClient) -> None:
    """Real Flink commits, against all candles before and after."""
    detail = LakeDetail(recorded)

    def at(snapshot_id: int | None) -> Mapping[tuple[str, datetime], Candle]:
        found = recorded.candles(snapshot_id=snapshot_id).candles if snapshot_id else ()
        return {(c.symbol, c.window_start): c for c in found}

    seen = set()
    for snapshot in recorded.history("agg_1m").snapshots:
        before, after = at(snapshot.parent_id), at(snapshot.id)
        change = detail.change("agg_1m", snapshot.id)
        told = {(c.symbol, c.window_start): c for c in change.candles}
        assert {k for k, c in told.items() if c.kind == "added"} == after.keys() - before.keys()
        assert {k for k, c in told.items() if c.kind == "removed"} == before.keys() - after.keys()
        differing = {k for k in before.keys() & after.keys() if before[k] != after[k]}
        assert {k for k, c in told.items() if c.kind == "corrected"} == differing
        for key in differing:
            for value in told[key].values:
                assert value.before == getattr(before[key], value.column)
                assert value.after == getattr(after[key], value.column)
        assert change.keys == len(told)
        starts = [c.window_start for c in change.candles]
        assert starts == sorted(starts, reverse=True)
        assert change.data_added.files == snapshot.added_files
        assert change.data_added.records == snapshot.added_records
        seen |= {c.kind for c in change.candles}
    assert {"added", "corrected"} <= seen


def test_every_kind_of_change_to_a_candle(lake: LakeClient, candles: Writer) -> None:
    first = [candle("A", n, 1.0) for n in range(6)]
    (uri,) = candles.commit(data=[first])
    again = [candle("A", 1, 2.0), candle("A", 2, 1.0), candle("B", 9, 5.0), candle("C", 9, 7.0), candle("C", 9, 8.0)]
    candles.commit(
        data=[again],
        equality=[upsert(*again, candle("A", 3, 0.0), candle("Z", 1, 0.0))],
        positions=[(uri, 4), (0, 2), (0, 3)],
    )
    change = newest(lake)
    assert kinds(change) == {
        ("A", 1): ("corrected", (1.0, 2.0)),
        ("A", 2): ("rewritten", None),
        ("A", 3): ("removed", (1.0, None)),
        ("A", 4): ("removed", (1.0, None)),
        ("C", 9): ("added", (None, 8.0)),
    }
    assert change.keys == 7  # with one written and deleted at once, and one deleted that never was
    assert change.data_added.files == 1
    assert (change.position_deletes_added.records, change.equality_deletes_added.records) == (3, 7)


def test_a_rewrite_of_files_changes_no_candle(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", 1, 1.0)], [candle("A", 2, 2.0)]])
    candles.commit(data=[[candle("A", 1, 1.0), candle("A", 2, 2.0)]], drop=uris)
    change = newest(lake)
    assert {c.kind for c in change.candles} == {"rewritten"}
    assert (change.data_added.files, change.data_removed.files) == (1, 2)


def test_a_dropped_file_removes_its_candles(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", 1, 1.0)], [candle("A", 2, 2.0)]])
    candles.commit(drop=[uris[0]])
    assert kinds(newest(lake)) == {("A", 1): ("removed", (1.0, None))}


def test_only_the_newest_are_told_one_by_one(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle(s, n, 1.0) for n in range(20) for s in "AB"]])
    meta = lake.metadata("agg_1m")
    change = snapshot_change(lake, meta, meta.current_id or 0, newest=5)
    assert [(c.symbol, c.window_start.minute) for c in change.candles] == [
        ("A", 19), ("B", 19), ("A", 18), ("B", 18), ("A", 17)
    ]  # fmt: skip
    assert change.keys == 40
    assert change.note == "The newest 5 of 40 candles that it wrote."


def test_an_expired_parent_is_said(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle("A", 1, 1.0)]])
    candles.commit(data=[[candle("A", 2, 1.0)]])
    del candles.document["snapshots"][0]
    candles.save()
    change = newest(lake)
    assert change.note == "Its parent has expired: what it removed or corrected is not known."
    assert (change.keys, change.candles, change.data_added.files) == (None, (), 1)


def test_a_snapshot_that_is_gone_is_named(lake: LakeClient, candles: Writer) -> None:
    detail = LakeDetail(lake)
    for read in (detail.change, detail.files, detail.rows):
        with pytest.raises(NotFoundError, match="Table agg_1m has no snapshot 17"):
            read("agg_1m", 17)
    with pytest.raises(NotFoundError, match="Table nothing does not exist yet"):
        detail.schema("nothing")


def test_only_files_that_can_hold_a_changed_minute_are_read(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", n, 1.0)] for n in range(10)])
    Path(uris[5].removeprefix("file:")).unlink()
    ends = [candle("A", 0, 2.0), candle("A", 9, 2.0)]
    candles.commit(data=[ends], equality=[upsert(*ends)])
    assert {c.kind for c in newest(lake).candles} == {"corrected"}


# --- files


def entry(content: int, size: int, records: int = 10) -> FileEntry:
    return FileEntry(content, f"file:/x/{size}", 1, records, size, None, {}, {}, ())


def test_files_newest_first_with_what_is_in_them(recorded: LakeClient) -> None:
    found = LakeDetail(recorded).files("agg_1m")
    assert found.total == len(found.files) > 10
    assert [f.sequence for f in found.files] == sorted((f.sequence for f in found.files), reverse=True)
    data = [f for f in found.files if f.kind == "data"]
    every = recorded.candles().candles
    assert min(f.since for f in data if f.since) == min(c.window_start for c in every)
    assert max(f.until for f in data if f.until) == max(c.window_start for c in every)
    assert all(f.time_column == "window_start" for f in data)
    assert {b for f in data for b in f.bounds} <= {
        ("symbol", a, b) for a in ("BTCUSDT", "ETHUSDT", "SOLUSDT") for b in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    }
    assert all("/" not in f.name for f in found.files)
    counts = found.health
    assert counts.data.files + counts.position_deletes.files + counts.equality_deletes.files == found.total
    raw = LakeDetail(recorded).files("raw_trades").files[0]
    assert [b[0] for b in raw.bounds] == ["symbol", "kafka_partition", "kafka_offset"]


def test_many_files_are_bounded_and_their_health_is_that_of_all(lake: LakeClient, tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/t", BAD)
    table.commit(data=[[{"raw": str(n)}] for n in range(FILES + 20)])
    found = LakeDetail(lake).files("t")
    assert (found.total, len(found.files), found.health.data.files) == (FILES + 20, FILES, FILES + 20)


def test_health_counts_by_the_rule_of_rewrites() -> None:
    files = [entry(DATA, 74), entry(DATA, 75), entry(DATA, 76), entry(POSITION_DELETES, 1)]
    found = judge(files, {"write.target-file-size-bytes": "100"})
    assert (found.small_bytes, found.small_files) == (75, 1)
    assert found.small_share == pytest.approx(1 / 3)
    assert found.average_bytes == 75
    assert found.deletes_per_data_file == pytest.approx(1 / 3)
    assert found.data == FileCount(3, 30, 225)
    assert judge(files, {"write.target-file-size-bytes": "many"}).small_bytes == 384 * 1024 * 1024


@pytest.mark.parametrize(
    ("data", "deletes", "words", "poor"),
    [
        (0, 0, "No data file yet.", False),
        (MANY, MANY, "frequent commits", False),
        (MANY + 1, 0, "opens 101 small data files. Iceberg's rewrite_data_files", True),
        (1, MANY + 1, "opens 101 delete files.", True),
        (MANY + 1, MANY + 1, "101 small data files and 101 delete files", True),
    ],
)
def test_advice(data: int, deletes: int, words: str, poor: bool) -> None:
    found = judge([entry(DATA, 5)] * data + [entry(POSITION_DELETES, 5)] * deletes, {})
    assert words in found.advice
    assert found.poor is poor


def test_large_files_are_good() -> None:
    assert judge([entry(DATA, 10**9)], {}).advice == "The files are of good size."


# --- rows


def test_the_newest_rows_are_those_of_a_full_scan(recorded: LakeClient) -> None:
    detail = LakeDetail(recorded)
    names = [f.name for f in RAW]
    rows = [r for b in recorded.scan("raw_trades", names) for r in b.to_pylist()]
    rows.sort(key=lambda r: (-r["event_time"].timestamp(), r["kafka_partition"], -r["kafka_offset"]))
    for limit in (1, 7, 100, 10_000):
        found = detail.rows("raw_trades", limit=limit)
        offsets = [(int(r[6] or -1), int(r[7] or -1)) for r in found.rows]
        assert offsets == [(r["kafka_partition"], r["kafka_offset"]) for r in rows[:limit]]
    assert [c.name for c in found.columns] == names
    assert found.columns[5].type == "timestamptz"
    assert found.rows[0][5] == rows[0]["event_time"].isoformat(timespec="milliseconds")


def test_trades_of_one_moment_are_in_the_order_of_their_offsets(lake: LakeClient, tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/raw_trades", RAW)
    places = [(1, 5), (0, 7), (0, 8), (1, 6)]
    table.commit(data=[[{"event_time": NOON, "kafka_partition": p, "kafka_offset": o} for p, o in places]])
    found = LakeDetail(lake).rows("raw_trades").rows
    assert [(r[6], r[7]) for r in found] == [("0", "8"), ("0", "7"), ("1", "6"), ("1", "5")]


def test_rows_and_candles_as_of_a_snapshot(recorded: LakeClient) -> None:
    detail = LakeDetail(recorded)
    for snapshot in recorded.history("agg_1m").snapshots:
        every = detail.candles_at(snapshot.id, None, 10_000)
        assert every.snapshot_id == snapshot.id
        found = detail.rows("agg_1m", snapshot.id, 10_000)
        assert len(found.rows) == len(every.candles)
        assert {(r[0], r[8]) for r in found.rows} == {(c.symbol, str(c.trade_count)) for c in every.candles}
    assert detail.candles_at(None, "BTCUSDT", 2).candles == recorded.candles("BTCUSDT", 2).candles


def test_deleted_rows_make_it_look_further_back(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle("A", n, 1.0) for n in range(10)]])
    for close in range(2, 30):
        candles.commit(data=[[candle("A", 9, float(close))]], equality=[upsert(candle("A", 9, 0.0))])
    found = LakeDetail(lake).rows("agg_1m", limit=4)
    assert [(r[1] or "")[14:16] for r in found.rows] == ["09", "08", "07", "06"]
    assert found.rows[0][6] == "29.0"


def test_text_from_outside_is_cut_and_null_stays_null(lake: LakeClient, tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/bad_trades", BAD)
    table.commit(data=[[{"raw": "x" * 60_000, "kafka_time": NOON}, {"raw": None}]])
    found = LakeDetail(lake).rows("bad_trades")
    assert [len(r[0] or "") for r in found.rows] == [CELL_CHARS, 0]
    assert found.rows[1] == (None, None, None, None, None)


def test_an_empty_table(lake: LakeClient, candles: Writer) -> None:
    detail = LakeDetail(lake)
    assert detail.rows("agg_1m").rows == ()
    assert detail.files("agg_1m").health.advice == "No data file yet."
    assert detail.candles_at(None, "A", 5).candles == ()


# --- schema


def test_the_schema_in_words(lake: LakeClient, tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/t", BAD, partition_by="reason")
    nested = {
        "type": "struct",
        "fields": [
            {"id": 11, "name": "tags", "required": False, "type": {"type": "list", "element-id": 12, "element": "int"}},
            {
                "id": 13,
                "name": "by_name",
                "required": False,
                "type": {"type": "map", "key-id": 14, "key": "string", "value-id": 15, "value": "decimal(9, 2)"},
            },
        ],
    }
    schema = table.document["schemas"][0]
    schema["fields"].append({"id": 10, "name": "extra", "required": True, "type": nested, "doc": "more of it"})
    schema["identifier-field-ids"] = [3, 4]
    hour = [{"name": "kafka_time_hour", "transform": "hour", "source-id": 5, "field-id": 1001}]
    table.document["partition-specs"].append({"spec-id": 1, "fields": hour})
    table.document["partition-specs"].append({"spec-id": 2, "fields": []})
    table.document |= {
        "default-spec-id": 1,
        "default-sort-order-id": 3,
        "sort-orders": [
            {"order-id": 0, "fields": []},
            {
                "order-id": 3,
                "fields": [{"transform": "identity", "source-id": 4, "direction": "asc", "null-order": "nulls-first"}],
            },
        ],
        "properties": {"b": "2", "a": "1"},
    }
    table.save()
    found = LakeDetail(lake).schema("t")
    extra = found.fields[-1]
    assert extra.type == "struct<tags: list<int>, by_name: map<string, decimal(9, 2)>>"
    assert (extra.required, extra.doc) == (True, "more of it")
    assert [f.name for f in found.fields if f.key] == ["kafka_partition", "kafka_offset"]
    assert found.partition_specs == ("hour(kafka_time)", "reason", "unpartitioned")
    assert found.sort_order == "kafka_offset asc nulls-first"
    assert found.properties == (("a", "1"), ("b", "2"))
    table.commit(data=[[{"raw": "x", "reason": "r"}]])
    assert [c.name for c in LakeDetail(lake).rows("t").columns] == [f.name for f in BAD]  # nested ones are left out


def test_the_recorded_schema(recorded: LakeClient) -> None:
    found = LakeDetail(recorded).schema("agg_1m")
    assert [(f.name, f.type, f.required) for f in found.fields[:2]] == [
        ("symbol", "string", True),
        ("window_start", "timestamptz", True),
    ]
    assert found.partition_specs == ("unpartitioned",)
    assert found.format_version == 2
    assert json.dumps(found.properties)
