"""A question in SQL to the tables, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tui.model.errors import LakehouseError, UsageError


class QueryError(LakehouseError):
    """The question is wrong; `line` and `column` (from 1) are where, if that is known."""

    def __init__(self, sentence: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line
        self.column = column


class ThereError(UsageError):
    """A file is there already, and may not be overwritten."""


@dataclass(frozen=True, slots=True)
class QueryColumn:
    """A column of the answer, with its type as Arrow calls it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """The snapshot of a table that an answer is of; `None` where the table has none yet."""

    table: str
    snapshot_id: int | None
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The first `limit` rows; `more` says whether there are others. Values are Python's own, `None` is null.

    `sightings` are of the tables that were read, `rows_read` is how many rows came from them.
    """

    sql: str
    columns: tuple[QueryColumn, ...]
    rows: tuple[tuple[object, ...], ...]
    limit: int
    more: bool
    started_at: datetime
    seconds: float
    rows_read: int
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A whole answer in a file."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class WorkedQuery:
    """A query that comes with the product: its name, what it tells in a sentence, and its text."""

    name: str
    about: str
    sql: str
