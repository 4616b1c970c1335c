"""Checkpoints and savepoints on a file system that this machine sees, and the record of which job continued which.

Layout (Flink's own): `checkpoints/<job id>/chk-<n>/_metadata` and `savepoints/savepoint-<6 digits>-<hash>/_metadata`.
A `_metadata` file begins with the magic number, the format version and the checkpoint's id
(`org.apache.flink.runtime.checkpoint.Checkpoints#storeCheckpointMetadata`). It is written last, so where it is
missing the checkpoint was never complete; one that is cut short or overwritten was, and is damaged. Format version 4
(`MetadataV4Serializer`) ends with a serialized `CheckpointProperties`, whose last field is an enum of one of two
classes: the file's last bytes are a name after two bytes of length, which a file that is cut short has not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tui.model.errors import LakehouseError
from tui.model.flink import Lineage, RestorePoint

_MAGIC = 0x4960672D
_HEADER = struct.Struct(">iiq")
_WITH_PROPERTIES = 4
_LAST_FIELD = re.compile(rb"(?:SharingFilesStrategy|PostCheckpointAction)\x00.{0,60}t\x00(.)([A-Z_]+)\Z", re.DOTALL)
HEADER_BYTES = _HEADER.size
TAIL_BYTES = 128
NAMED_IN_SAVEPOINT = "savepoint-"
KEPT_JOBS = 5
"""The checkpoints of so many jobs stay; each job keeps its newest few itself."""
Kind = Literal["checkpoint", "savepoint"]


def flink_uri(path: Path) -> str:
    """`path` as Flink reads it: unescaped, because `org.apache.flink.core.fs.Path` escapes a `%` once more."""
    return f"file://{path}"


def find(checkpoints: Path, savepoints: Path) -> tuple[RestorePoint, ...]:
    """Every checkpoint and savepoint, oldest first; those that were never complete are passed over."""
    found = [*_checkpoints(checkpoints), *_savepoints(savepoints)]
    return tuple(sorted(found, key=lambda p: (p.completed_at, p.checkpoint_id)))


def prune(checkpoints: Path, spared: str | None = None, keep: int = KEPT_JOBS) -> None:
    """Delete checkpoints of old jobs: all that is older than those of the newest `keep` jobs that have a whole one.

    Those of the job `spared` stay, and what cannot be deleted. Savepoints are their owner's.
    """
    newest = newest_whole(_checkpoints(checkpoints))
    if len(newest) <= keep:
        return
    oldest_kept = sorted(newest.values())[-keep]
    for folder in checkpoints.iterdir():
        with suppress(OSError):  # Flink may delete one meanwhile
            if folder.name != spared and newest.get(folder.name, _changed_at(folder)) < oldest_kept:
                shutil.rmtree(folder, ignore_errors=True)


def newest_whole(points: Iterable[RestorePoint]) -> dict[str, datetime]:
    """When each job completed the newest of its points that are whole; jobs without one are not there."""
    newest: dict[str, datetime] = {}
    for found in points:
        if found.damage is None:
            newest[found.job_id] = max(found.completed_at, newest.get(found.job_id, found.completed_at))
    return newest


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _checkpoints(root: Path) -> Iterator[RestorePoint]:
    for metadata in root.glob("*/chk-*/_metadata"):
        folder = metadata.parent
        yield from _read(metadata, "checkpoint", folder.parent.name)


def _savepoints(root: Path) -> Iterator[RestorePoint]:
    for metadata in root.glob(f"{NAMED_IN_SAVEPOINT}*/_metadata"):
        yield from _read(metadata, "savepoint", writer(metadata.parent.name))


def _read(metadata: Path, kind: Kind, job: str) -> Iterator[RestorePoint]:
    try:
        with metadata.open("rb") as stream:
            status = os.fstat(stream.fileno())
            head = stream.read(HEADER_BYTES)
            stream.seek(max(0, status.st_size - TAIL_BYTES))
            tail = stream.read()
    except OSError:
        return
    at = datetime.fromtimestamp(status.st_mtime, UTC)
    yield point(flink_uri(metadata.parent), kind, head, tail, at, job)


def writer(savepoint: str) -> str:
    """The first digits of the job that wrote the savepoint in the folder of this name."""
    return savepoint.removeprefix(NAMED_IN_SAVEPOINT).split("-")[0]


def point(uri: str, kind: Kind, head: bytes, tail: bytes, at: datetime, job: str) -> RestorePoint:
    """The point in `uri`, whose `_metadata` begins with `head` and ends with `tail` (`HEADER_BYTES`, `TAIL_BYTES`)."""
    if len(head) < HEADER_BYTES:
        return _damaged(uri, kind, at, job, f"its _metadata has only {len(head)} bytes")
    magic, version, identifier = _HEADER.unpack(head)
    if magic != _MAGIC:
        return _damaged(uri, kind, at, job, "its _metadata is none of Flink's")
    last = _LAST_FIELD.search(tail)
    cut = version == _WITH_PROPERTIES and (last is None or len(last[2]) != last[1][0])
    return RestorePoint(uri, kind, int(identifier), at, job, "its _metadata is cut short" if cut else None)


def _damaged(uri: str, kind: Kind, at: datetime, job: str, damage: str) -> RestorePoint:
    """A point whose number only its folder may tell (`chk-<n>`)."""
    number = uri.rpartition("-")[2]
    identifier = int(number) if kind == "checkpoint" and number.isdecimal() else 0
    return RestorePoint(uri, kind, identifier, at, job, damage)


class LineageFile:
    """The record of which job continued from which, as JSON lines: {"job", "parent", "point", "at"}."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Lineage:
        """The record so far; a line cut short by a crash is passed over."""
        parents: dict[str, str | None] = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise LakehouseError(f"{self._path} cannot be read: {error.strerror}.") from None
        for line in lines:
            try:
                entry = json.loads(line)
                job, parent = entry["job"], entry["parent"]
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            if isinstance(job, str) and (parent is None or isinstance(parent, str)):
                parents[job] = parent
        return Lineage(parents)

    def append(self, job_id: str, point: RestorePoint | None) -> None:
        """Record that `job_id` started from `point` (`None`: from the beginning), below a line that was cut short."""
        entry = {
            "job": job_id,
            "parent": point.job_id if point else None,
            "point": point.path if point else None,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - 1))
                cut_short = stream.read() not in (b"", b"\n")
                stream.write(b"\n" * cut_short + json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise LakehouseError(
                f"Job {job_id} runs, but {self._path} cannot be written ({error.strerror}); "
                "mend that, or a later submit cannot check which history it continues."
            ) from None
