"""Merge-on-read rules, on tables written for the purpose: which delete hits which row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyiceberg.manifest import FileFormat

from tests.lake_model import random_history
from tests.lake_scenarios import Reader, checks
from tests.lake_writer import Row, Writer, arrow_schema
from tui.clients import lake
from tui.clients.lake import LakeClient
from tui.clients.lake.metadata import Field
from tui.clients.lake.scan import Between
from tui.model.errors import UnavailableError

FIELDS = (Field(1, "k", "string"), Field(2, "n", "long"), Field(3, "v", "string"))


def row(k: str | None, n: int | None, v: str) -> Row:
    return {"k": k, "n": n, "v": v}


@pytest.fixture
def table(tmp_path: Path) -> Writer:
    return Writer.create(f"{tmp_path}/db/t", FIELDS)


def values(tmp_path: Path, *, where: Sequence[Between] = (), column: str = "v", **options: Any) -> list[Any]:
    batches = LakeClient(str(tmp_path), "db").scan("t", [column], where=where, **options)
    return sorted((v for b in batches for v in b.column(0).to_pylist()), key=str)


def test_an_equality_delete_hits_older_rows_only(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row("a", 1, "old"), row("b", 1, "kept")]])
    table.commit(data=[[row("a", 1, "new")]], equality=[(["k", "n"], [row("a", 1, "")])])
    assert values(tmp_path) == ["kept", "new"]


def test_a_position_delete_hits_rows_of_its_own_commit_and_older_ones(tmp_path: Path, table: Writer) -> None:
    (old,) = table.commit(data=[[row("a", 1, "old-0"), row("a", 1, "old-1"), row("a", 1, "old-2")]])
    (uri,) = table.commit(data=[[row("b", 1, "first"), row("b", 2, "second")]])
    table.commit(positions=[(old, 1), (uri, 0)])
    assert values(tmp_path) == ["old-0", "old-2", "second"]


def test_position_and_equality_deletes_of_one_commit(tmp_path: Path, table: Writer) -> None:
    """As Flink's upsert writer: an equality delete a key, a position delete for each earlier row of the commit."""
    table.commit(data=[[row("a", 1, "v1")]])
    versions = [row("a", 1, "v2"), row("b", 1, "b"), row("a", 1, "v3")]
    keys = [row("a", None, ""), row("b", None, "")]
    table.commit(data=[versions], equality=[(["k"], keys)], positions=[(0, 0)])
    assert values(tmp_path) == ["b", "v3"]


def test_null_equals_null_and_nothing_else(tmp_path: Path, table: Writer) -> None:
    rows = [row(None, 1, "null-1"), row("a", None, "a-null"), row("a", 1, "a-1"), row(None, None, "null-null")]
    table.commit(data=[rows])
    table.commit(equality=[(["k", "n"], [row(None, 1, ""), row(None, None, "")])])
    assert values(tmp_path) == ["a-1", "a-null"]


def test_the_newest_of_several_deletes_of_a_key_counts(tmp_path: Path, table: Writer) -> None:
    for version in ("v1", "v2", "v3"):
        table.commit(data=[[row("a", 1, version)]], equality=[(["k"], [row("a", None, "")])])
    table.commit(equality=[(["k"], [row("b", None, "")])])
    assert values(tmp_path) == ["v3"]


def test_deletes_by_different_columns_add_up(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row("a", 1, "1"), row("b", 2, "2"), row("c", 3, "3"), row("d", 4, "4")]])
    table.commit(equality=[(["k"], [row("a", None, "")]), (["n"], [row(None, 2, "")])])
    table.commit(equality=[(["k", "n"], [row("c", 3, ""), row("d", 3, ""), row("c", 4, "")])])
    assert values(tmp_path) == ["4"]


def test_deletes_of_a_partition_stay_in_it(tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/t", FIELDS, partition_by="k")
    table.commit(data=[[row("a", 1, "a-1"), row("a", 2, "a-2")], [row("b", 1, "b-1")]])
    table.commit(equality=[(["n"], [row("a", 1, "")])])
    assert values(tmp_path) == ["a-2", "b-1"]


def test_dropped_files_are_gone_and_old_snapshots_still_there(tmp_path: Path, table: Writer) -> None:
    (uri,) = table.commit(data=[[row("a", 1, "one")]])
    before = table.document["current-snapshot-id"]
    table.commit(data=[[row("b", 1, "two")]], drop=[uri])
    assert values(tmp_path) == ["two"]
    assert values(tmp_path, snapshot_id=before) == ["one"]


def test_columns_are_found_by_field_id(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row("a", 1, "x")]])
    renamed = (Field(1, "k", "string"), Field(3, "n", "string"), Field(2, "v", "long"), Field(9, "late", "double"))
    table.fields = renamed
    table.document["schemas"] = [table.schema_json()]
    table.save()
    assert values(tmp_path, column="n") == ["x"]
    assert values(tmp_path, column="v") == [1]
    assert values(tmp_path, column="late") == [None]


