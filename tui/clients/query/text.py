"""SQL as text: quoting as Flink has it, and what an error says."""

from __future__ import annotations

import re

from tui.model.query import QueryError

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*'?)|(?P<name>"(?:[^"]|"")*"?)|(?P<flink>`(?:[^`]|``)*`?)"""
    r"""|(?P<note>--[^\n]*|/\*.*?(?:\*/|\Z))""",
    re.DOTALL,
)
_KIND = re.compile(r"^(?:[A-Z][\w-]*(?: [A-Z][\w-]*)*) Error: ")
_PLACE = re.compile(r"\n\s*\nLINE (\d+): (.*)\n( *)\^", re.DOTALL)


def as_duckdb(sql: str) -> str:
    """The text with names in backticks, as Flink writes them, in double quotes; of the same length as a rule."""

    def quoted(found: re.Match[str]) -> str:
        name = found["flink"]
        if name is None or len(name) < 2 or not name.endswith("`"):
            return found[0]
        return '"' + name[1:-1].replace("``", "`").replace('"', '""') + '"'

    return _TOKEN.sub(quoted, sql)


def as_error(said: str, sql: str) -> QueryError:
    """What DuckDB said as one sentence, with the place in `sql`."""
    place = _PLACE.search(said)
    sentence = _KIND.sub("", said[: place.start()] if place else said)
    sentence = " ".join(sentence.split())
    sentence = sentence if sentence.endswith((".", "!", "?", '"')) else f"{sentence}."
    if place is None:
        return QueryError(sentence)
    line, shown, at = int(place[1]), place[2], len(place[3]) - len(f"LINE {place[1]}: ")
    column = _column(sql, line, shown, at)
    return QueryError(f"Line {line}, column {column}: {sentence}", line, column)


def _column(sql: str, line: int, shown: str, at: int) -> int:
    """Long lines are shown in part, between dots; `at` is a place in what is shown."""
    lines = sql.splitlines()
    whole = lines[line - 1] if 0 < line <= len(lines) else ""
    part = shown.removeprefix("...").removesuffix("...")
    begin = whole.find(part.strip("\n"))
    skipped = len(shown) - len(shown.removeprefix("..."))
    return max(1, (begin if begin > 0 else 0) + at - skipped + 1)
