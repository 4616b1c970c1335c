"""Tables that fit: of columns with fixed widths, those that are needed most; one takes what is left; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.text import Text

from tui.view import format as fmt

PADDING: Final = 2
"""Columns that a table adds to each of its columns."""

Cells = Mapping[str, str | Text]


@dataclass(frozen=True, slots=True)
class Col:
    """One column; `width` of its cells (the least width where it may `grow`), `need`: lower ones stay longer.

    `tail`: of a text too long its end is shown (a path).
    """

    key: str
    label: str
    width: int
    need: int = 0
    side: Literal["left", "right"] = "right"
    grow: bool = False
    tail: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """The columns that are shown, and the rows with their cells cut to them."""

    columns: tuple[tuple[str, str, Literal["left", "right"]], ...]
    rows: tuple[tuple[str, tuple[Text, ...]], ...]


def fit(columns: Sequence[Col], rows: Iterable[tuple[str, Cells]], width: int) -> Fitted:
    """Rows in at most `width` columns, if the column that is needed most has room at all."""
    kept: list[Col] = []
    left = width
    for column in sorted(columns, key=lambda c: c.need):
        cost = max(column.width, len(column.label)) + PADDING
        if cost <= left or not kept:
            kept.append(column)
            left -= cost
    room = {c.key: max(c.width, len(c.label)) + (max(0, left) if c.grow else 0) for c in kept}
    shown = [column for column in columns if column in kept]
    cut = [(key, tuple(_cut(c, cells.get(c.key, fmt.UNKNOWN), room[c.key]) for c in shown)) for key, cells in rows]
    return Fitted(tuple((c.key, c.label, c.side) for c in shown), tuple(cut))


def _cut(column: Col, cell: str | Text, width: int) -> Text:
    text = Text(fmt.plain(cell), no_wrap=True) if isinstance(cell, str) else cell.copy()
    if column.tail and isinstance(cell, str) and text.cell_len > width:
        return Text(f"…{text.plain[1 - width :]}", no_wrap=True)
    text.truncate(width, overflow="ellipsis")
    return text