def test_filters_prune_and_filter_without_reviving_rows(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row("a", n, f"a{n}") for n in range(10)], [row("b", n, f"b{n}") for n in range(10)]])
    table.commit(equality=[(["k", "n"], [row("a", 3, ""), row("b", 4, "")])])
    assert values(tmp_path, where=[Between("k", "a", "a"), Between("n", 2, 4)]) == ["a2", "a4"]
    assert values(tmp_path, where=[Between("n", 9)]) == ["a9", "b9"]
    assert values(tmp_path, where=[Between("k", "c")]) == []


def test_large_files_keep_their_positions_across_batches(tmp_path: Path, table: Writer) -> None:
    rows = [row("a", n, str(n)) for n in range(300_000)]
    (uri,) = table.commit(data=[rows])
    gone = [0, 131_071, 131_072, 262_143, 262_144, 299_999]
    table.commit(positions=[(uri, n) for n in gone])
    kept = values(tmp_path, column="n")
    assert len(kept) == 300_000 - len(gone)
    assert not set(kept) & set(gone)


def test_deletes_by_a_column_that_no_schema_has_any_more_are_not_ignored(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row("a", 1, "x")]])
    table.commit(equality=[(["n"], [row(None, 1, "")])])
    table.fields = (FIELDS[0], FIELDS[2])
    table.document["schemas"] = [table.schema_json()]
    table.save()
    with pytest.raises(UnavailableError, match="deletes by field 2, which is no top-level column of any schema"):
        values(tmp_path)


def test_a_delete_file_without_its_columns_is_not_taken_for_deletes_of_null(tmp_path: Path, table: Writer) -> None:
    table.commit(data=[[row(None, 1, "x")]])
    table.commit(equality=[(["n"], [row(None, 1, "")])])
    (uri,) = table.deletes
    pq.write_table(pa.table([[1]], schema=arrow_schema([Field(7, "other", "long")])), uri.removeprefix("file:"))
    with pytest.raises(UnavailableError, match="delete file without the columns it goes by"):
        values(tmp_path)


def test_files_without_field_ids_are_refused(tmp_path: Path, table: Writer) -> None:
    (uri,) = table.commit(data=[[row("a", 1, "x")]])
    pq.write_table(pa.table({"k": ["a"], "n": [1], "v": ["x"]}), uri.removeprefix("file:"))
    with pytest.raises(UnavailableError, match="files without field ids"):
        values(tmp_path)


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        (FileFormat.AVRO, "data files in AVRO; this reader reads Parquet only"),
        (FileFormat.ORC, "data files in ORC"),
        (FileFormat.PUFFIN, "deletion vectors"),
    ],
)
def test_other_formats_are_refused_in_a_sentence(tmp_path: Path, table: Writer, kind: FileFormat, match: str) -> None:
    table.commit(data=[[row("a", 1, "x")]], kind=kind)
    with pytest.raises(UnavailableError, match=match):
        values(tmp_path)


def test_kept_files_are_not_read_with_names_and_types_of_before(tmp_path: Path) -> None:
    table = Writer.create(f"{tmp_path}/db/t", (Field(1, "a", "int"), Field(2, "b", "int")))
    table.commit(data=[[{"a": 1, "b": 2}]])
    table.commit(data=[[{"a": 3, "b": 4}]])
    lake = LakeClient(str(tmp_path), "db")

    def rows(*columns: str) -> list[dict[str, Any]]:
        meta = lake.metadata("t")
        batches = list(lake.rows(meta, meta.current_id or 0, columns, keep=True))
        return [row for b in batches for row in b.to_pylist()]

    assert rows("a", "b") == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    table.evolve((Field(1, "b", "long"), Field(2, "a", "int")))
    table.commit(data=[[{"a": 6, "b": 2**40}]])
    assert rows("b", "a") == [{"b": 1, "a": 2}, {"b": 3, "a": 4}, {"b": 2**40, "a": 6}]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dice=st.randoms(use_true_random=False))
def test_random_histories_read_as_decided_row_by_row(dice: Random) -> None:
    """Data, deletes of every kind, partitions and specs; null, NaN and -0.0: every snapshot, with every filter."""
    with TemporaryDirectory() as folder:
        history = random_history(dice, f"{folder}/db/t")
        reader = Reader(lake)
        for check in checks(history, Path(folder)):
            assert check.found(reader) == check.expected
