"""The newest metadata of each table, cheap to ask for again: an unchanged table costs one request without a body.

Every commit writes the hint anew. S3 tells times of files in whole seconds, so a file can change twice within one and
look the same: the hint's stamp is therefore trusted only after hint and metadata were read anew `SETTLE_S` after they
were first seen; from then on a change has a later time. Every `PROBE_S` the search starts anew, for a writer that died
between writing metadata and the hint, and for a metadata file that was changed or lost afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tui.clients.lake.growing import GrowingDocument
from tui.clients.lake.metadata import TableMetadata, hint_path, load, locate
from tui.clients.lake.storage import Stamp, Storage
from tui.model.errors import NotFoundError

SETTLE_S = 2.0
PROBE_S = 30.0


@dataclass(frozen=True, slots=True)
class _Kept:
    metadata: TableMetadata
    paths: tuple[str, str]
    stamps: tuple[Stamp | None, Stamp | None]
    since: float  # when these stamps were first seen
    read_at: float  # when what they stamp was last read
    hinted: bool

    @property
    def settled(self) -> bool:
        return None not in self.stamps and self.read_at - self.since >= SETTLE_S


class Tables:
    """Metadata of the tables in folder `root`; safe to use from several threads."""

    def __init__(self, storage: Storage, root: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._root = root
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._growing: dict[str, GrowingDocument] = {}
        self._lock = threading.Lock()

    def newest(self, name: str) -> TableMetadata:
        """The newest readable metadata of the table; the same object as long as nothing changed.

        Raises `NotFoundError` when there is no table, `UnavailableError` when its metadata cannot be read.
        """
        now = self._monotonic()
        with self._lock:
            kept = self._kept.get(name)
        hint: Stamp | None = None
        if kept is not None and kept.hinted and kept.settled and now - kept.read_at < PROBE_S:
            hint = self._storage.stamps(kept.paths[:1])[0]
            if hint == kept.stamps[0]:
                return kept.metadata
        try:
            found = self._read(name, kept, now, hint)
        except NotFoundError:
            with self._lock:
                self._kept.pop(name, None)
            raise
        with self._lock:
            self._kept[name] = found
        return found.metadata

    def _read(self, name: str, kept: _Kept | None, now: float, hint: Stamp | None) -> _Kept:
        root = f"{self._root}/{name}"
        # stamps are taken before what they stamp is read: never newer than it
        hint = hint or self._storage.stamps([hint_path(root)])[0]
        located = locate(self._storage, root, name)
        file = self._storage.stamps([located.path])[0]
        paths, stamps = (hint_path(root), located.path), (hint, file)
        same = kept is not None and kept.paths == paths and kept.stamps == stamps
        since = kept.since if kept is not None and same else now
        if kept is not None and same and kept.settled:
            return _Kept(kept.metadata, paths, stamps, since, now, located.hinted)
        growing = self._growing.setdefault(name, GrowingDocument())
        path, metadata = load(self._storage, root, name, located, kept.metadata if kept else None, growing)
        if kept is not None and same and kept.metadata == metadata:
            metadata = kept.metadata
        return _Kept(metadata, paths, stamps, since, now, located.hinted and path == located.path)
