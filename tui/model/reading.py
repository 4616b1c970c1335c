"""A reading: what one source said at one moment, or why it did not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

CLOCK_SKEW_S = 5.0
"""So much ahead of our clock another machine's may be; what is further in the future says that a clock went back."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """The result of one fetch: either `value` or `error` (one sentence) is set."""

    source: str
    taken_at: datetime
    generation: int
    value: T | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the source answered."""
        return self.error is None
