"""Checkpoints and savepoints in an object store, laid out as in `tui.stack.restore_points`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from tui.clients.lake.storage import Storage, path_of
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.flink import RestorePoint
from tui.stack import restore_points


def find(storage: Storage, checkpoints: str, savepoints: str) -> tuple[RestorePoint, ...]:
    """Every checkpoint and savepoint below these URIs, oldest first; those never complete are passed over."""
    found = [*_checkpoints(storage, checkpoints), *_savepoints(storage, savepoints)]
    return tuple(sorted(found, key=lambda p: (p.completed_at, p.checkpoint_id)))


def prune(storage: Storage, checkpoints: str, spared: str | None = None, keep: int = restore_points.KEPT_JOBS) -> None:
    """Delete checkpoints of jobs before the newest `keep` that have a whole one, but not those of the job `spared`.

    What cannot be deleted now is deleted another time. Jobs that never completed one leave next to nothing.
    """
    with suppress(UnavailableError, NotFoundError):
        newest = restore_points.newest_whole(_checkpoints(storage, checkpoints))
        for job in sorted(newest, key=newest.__getitem__)[:-keep]:
            if job != spared:
                storage.delete_folder(f"{path_of(checkpoints)}/{job}")


def _checkpoints(storage: Storage, root: str) -> Iterator[RestorePoint]:
    for job in storage.folders(path_of(root)):
        for folder in storage.folders(f"{path_of(root)}/{job}"):
            if folder.startswith("chk-"):
                yield from _point(storage, f"{root}/{job}/{folder}", "checkpoint", job)


def _savepoints(storage: Storage, root: str) -> Iterator[RestorePoint]:
    for folder in storage.folders(path_of(root)):
        if folder.startswith(restore_points.NAMED_IN_SAVEPOINT):
            yield from _point(storage, f"{root}/{folder}", "savepoint", restore_points.writer(folder))


def _point(storage: Storage, uri: str, kind: restore_points.Kind, job: str) -> Iterator[RestorePoint]:
    """The point with metadata in `uri`; one that was removed meanwhile is none."""
    metadata = f"{path_of(uri)}/_metadata"
    try:
        (stamp,) = storage.stamps([metadata])
        if stamp is None:
            return
        with storage.open(metadata) as stream, storage.failures(metadata):
            head = stream.read(restore_points.HEADER_BYTES)
            stream.seek(max(0, stamp.size_bytes - restore_points.TAIL_BYTES))
            tail = stream.read()
    except NotFoundError:
        return
    at = datetime.fromtimestamp(stamp.modified_ns / 1e9, UTC)
    yield restore_points.point(uri, kind, head, tail, at, job)
