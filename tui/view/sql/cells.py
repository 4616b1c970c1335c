"""Values of an answer as cells: exact, null told apart from text, times as on the other screens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from rich.text import Text

from tui.model.query import QueryAnswer, QueryColumn
from tui.view import format as fmt
from tui.view.widgets.table import Column

WIDEST = 80
"""Characters of a cell; the whole value is in the row's own window."""
_NUMBERS = ("int", "uint", "float", "double", "decimal", "halffloat")


def shape(columns: Sequence[QueryColumn]) -> list[Column]:
    """The table's columns; two of one name stay two."""
    return [(f"{n} {c.name}", fmt.clip(fmt.plain(c.name), WIDEST), _side(c.type)) for n, c in enumerate(columns)]


def rows(answer: QueryAnswer) -> list[tuple[str, list[Text]]]:
    """One row of cells a row."""
    return [(str(n), [cell(value) for value in row]) for n, row in enumerate(answer.rows)]


def cell(value: object) -> Text:
    """One value; null is dim and bears another name than the text NULL can have."""
    if value is None:
        return Text("∅ null", style="dim italic", no_wrap=True)
    return Text(fmt.clip(fmt.plain(text(value)[: 4 * WIDEST]), WIDEST), no_wrap=True)


def text(value: object) -> str:
    """One value in full; a time with a zone is local, with what it has of a second."""
    if value is None:
        return "∅ null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        local = value.astimezone() if value.tzinfo else value
        return local.replace(tzinfo=None).isoformat(" ", "auto")
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return str(value)


def _side(kind: str) -> Literal["left", "right"]:
    return "right" if kind.startswith(_NUMBERS) else "left"
