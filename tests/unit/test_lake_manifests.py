"""Manifests, read beside PyIceberg's reader; and damaged in every place."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.io import InputFile
from pyiceberg.manifest import read_manifest_list

from tests import recorded_lake
from tests.lake_writer import Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.metadata import Field
from tui.clients.lake.parquet import DELETED_PATH
from tui.model.errors import LakehouseError


class Local(InputFile):
    """A file of the recording, wherever it was written."""

    def __init__(self, folder: Path, location: str) -> None:
        super().__init__(location)
        self.path = folder / "lakehouse" / location.split("/lakehouse/")[1]

    def __len__(self) -> int:
        return self.path.stat().st_size

    def exists(self) -> bool:
        return self.path.exists()

    def open(self, seekable: bool = True) -> Any:
        return io.BytesIO(self.path.read_bytes())


class LocalIO:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_input(self, location: str) -> InputFile:
        return Local(self.folder, location)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recorded_lake.unpacked(tmp_path)


@pytest.mark.parametrize("table", ["agg_1m", "raw_trades", "bad_trades"])
def test_live_files_are_those_that_pyiceberg_reads(folder: Path, table: str) -> None:
    lake = LakeClient(str(folder), "lakehouse")
    meta = lake.metadata(table)
    for snapshot, uri in meta.manifest_lists.items():
        expected = {}
        for manifest in read_manifest_list(Local(folder, uri)):
            for entry in manifest.fetch_manifest_entry(LocalIO(folder), discard_deleted=True):  # type: ignore[arg-type]
                file = entry.data_file
                wanted = meta.bounded | {DELETED_PATH.id}
                lower, upper = (
                    {k: v for k, v in (b or {}).items() if k in wanted} for b in (file.lower_bounds, file.upper_bounds)
                )
                ids = tuple(sorted(file.equality_ids or ()))
                size = file.file_size_in_bytes
                expected[file.file_path] = (
                    int(file.content), entry.sequence_number, file.record_count, size, lower, upper, ids,
                )  # fmt: skip
        found = {
            f.uri: (
                f.content, f.sequence, f.records, f.size_bytes, dict(f.lower), dict(f.upper), f.equality_ids,
            )
            for f in lake.files(meta, snapshot)
        }  # fmt: skip
        assert found == expected


def test_bounds_are_kept_for_the_key_and_for_deleted_paths_only(folder: Path) -> None:
    meta = LakeClient(str(folder), "lakehouse").metadata("agg_1m")
    assert meta.bounded == {1, 2}
    assert LakeClient(str(folder), "lakehouse").metadata("raw_trades").bounded >= {1, 2, 6, 7, 8}


@pytest.fixture
def table(tmp_path: Path) -> Writer:
    table = Writer.create(f"{tmp_path}/db/t", (Field(1, "k", "string"),))
    table.commit(data=[[{"k": "a"}], [{"k": "b"}]])
    return table


def test_damage_anywhere_is_one_sentence(table: Writer, tmp_path: Path) -> None:
    """Cut or changed bytes in a manifest or its list: rows, or a failure that is named, and never a crash."""
    dice = random.Random(7)
    files = sorted(Path(table.root, "metadata").glob("*.avro"))
    assert len(files) == 2
    failures = 0
    for file in files:
        whole = file.read_bytes()
        for _ in range(150):
            spoiled = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.3 else whole)
            for _ in range(dice.randrange(1, 4)):
                if spoiled:
                    spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
            file.write_bytes(bytes(spoiled))
            try:
                list(LakeClient(str(tmp_path), "db").scan("t"))
            except LakehouseError as error:
                failures += 1
                assert "\n" not in str(error)
        file.write_bytes(whole)
    assert failures > 100


def test_a_manifest_that_is_gone_is_named(table: Writer, tmp_path: Path) -> None:
    for file in Path(table.root, "metadata").glob("*-m0.avro"):
        file.unlink()
    with pytest.raises(LakehouseError, match="Table t lacks a manifest"):
        list(LakeClient(str(tmp_path), "db").scan("t"))
