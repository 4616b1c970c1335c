"""The lines of one log that are kept for the screen: bounded, filtered by level, searched, and laid out in rows.

Every line has a number that stays with it while older ones go. Appending costs as much as what is appended, whatever
is kept; only a new width, filter or search looks at every line again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from tui.model.logs import Level, LogLine

MAX_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One line, its width in cells, and whether it is a note of the reader that no filter hides."""

    line: LogLine
    cells: int
    note: bool = False


class Needle:
    """What is searched for, as plain text; capital letters matter only where it has some."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._exact = text != text.lower()
        self._pattern = re.compile(re.escape(text), 0 if self._exact else re.IGNORECASE)

    def within(self, text: str) -> bool:
        """Whether `text` has a hit."""
        if self._exact:
            return self.text in text
        if text.isascii() and self.text.isascii():
            return self.text in text.lower()
        return self._pattern.search(text) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the hits in `text` are."""
        return [found.span() for found in self._pattern.finditer(text)]


class LogBuffer:
    """At most `max_lines` lines, of which those of the chosen level make rows."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._max = max_lines
        self._kept: list[Kept] = []
        self._first = 0  # the number of the oldest line kept
        self._dropped = 0  # how many rows went with lines no longer kept, so that the sums below need no renewal
        self._shown: list[int] = []  # numbers of the lines that the filter lets through
        self._ends: list[int] = []  # for each of them, the sum of rows up to and with it
        self._hits: list[int] = []  # numbers of shown lines in which something is found
        self.widest = 0
        self.width: int | None = None
        self.level: Level | None = None
        self.needle: Needle | None = None

    # --- what is kept

    @property
    def total(self) -> int:
        """Lines kept, notes among them."""
        return len(self._kept)

    @property
    def shown(self) -> int:
        """Lines that the filter lets through."""
        return len(self._shown)

    @property
    def rows(self) -> int:
        """Rows that the shown lines take."""
        return self._ends[-1] - self._dropped if self._ends else 0

    @property
    def hits(self) -> int:
        """Shown lines with a hit."""
        return len(self._hits)

    def clear(self) -> None:
        """Forget every line; filter, search and width stay."""
        self._first += len(self._kept)
        self._kept = []
        self._lay_out()

    def extend(self, lines: Iterable[LogLine], *, note: bool = False) -> int:
        """Add lines at the end; returns how many rows went at the top to keep the bound."""
        fresh = [Kept(line, _cells(line.text), note) for line in lines][-self._max :]
        number = self._first + len(self._kept)
        self._kept += fresh
        self._add(fresh, number)
        return self._drop(len(self._kept) - self._max)

    def _add(self, fresh: Iterable[Kept], first: int) -> None:
        end = self._ends[-1] if self._ends else self._dropped
        for number, kept in enumerate(fresh, first):
            if not self._passes(kept):
                continue
            end += self._height(kept)
            self._shown.append(number)
            self._ends.append(end)
            self.widest = max(self.widest, kept.cells)
            if self.needle is not None and self.needle.within(kept.line.text):
                self._hits.append(number)

    def _drop(self, count: int) -> int:
        if count <= 0:
            return 0
        self._first += count
        del self._kept[:count]
        gone = bisect_left(self._shown, self._first)
        before = self._dropped
        self._dropped = self._ends[gone - 1] if gone else self._dropped
        del self._shown[:gone], self._ends[:gone], self._hits[: bisect_left(self._hits, self._first)]
        return self._dropped - before

    def _passes(self, kept: Kept) -> bool:
        return self.level is None or kept.note or (kept.line.level or 0) >= self.level

    def _height(self, kept: Kept) -> int:
        if self.width is None or kept.cells <= self.width:
            return 1
        if kept.line.text.isascii():
            return -(-kept.cells // self.width)
        return len(chop_cells(kept.line.text, self.width))

    # --- how it is looked at

    def look(self, *, level: Level | None, width: int | None) -> None:
        """Let only lines of `level` or worse through (`None`: all), wrapped at `width` cells (`None`: not wrapped)."""
        if (level, width) != (self.level, self.width):
            self.level, self.width = level, width
            self._lay_out()

    def search(self, text: str) -> None:
        """Look for `text`; an empty one ends the search."""
        self.needle = Needle(text) if text else None
        self._hits = [n for n in self._shown if self._found(n)] if self.needle else []

    def _lay_out(self) -> None:
        self._shown, self._ends, self._hits = [], [], []
        self._dropped = self.widest = 0
        self._add(self._kept, self._first)

    def _found(self, number: int) -> bool:
        return self.needle is not None and self.needle.within(self._kept[number - self._first].line.text)

    def line(self, number: int) -> Kept:
        """The line of that number."""
        return self._kept[number - self._first]

    def at(self, row: int) -> tuple[int, int]:
        """The number of the line at `row`, and which of its rows that is; raises `IndexError` beyond the end."""
        index = bisect_right(self._ends, row + self._dropped)
        begin = self._ends[index - 1] if index else self._dropped
        return self._shown[index], row + self._dropped - begin

    def row_of(self, number: int) -> int:
        """The first row of the line, or of the next one that is shown; the last row where there is none."""
        index = bisect_left(self._shown, number)
        if index == len(self._shown):
            return max(0, self.rows - 1)
        return (self._ends[index - 1] if index else self._dropped) - self._dropped

    def text(self, number: int, part: int) -> str:
        """One row of a line."""
        kept = self.line(number)
        text, width = kept.line.text, self.width
        if width is None or kept.cells <= width:
            return text
        if text.isascii():
            return text[part * width : (part + 1) * width]
        return chop_cells(text, width)[part]

    def hit(self, number: int, step: int) -> tuple[int, bool] | None:
        """The hit after `number` (`step` 1) or before it (-1), and whether the search went round; `None`: no hit."""
        if not self._hits:
            return None
        index = bisect_right(self._hits, number) if step > 0 else bisect_left(self._hits, number) - 1
        inside = 0 <= index < len(self._hits)
        return self._hits[index if inside else 0 if step > 0 else -1], not inside

    def rank(self, number: int) -> int | None:
        """Which hit the line is, counted from 1; `None` if it is none."""
        index = bisect_left(self._hits, number)
        return index + 1 if index < len(self._hits) and self._hits[index] == number else None


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
