"""Finding the current metadata whatever state the hint and the files are in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.lake_writer import Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.detail import LakeDetail
from tui.clients.lake.metadata import Field
from tui.model.errors import NotFoundError, UnavailableError

FIELDS = (Field(1, "k", "string"),)


@pytest.fixture
def lake(tmp_path: Path) -> LakeClient:
    return LakeClient(str(tmp_path), "db")


@pytest.fixture
def table(tmp_path: Path) -> Writer:
    """A table with metadata versions 1 to 4, of which the last three have a snapshot each."""
    table = Writer.create(f"{tmp_path}/db/t", FIELDS)
    for checkpoint in (5, 6, 7):
        table.commit(data=[[{"k": str(checkpoint)}]], checkpoint=checkpoint)
    return table


@pytest.fixture
def folder(table: Writer) -> Path:
    return Path(table.root) / "metadata"


@pytest.mark.parametrize("hint", ["4", "4\n", "3", "1", "99", "0", "-3", "", "four", "\x00\xff", None])
def test_any_hint_leads_to_the_newest_version(lake: LakeClient, folder: Path, hint: str | None) -> None:
    if hint is None:
        (folder / "version-hint.text").unlink()
    else:
        (folder / "version-hint.text").write_bytes(hint.encode("latin-1"))
    history = lake.history("t")
    assert history.metadata_version == 4
    assert [s.checkpoint_id for s in history.snapshots] == [5, 6, 7]
    assert history.current_id == history.snapshots[-1].id


def test_a_hint_far_too_low_is_overtaken(lake: LakeClient, table: Writer, folder: Path) -> None:
    for _ in range(20):
        table.save()
    (folder / "version-hint.text").write_text("2")
    assert lake.history("t").metadata_version == 24


def test_old_versions_may_be_gone(lake: LakeClient, folder: Path) -> None:
    (folder / "v1.metadata.json").unlink()
    (folder / "v2.metadata.json").unlink()
    (folder / "version-hint.text").write_text("1")
    assert lake.history("t").metadata_version == 4


@pytest.mark.parametrize("name", ["v5.gz.metadata.json", "v5.metadata.json.gz"])
def test_compressed_metadata(lake: LakeClient, folder: Path, name: str) -> None:
    (folder / name).write_bytes(gzip.compress((folder / "v4.metadata.json").read_bytes()))
    assert lake.history("t").metadata_version == 5


@pytest.mark.parametrize("broken", [b"", b"{", b'{"format-version": 2, "loc', b"[]", b"\xff\xfe", b"\x1f\x8b\x08"])
def test_half_written_metadata_falls_back_to_the_version_before(lake: LakeClient, folder: Path, broken: bytes) -> None:
    (folder / "v5.metadata.json").write_bytes(broken)
    assert lake.history("t").metadata_version == 4


def test_damaged_metadata_is_named(lake: LakeClient, folder: Path) -> None:
    for version in (3, 4):
        (folder / f"v{version}.metadata.json").write_bytes(b"{")
    with pytest.raises(UnavailableError, match=r"table t .*v3\.metadata\.json.* damaged"):
        lake.history("t")


def test_metadata_without_what_it_must_have_is_named(lake: LakeClient, folder: Path) -> None:
    (folder / "v5.metadata.json").write_text('{"format-version": 2}')
    with pytest.raises(UnavailableError, match="damaged"):
        lake.history("t")


def test_another_format_version_is_refused(lake: LakeClient, table: Writer) -> None:
    table.document["format-version"] = 3
    table.save()
    with pytest.raises(
        UnavailableError, match="format version 3, which this reader does not know; it reads versions 1"
    ):
        lake.history("t")


def test_version_1_without_a_manifest_list_is_refused_in_a_sentence(lake: LakeClient, table: Writer) -> None:
    document = table.document
    document |= {"format-version": 1, "schema": document["schemas"][0]}
    del document["snapshots"][0]["manifest-list"]
    table.save()
    with pytest.raises(UnavailableError, match="snapshots without a manifest list"):
        lake.history("t")


def test_snapshots_of_version_1_are_in_the_order_of_their_times(lake: LakeClient, table: Writer) -> None:
    document = table.document
    document["format-version"] = 1
    for place, snapshot in enumerate(document["snapshots"]):
        del snapshot["sequence-number"]
        snapshot["timestamp-ms"] = 1_000 - place
    table.save()
    assert [s.checkpoint_id for s in lake.history("t").snapshots] == [7, 6, 5]


def test_a_snapshot_has_the_columns_of_its_time(lake: LakeClient, table: Writer) -> None:
    """Asked for by its id; the current one, not asked for by id, has the columns of today."""
    before = table.document["current-snapshot-id"]
    table.evolve((Field(2, "n", "long"), Field(1, "key", "string")))
    detail = LakeDetail(lake)
    assert [c.name for c in detail.rows("t", before).columns] == ["k"]
    assert [c.name for c in detail.rows("t").columns] == ["n", "key"]
    assert [b.schema.names for b in lake.scan("t", snapshot_id=before)] == [["k"]]
    assert [b.schema.names for b in lake.scan("t")] == [["n", "key"]]
    table.commit(data=[[{"n": 1, "key": "8"}]])
    assert [c.name for c in detail.rows("t", table.document["current-snapshot-id"]).columns] == ["n", "key"]
    assert detail.rows("t", before).rows == (("5",), ("6",), ("7",))


def test_a_partition_spec_of_void_transforms_is_unpartitioned(lake: LakeClient, table: Writer) -> None:
    void = [{"name": "k", "transform": "void", "source-id": 1, "field-id": 1000}]
    identity = [*void, {"name": "k2", "transform": "identity", "source-id": 1, "field-id": 1001}]
    table.document["partition-specs"] += [{"spec-id": 1, "fields": void}, {"spec-id": 2, "fields": identity}]
    table.save()
    meta = lake.metadata("t")
    assert meta.unpartitioned_specs == {0, 1}
    assert meta.identities[2] == {1: 1}


def test_no_table(lake: LakeClient) -> None:
    for read in (lake.history, lambda t: list(lake.scan(t))):
        with pytest.raises(NotFoundError, match="Table nothing does not exist yet"):
            read("nothing")


def test_an_empty_table(lake: LakeClient, tmp_path: Path) -> None:
    Writer.create(f"{tmp_path}/db/empty", FIELDS)
    history = lake.history("empty")
    assert (history.current_id, history.current, history.snapshots) == (None, None, ())
    assert list(lake.scan("empty")) == []


def test_unknown_column_and_snapshot_are_named(lake: LakeClient, table: Writer) -> None:
    with pytest.raises(NotFoundError, match="no column 'x'; it has k"):
        list(lake.scan("t", ["x"]))
    with pytest.raises(NotFoundError, match="no snapshot 17"):
        list(lake.scan("t", snapshot_id=17))


def test_counts_that_the_writer_did_not_give_are_unknown(lake: LakeClient, table: Writer) -> None:
    snapshot = lake.history("t").snapshots[0]
    assert snapshot.total_records is None
    assert snapshot.added_delete_files is None


def test_the_stamp_of_a_bounded_job_is_no_checkpoint(lake: LakeClient, table: Writer) -> None:
    table.commit(checkpoint=2**63 - 1)
    assert lake.history("t").current is not None
    assert lake.history("t").snapshots[-1].checkpoint_id is None


def test_a_missing_file_is_not_a_missing_table(lake: LakeClient, table: Writer) -> None:
    (uri,) = table.commit(data=[[{"k": "x"}]])
    Path(uri.removeprefix("file:")).unlink()
    with pytest.raises(UnavailableError, match="Table t lacks its file"):
        list(lake.scan("t"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + bytes(64) + b"PAR1"])
def test_a_damaged_data_file_is_named(lake: LakeClient, table: Writer, content: bytes) -> None:
    (uri,) = table.commit(data=[[{"k": "x"}]])
    path = Path(uri.removeprefix("file:"))
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match=path.name):
        list(lake.scan("t"))


@pytest.mark.parametrize("content", [b"", b"Obj\x01", b"nothing like Avro"])
def test_a_damaged_manifest_is_named(lake: LakeClient, table: Writer, folder: Path, content: bytes) -> None:
    newest = table.document["snapshots"][-1]["manifest-list"]
    Path(newest.removeprefix("file:")).write_bytes(content)
    with pytest.raises(UnavailableError, match="manifest of table t is damaged"):
        list(lake.scan("t"))


def test_a_table_may_be_copied_elsewhere(table: Writer, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    (tmp_path / "db").rename(moved)
    assert json.loads((moved / "t/metadata/v4.metadata.json").read_text())["location"].endswith("db/t")
    rows = [v for b in LakeClient(f"file://{tmp_path}", "elsewhere").scan("t") for v in b.column(0).to_pylist()]
    assert rows == ["5", "6", "7"]
