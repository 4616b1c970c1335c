"""Checkpoints and savepoints on a file system that this machine sees, and the record of which job continued which.

Layout (Flink's own): `checkpoints/<job id>/chk-<n>/_metadata` and `savepoints/savepoint-<6 digits>-<hash>/_metadata`.
A `_metadata` file begins with the magic number, the format version and the checkpoint's id
(`org.apache.flink.runtime.checkpoint.Checkpoints#storeCheckpointMetadata`); it is written last, so where it is
missing or cut short the checkpoint is not complete.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tui.model.errors import LakehouseError
from tui.model.flink import Lineage, RestorePoint

_MAGIC = 0x4960672D
_HEADER = struct.Struct(">iiq")
HEADER_BYTES = _HEADER.size
NAMED_IN_SAVEPOINT = "savepoint-"


def flink_uri(path: Path) -> str:
    """`path` as Flink reads it: unescaped, because `org.apache.flink.core.fs.Path` escapes a `%` once more."""
    return f"file://{path}"


def find(checkpoints: Path, savepoints: Path) -> tuple[RestorePoint, ...]:
    """Every complete checkpoint and savepoint, oldest first; incomplete ones are passed over."""
    found = [*_checkpoints(checkpoints), *_savepoints(savepoints)]
    return tuple(sorted(found, key=lambda p: (p.completed_at, p.checkpoint_id)))


def _checkpoints(root: Path) -> Iterator[RestorePoint]:
    for metadata in root.glob("*/chk-*/_metadata"):
        folder = metadata.parent
        header = _read_header(metadata)
        if header is not None:
            identifier, at = header
            yield RestorePoint(flink_uri(folder), "checkpoint", identifier, at, folder.parent.name)


def _savepoints(root: Path) -> Iterator[RestorePoint]:
    for metadata in root.glob(f"{NAMED_IN_SAVEPOINT}*/_metadata"):
        folder = metadata.parent
        header = _read_header(metadata)
        if header is not None:
            identifier, at = header
            job = folder.name.removeprefix(NAMED_IN_SAVEPOINT).split("-")[0]
            yield RestorePoint(flink_uri(folder), "savepoint", identifier, at, job)


def _read_header(metadata: Path) -> tuple[int, datetime] | None:
    """Checkpoint id and time of completion, or `None` for a file that is not complete checkpoint metadata."""
    try:
        with metadata.open("rb") as stream:
            head = stream.read(_HEADER.size)
            completed = os.fstat(stream.fileno()).st_mtime
    except OSError:
        return None
    identifier = checkpoint_id(head)
    return None if identifier is None else (identifier, datetime.fromtimestamp(completed, UTC))


def checkpoint_id(head: bytes) -> int | None:
    """The id in the first `HEADER_BYTES` of a `_metadata` file; `None` where they are not those of one."""
    if len(head) < _HEADER.size:
        return None
    magic, _version, identifier = _HEADER.unpack(head)
    return int(identifier) if magic == _MAGIC else None


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
        """Record that `job_id` started from `point` (`None`: from the beginning)."""
        entry = {
            "job": job_id,
            "parent": point.job_id if point else None,
            "point": point.path if point else None,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise LakehouseError(
                f"Job {job_id} runs, but {self._path} cannot be written ({error.strerror}); "
                "mend that, or a later submit cannot check which history it continues."
            ) from None
