"""The files of a snapshot by manifest, ordered so that those of recent times are found without a look at the others.

A manifest never changes, so its order is made once; what a refresh costs then depends on the files it needs, not on
how many the table has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.clients.lake.files import DATA, POSITION_DELETES, FileEntry, bound
from tui.clients.lake.metadata import Field

NUMBERED = ("int", "long", "date", "timestamp", "timestamptz")
"""The types whose bounds are whole numbers."""


def in_order(files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    """The files in the order of sequence numbers."""
    return tuple(sorted(files, key=lambda f: (f.sequence, f.uri)))


@dataclass(frozen=True, slots=True)
class _Reach:
    """Data and equality delete files by the highest value of one column, lowest first; `open` have no bound."""

    highs: list[int]
    files: list[FileEntry]
    open: list[FileEntry]
    span: tuple[int, int] | None


class Shelf:
    """The live files that one manifest names."""

    __slots__ = ("_position_sequences", "_positions", "_reach", "files", "has_data")

    def __init__(self, files: Iterable[FileEntry]) -> None:
        self.files = in_order(files)
        self.has_data = any(f.content == DATA for f in self.files)
        self._positions = [f for f in self.files if f.content == POSITION_DELETES]
        self._position_sequences = [f.sequence for f in self._positions]
        self._reach: dict[int, _Reach] = {}

    def reaching(self, field: Field, low: int) -> list[FileEntry]:
        """The data and equality delete files that can hold a value of at least `low` in a column of `NUMBERED`."""
        reach = self._of(field)
        return reach.open + reach.files[bisect_left(reach.highs, low) :]

    def positions_since(self, sequence: int) -> list[FileEntry]:
        """The position delete files that can apply to data with at least that sequence number."""
        return self._positions[bisect_left(self._position_sequences, sequence) :]

    def span(self, field: Field) -> tuple[int, int] | None:
        """The lowest and the highest value that the data files can hold, `None` when one has no bounds.

        Also without data files: ask `has_data`.
        """
        return self._of(field).span

    def _of(self, field: Field) -> _Reach:
        found = self._reach.get(field.id)
        if found is None:
            found = self._reach[field.id] = _reach(self.files, field)
        return found


def _reach(files: Sequence[FileEntry], field: Field) -> _Reach:
    known: list[tuple[int, FileEntry]] = []
    without: list[FileEntry] = []
    for file in files:
        if file.content == POSITION_DELETES:
            continue
        said = file.content == DATA or field.id in file.equality_ids  # bounds of other columns say nothing of deletes
        high = bound(field.type, file.upper.get(field.id))
        if high is None or not said:
            without.append(file)
        else:
            known.append((high, file))
    known.sort(key=lambda pair: pair[0])
    lows = [bound(field.type, f.lower.get(field.id)) for f in files if f.content == DATA]
    highs = [high for high, f in known if f.content == DATA]
    whole = bool(lows) and None not in lows and len(highs) == len(lows)
    return _Reach([h for h, _ in known], [f for _, f in known], without, (min(lows), highs[-1]) if whole else None)


def since(shelves: Sequence[Shelf], field: Field, low: int) -> tuple[FileEntry, ...]:
    """Every file that has a say in which rows with at least `low` in the column there are, and some that have none."""
    found = [f for shelf in shelves for f in shelf.reaching(field, low)]
    oldest = min((f.sequence for f in found if f.content == DATA), default=None)
    if oldest is None:
        return ()
    return in_order([*found, *(f for shelf in shelves for f in shelf.positions_since(oldest))])


def span(shelves: Sequence[Shelf], field: Field) -> tuple[int, int] | None:
    """The lowest and the highest value that the data files can hold, `None` when that is not known."""
    spans = [shelf.span(field) for shelf in shelves if shelf.has_data]
    known = [s for s in spans if s is not None]
    if not known or len(known) < len(spans):
        return None
    return min(low for low, _ in known), max(high for _, high in known)
