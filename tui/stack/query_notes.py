"""Queries to go back to: those of this home, newest first, and those that come with the product."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tui import state_file
from tui.model.query import WorkedQuery
from tui.resources import resource
from tui.stack.local.layout import write_private

KEPT = 200
LONGEST = 20_000
"""Characters of a query that is remembered."""


class QueryNotes:
    """`data/queries.json` (0600): {"queries"}, newest first; without a path only this process remembers."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._own: tuple[str, ...] = ()

    def history(self) -> tuple[str, ...]:
        """What was asked, newest first, each once."""
        if self._path is None:
            return self._own
        stored = (state_file.load(self._path) or {}).get("queries")
        return tuple(q for q in stored if isinstance(q, str))[:KEPT] if isinstance(stored, list) else self._own

    def remember(self, sql: str) -> None:
        """Put it first; a home that cannot be written keeps nothing, which is no reason to fail."""
        if len(sql) > LONGEST or not sql.strip():
            return
        self._own = (sql, *(q for q in self.history() if q != sql))[:KEPT]
        if self._path is not None:
            with suppress(OSError):
                write_private(self._path, json.dumps({"queries": self._own}))

    def worked(self) -> tuple[WorkedQuery, ...]:
        """`jobs/sql/queries/*.sql`, by name; what each tells is its first line."""
        files = sorted((resource("jobs") / "sql" / "queries").glob("*.sql"))
        texts = [(file.stem, file.read_text(encoding="utf-8")) for file in files]
        return tuple(WorkedQuery(name, text.splitlines()[0].removeprefix("--").strip(), text) for name, text in texts)
