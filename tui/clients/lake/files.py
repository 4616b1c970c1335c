"""One live file of a snapshot."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DATA, POSITION_DELETES, EQUALITY_DELETES = 0, 1, 2


class ExactFloat(float):
    """A number that equals another as Java's `Double.compare` has it: NaN equals NaN, -0.0 is not 0.0."""

    def _bits(self) -> bytes:
        return struct.pack("<d", math.nan if math.isnan(self) else self)

    def __eq__(self, other: object) -> bool:
        return self._bits() == ExactFloat(other)._bits() if isinstance(other, float) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._bits())


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One live file of a snapshot; `sequence` is its data sequence number.

    `scope` is the spec id and partition of a data file, and of a delete file those of the data it is for: `None` when
    that is anywhere (an equality delete of an unpartitioned spec, a position delete that names one file only).
    Bounds are by field id, for the columns by which files are told apart (`TableMetadata.bounded`).
    """

    content: int
    uri: str
    sequence: int
    records: int
    size_bytes: int
    scope: tuple[int, tuple[Any, ...]] | None
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
