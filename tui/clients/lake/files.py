"""One live file of a snapshot, and a cache of parsed manifests."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

DATA, POSITION_DELETES, EQUALITY_DELETES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One live file of a snapshot; `sequence` is its data sequence number, bounds are by field id."""

    content: int
    uri: str
    sequence: int
    records: int
    size_bytes: int
    scope: tuple[int, tuple[Any, ...]] | None  # spec id and partition, None when the spec is unpartitioned
    lower: dict[int, bytes]
    upper: dict[int, bytes]
    equality_ids: tuple[int, ...]

    def may_hold(self, field_id: int, kind: str | None, low: Any, high: Any) -> bool:
        """Whether a value in [low, high] (`None`: open) can be in the column, by the file's bounds."""
        least, most = _bound(kind, self.lower.get(field_id)), _bound(kind, self.upper.get(field_id))
        return not (
            (low is not None and most is not None and most < low)
            or (high is not None and least is not None and least > high)
        )


def _bound(kind: str | None, raw: bytes | None) -> Any:
    """A bound in the order of its type (specification, "Binary single-value serialization")."""
    if raw is None:
        return None
    if kind == "string":
        return raw
    if kind in ("int", "date") and len(raw) == 4:
        return struct.unpack("<i", raw)[0]
    if kind in ("int", "long", "timestamp", "timestamptz") and len(raw) in (4, 8):
        return struct.unpack("<i" if len(raw) == 4 else "<q", raw)[0]
    return None


class ManifestCache:
    """Parsed manifests by path; they never change, so only new ones are read. Safe to share by threads."""

    def __init__(self, capacity: int = 512) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[str, tuple[FileEntry, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> tuple[FileEntry, ...] | None:
        """The parsed manifest, `None` when it is not here."""
        with self._lock:
            if path in self._entries:
                self._entries.move_to_end(path)
            return self._entries.get(path)

    def put(self, path: str, entries: tuple[FileEntry, ...]) -> None:
        """Keep a parsed manifest; the one unused for the longest time goes."""
        with self._lock:
            self._entries[path] = entries
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
