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


def point(folder: Path, identifier: int, at: int, *, size: int = 64) -> None:
    folder.mkdir(parents=True)
    (folder / "_metadata").write_bytes(struct.pack(">iiq", MAGIC, 4, identifier).ljust(64, b"\0")[:size])
    os.utime(folder / "_metadata", (at, at))


@pytest.fixture
def storage() -> Storage:
    return open_storage("file:///")


def found(storage: Storage, root: Path) -> list[tuple[str, str, int, str]]:
    points = s3_points.find(storage, f"file://{root}/checkpoints/lake", f"file://{root}/savepoints/lake")
    return [(p.kind, p.path.removeprefix(f"file://{root}/"), p.checkpoint_id, p.job_id) for p in points]


def test_nothing_is_found_where_nothing_was_written(storage: Storage, tmp_path: Path) -> None:
    assert found(storage, tmp_path) == []


def test_points_come_oldest_first_and_incomplete_ones_are_passed_over(storage: Storage, tmp_path: Path) -> None:
    job = tmp_path / "checkpoints" / "lake" / JOB
    point(job / "chk-8", 8, 2_000)
    point(job / "chk-7", 7, 1_000)
    point(job / "chk-9", 9, 3_000, size=10)
    (job / "chk-10").mkdir()
    (job / "shared").mkdir()
    point(tmp_path / "savepoints" / "lake" / "savepoint-aaaaaa-123", 11, 1_500)
    point(tmp_path / "savepoints" / "lake" / "other", 12, 1_600)
    assert found(storage, tmp_path) == [
        ("checkpoint", f"checkpoints/lake/{JOB}/chk-7", 7, JOB),
        ("savepoint", "savepoints/lake/savepoint-aaaaaa-123", 11, "aaaaaa"),
        ("checkpoint", f"checkpoints/lake/{JOB}/chk-8", 8, JOB),
    ]


def test_an_object_store_that_is_away_is_said() -> None:
    away = open_storage("s3a://warehouse/iceberg", S3Access("http://127.0.0.1:1", access_key="a", secret_key="b"))
    with pytest.raises(UnavailableError, match="refuses the connection"):
        s3_points.find(away, "s3a://warehouse/flink/checkpoints/lake", "s3a://warehouse/flink/savepoints/lake")
