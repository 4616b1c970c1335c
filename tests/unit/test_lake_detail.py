"""The closer look: files and their health, newest rows, the schema in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import recorded_lake
from tests.lake_candles import NOON, candle, upsert
from tests.lake_writer import BAD, CANDLES, RAW, Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.detail import FILES, LakeDetail
from tui.clients.lake.files import DATA, POSITION_DELETES, FileEntry
from tui.clients.lake.health import MANY, judge
from tui.clients.lake.newest import CELL_CHARS
from tui.model.iceberg import FileCount


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> LakeClient:
    return recorded_lake.opened(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def lake(tmp_path: Path) -> LakeClient:
    return LakeClient(str(tmp_path), "db")


@pytest.fixture
def candles(tmp_path: Path) -> Writer:
    return Writer.create(f"{tmp_path}/db/agg_1m", CANDLES)


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
