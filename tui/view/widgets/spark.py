"""A line of block characters that shows how a number moved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_BLOCKS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float | None], width: int) -> str:
    """The last values in `width` columns, oldest first: the highest is a full block, unknown is a blank.

    More values than columns are put together, the highest of each group.
    """
    return _spark(tuple(values), width)


@lru_cache(maxsize=64)
def _spark(values: tuple[float | None, ...], width: int) -> str:
    """The same values are shown again and again: when a screen comes back, or where nothing moves."""
    grouped = _grouped(values, width)
    known = [v for v in grouped if v is not None]
    highest, lowest = max(known, default=0.0), min(known, default=0.0)
    base = lowest if lowest > 0 and highest > lowest else 0.0
    span = (highest - base) or 1.0
    marks = [" " if v is None else _BLOCKS[min(7, max(0, round(7 * (v - base) / span)))] for v in grouped]
    return "".join(marks).rjust(width)


def _grouped(values: Sequence[float | None], width: int) -> list[float | None]:
    if width <= 0 or not values:
        return []
    size = max(1, -(-len(values) // width))
    offset = len(values) % size
    starts = [0, *range(offset or size, len(values), size)]
    groups = [values[a:b] for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]
    return [max((v for v in group if v is not None), default=None) for group in groups][-width:]
