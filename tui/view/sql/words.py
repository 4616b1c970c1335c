"""Words of SQL: what completes the one before the cursor, and which are coloured how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

KEYWORDS: tuple[str, ...] = tuple(
    """
    SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING AS
    AND OR NOT IN IS NULL LIKE BETWEEN CASE WHEN THEN ELSE END CAST DISTINCT UNION ALL EXCEPT INTERSECT
    WITH OVER PARTITION ROWS RANGE PRECEDING FOLLOWING UNBOUNDED CURRENT ROW ASC DESC INTERVAL MINUTE
    HOUR DAY SECOND TIMESTAMP DATE DECIMAL DOUBLE BIGINT VARCHAR COUNT SUM AVG MIN MAX LAG LEAD
    ROW_NUMBER RANK COALESCE ABS ROUND DESCRIBE SHOW TABLES EXPLAIN VALUES TRUE FALSE EXISTS QUALIFY
    """.split()  # noqa: SIM905 - a list of a hundred quoted words reads worse
)
ABOUT_TABLES = ("$snapshots", "$files")
_WORD = re.compile(r"[A-Za-z_$][\w$]*\Z")
_TOKEN = re.compile(
    r"(?P<comment>--.*|/\*.*?(?:\*/|$))|(?P<string>'(?:[^']|'')*'?)|(?P<name>`[^`]*`?|\"[^\"]*\"?)"
    r"|(?P<number>\b\d+(?:\.\d+)?\b)|(?P<word>[A-Za-z_]\w*)"
)
_KNOWN = frozenset(KEYWORDS)


def before(text: str) -> str:
    """The word that ends with `text`; empty where none does."""
    found = _WORD.search(text)
    return found[0] if found else ""


def completions(word: str, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """What `word` may become: tables, then columns, then keywords, each once; nothing for nothing typed."""
    if not word:
        return []
    tables = [*columns, *(f"{table}{suffix}" for table in columns for suffix in ABOUT_TABLES if "$" in word)]
    names = [*tables, *(name for own in columns.values() for name in own), *KEYWORDS]
    return [name for name in dict.fromkeys(names) if name.lower().startswith(word.lower()) and name != word]


def coloured(line: str) -> Iterator[tuple[int, int, str]]:
    """Where what begins and ends in a line, in characters; a comment of several lines is coloured on its first."""
    for found in _TOKEN.finditer(line):
        kind = found.lastgroup or ""
        if kind != "word" or found[0].upper() in _KNOWN:
            yield found.start(), found.end(), "keyword" if kind == "word" else kind
