"""One live file of a snapshot."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DATA, POSITION_DELETES, EQUALITY_DELETES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One live file of a snapshot; `sequence` is its data sequence number.

    Bounds are by field id, for the columns by which files are told apart (`TableMetadata.bounded`).
    """

    content: int
    uri: str
    sequence: int
    records: int
    size_bytes: int
    scope: tuple[int, tuple[Any, ...]] | None  # spec id and partition, None when the spec is unpartitioned
    lower: Mapping[int, bytes]
    upper: Mapping[int, bytes]
    equality_ids: tuple[int, ...]

    def may_hold(self, field_id: int, kind: str | None, low: Any, high: Any) -> bool:
        """Whether a value in [low, high] (`None`: open) can be in the column, by the file's bounds."""
        least, most = bound(kind, self.lower.get(field_id)), bound(kind, self.upper.get(field_id))
        return not (
            (low is not None and most is not None and most < low)
            or (high is not None and least is not None and least > high)
        )


def bound(kind: str | None, raw: bytes | None) -> Any:
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
