"""What the user has chosen to see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Display:
    """The symbol of the chart, and the refresh interval in seconds."""

    symbol: str
    interval_s: float
