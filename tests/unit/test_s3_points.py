"""Checkpoints and savepoints listed in an object store; a folder of the disk has the same shape."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tui.clients.lake.storage import Storage, open_storage
from tui.model.access import S3Access
from tui.model.errors import UnavailableError
from tui.stack import s3_points

JOB = "a" * 32
MAGIC = 0x4960672D


def point(folder: Path, identifier: int, at: int, *, size: int | None = None) -> None:
    folder.mkdir(parents=True)
    whole = struct.pack(">iiq", MAGIC, 4, identifier) + bytes(99) + b"SharingFilesStrategy\0xpt\0\7FORWARD"
    (folder / "_metadata").write_bytes(whole[:size])
    os.utime(folder / "_metadata", (at, at))


@pytest.fixture
def storage() -> Storage:
    return open_storage("file:///")


def found(storage: Storage, root: Path) -> list[tuple[str, str, int, str]]:
    points = s3_points.find(storage, f"file://{root}/checkpoints/lake", f"file://{root}/savepoints/lake")
    return [
        (p.kind, p.path.removeprefix(f"file://{root}/"), p.checkpoint_id, p.job_id) for p in points if p.damage is None
    ]


def damages(storage: Storage, root: Path) -> dict[int, str]:
    points = s3_points.find(storage, f"file://{root}/checkpoints/lake", f"file://{root}/savepoints/lake")
    return {p.checkpoint_id: p.damage for p in points if p.damage is not None}


def test_nothing_is_found_where_nothing_was_written(storage: Storage, tmp_path: Path) -> None:
    assert found(storage, tmp_path) == []


def test_points_come_oldest_first_and_damaged_ones_say_why(storage: Storage, tmp_path: Path) -> None:
    job = tmp_path / "checkpoints" / "lake" / JOB
    point(job / "chk-8", 8, 2_000)
    point(job / "chk-7", 7, 1_000)
    point(job / "chk-9", 9, 3_000, size=10)
    point(job / "chk-11", 11, 3_100, size=70)
    (job / "chk-10").mkdir()
    (job / "shared").mkdir()
    point(tmp_path / "savepoints" / "lake" / "savepoint-aaaaaa-123", 11, 1_500)
    point(tmp_path / "savepoints" / "lake" / "other", 12, 1_600)
    assert found(storage, tmp_path) == [
        ("checkpoint", f"checkpoints/lake/{JOB}/chk-7", 7, JOB),
        ("savepoint", "savepoints/lake/savepoint-aaaaaa-123", 11, "aaaaaa"),
        ("checkpoint", f"checkpoints/lake/{JOB}/chk-8", 8, JOB),
    ]
    assert damages(storage, tmp_path) == {
        9: "its _metadata has only 10 bytes",
        11: "its _metadata is cut short",
    }


def test_an_object_store_that_is_away_is_said() -> None:
    away = open_storage("s3a://warehouse/iceberg", S3Access("http://127.0.0.1:1", access_key="a", secret_key="b"))
    with pytest.raises(UnavailableError, match="refuses the connection"):
        s3_points.find(away, "s3a://warehouse/flink/checkpoints/lake", "s3a://warehouse/flink/savepoints/lake")


def test_checkpoints_of_old_jobs_go(storage: Storage, tmp_path: Path) -> None:
    jobs = tmp_path / "checkpoints" / "lake"
    for number in range(5):
        point(jobs / f"{number}" / "chk-1", 1, 1_000 * (number + 1))
    point(jobs / "1" / "chk-2", 2, 9_000)  # the oldest but one goes on the longest
    point(jobs / "damaged" / "chk-1", 1, 8_000, size=10)
    point(tmp_path / "savepoints" / "lake" / "savepoint-aaaaaa-1", 1, 500)
    s3_points.prune(storage, f"file://{jobs}", spared="0", keep=2)
    assert sorted(folder.name for folder in jobs.iterdir()) == ["0", "1", "4", "damaged"]
    assert ("savepoint", "savepoints/lake/savepoint-aaaaaa-1", 1, "aaaaaa") in found(storage, tmp_path)
    s3_points.prune(storage, f"file://{jobs}", keep=3)
    assert len(list(jobs.iterdir())) == 4, "nothing goes before there is enough"
    s3_points.prune(storage, f"file://{tmp_path}/not there")


def test_a_store_that_is_away_costs_no_submission() -> None:
    away = open_storage("s3a://warehouse/iceberg", S3Access("http://127.0.0.1:1", access_key="a", secret_key="b"))
    s3_points.prune(away, "s3a://warehouse/flink/checkpoints/lake")
