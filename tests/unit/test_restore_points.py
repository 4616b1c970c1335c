"""Checkpoints and savepoints on disk, complete, half-written and foreign; the record of who continued whom."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from tui.model.errors import LakehouseError
from tui.model.flink import Lineage, RestorePoint
from tui.stack.restore_points import HEADER_BYTES, TAIL_BYTES, LineageFile, find, flink_uri, point, prune

PAYLOADS = Path(__file__).parent.parent / "payloads"

JOB = "e3ea3b4c2984e10d460f4369ffce5c64"


END = b"SharingFilesStrategy\0\0xpt\0\x10FORWARD_BACKWARD"


def whole(checkpoint_id: int, version: int = 4) -> bytes:
    """The start and the end of what Flink writes, with something between."""
    return struct.pack(">iiq", 0x4960672D, version, checkpoint_id) + bytes(99) + END


def metadata(folder: Path, checkpoint_id: int, at: float, content: bytes | None = None) -> None:
    folder.mkdir(parents=True)
    file = folder / "_metadata"
    file.write_bytes(whole(checkpoint_id) if content is None else content)
    os.utime(file, (at, at))


def test_both_kinds_are_found_oldest_first(tmp_path: Path) -> None:
    metadata(tmp_path / "c" / JOB / "chk-12", 12, 2000.0)
    metadata(tmp_path / "c" / JOB / "chk-9", 9, 1000.0)
    metadata(tmp_path / "s" / "savepoint-e3ea3b-0123456789ab", 13, 3000.0)
    found = find(tmp_path / "c", tmp_path / "s")
    assert [(p.kind, p.checkpoint_id, p.job_id) for p in found] == [
        ("checkpoint", 9, JOB),
        ("checkpoint", 12, JOB),
        ("savepoint", 13, "e3ea3b"),
    ]
    assert found[2].written_by(JOB)
    assert found[0].path == f"file://{tmp_path}/c/{JOB}/chk-9"


def test_flink_is_given_paths_as_they_are(tmp_path: Path) -> None:
    assert flink_uri(tmp_path / "my home é 100%") == f"file://{tmp_path}/my home é 100%"


@pytest.mark.parametrize(
    ("content", "damage"),
    [
        (b"", "its _metadata has only 0 bytes"),
        (b"\x49\x60\x67", "its _metadata has only 3 bytes"),
        (b"not checkpoint metadata at all", "its _metadata is none of Flink's"),
        (whole(1)[:-1], "its _metadata is cut short"),
        (whole(1)[: -len("_BACKWARD")], "its _metadata is cut short"),
        (whole(1)[:60], "its _metadata is cut short"),
        (whole(1) + b"\0", "its _metadata is cut short"),
        (whole(1, version=3)[:60], None),  # which has no such end
    ],
)
def test_metadata_that_is_not_whole_is_damage(tmp_path: Path, content: bytes, damage: str | None) -> None:
    metadata(tmp_path / "c" / JOB / "chk-1", 1, 1.0, content)
    assert [(p.checkpoint_id, p.damage) for p in find(tmp_path / "c", tmp_path / "s")] == [(1, damage)]


def test_what_has_no_metadata_was_never_complete(tmp_path: Path) -> None:
    (tmp_path / "c" / JOB / "chk-2").mkdir(parents=True)
    (tmp_path / "c" / JOB / "shared").mkdir()
    assert find(tmp_path / "c", tmp_path / "s") == ()


@pytest.mark.parametrize("kind", ["checkpoint", "savepoint"])
def test_every_cut_of_what_flink_wrote_is_seen(kind: Literal["checkpoint", "savepoint"]) -> None:
    data = whole(7)[: -len(END)] + (PAYLOADS / "flink-1.19.3" / f"{kind}-metadata-end.bin").read_bytes()
    for size in range(len(data) + 1):
        head, tail = data[:size][:HEADER_BYTES], data[:size][-TAIL_BYTES:]
        found = point("file:/c/chk-7", kind, head, tail, datetime.now(UTC), JOB)
        assert (found.damage is None) == (size == len(data)), size


def test_lineage_survives_a_line_cut_short(tmp_path: Path) -> None:
    file = LineageFile(tmp_path / "flink" / "lineage.jsonl")
    assert file.read().parents == {}
    file.append("aaaaaa1", None)
    file.append("bbbbbb2", RestorePoint("file:///p", "checkpoint", 3, None, "aaaaaa1"))  # type: ignore[arg-type]
    with (tmp_path / "flink" / "lineage.jsonl").open("a") as stream:
        stream.write('{"job": "cccc')
    assert file.read().parents == {"aaaaaa1": None, "bbbbbb2": "aaaaaa1"}
    assert file.read().descends("bbbbbb2", "aaaaaa1") is True


def test_a_record_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "flink").write_text("a file where a folder should be")
    with pytest.raises(LakehouseError, match="cannot be written"):
        LineageFile(tmp_path / "flink" / "lineage.jsonl").append("a", None)


def test_a_line_cut_short_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    path.write_text('{"job": "lost", "par')
    for job in ("a", "b"):
        LineageFile(path).append(job, None)
    assert LineageFile(path).read() == Lineage({"a": None, "b": None})
    assert len(path.read_text().splitlines()) == 3


def test_checkpoints_of_old_jobs_go(tmp_path: Path) -> None:
    for number in range(6):
        metadata(tmp_path / f"{number}" / "chk-1", 1, 1000.0 * (number + 1))
    metadata(tmp_path / "1" / "chk-2", 2, 9000.0)  # the oldest but one goes on the longest
    metadata(tmp_path / "damaged" / "chk-1", 1, 8000.0, b"")
    for name, at in (("never complete", 500.0), ("begins", 9500.0), ("damaged", 8000.0)):
        (tmp_path / name).mkdir(exist_ok=True)
        os.utime(tmp_path / name, (at, at))
    prune(tmp_path, spared="2", keep=3)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["1", "2", "4", "5", "begins", "damaged"]
    assert [p.checkpoint_id for p in find(tmp_path, tmp_path / "none") if p.job_id == "1"] == [1, 2]


def test_nothing_goes_before_there_is_enough(tmp_path: Path) -> None:
    for number in range(3):
        metadata(tmp_path / f"{number}" / "chk-1", 1, 1000.0)
    (tmp_path / "never complete").mkdir()
    prune(tmp_path, keep=3)
    prune(tmp_path / "not there", keep=3)
    assert len(list(tmp_path.iterdir())) == 4
