"""JSON over several lines, as it was written: numbers, order and doubled keys stay as they are."""

from __future__ import annotations

import json
import re

from rich.text import Text

from tui.view import format as fmt

MAX_LINES = 500
"""What is longer is cut."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_INDENT = "  "


def pretty(value: str) -> Text | None:
    """`value` with one member a line, names in bold; `None` if it is not JSON."""
    try:
        json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    lines = _lines(_TOKEN.findall(value))
    cut = len(lines) > MAX_LINES
    text = Text("\n").join(lines[:MAX_LINES])
    if cut:
        text.append(f"\n… {len(lines) - MAX_LINES:,} more lines", style="dim")
    return text


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _lines(parts: list[str]) -> list[Text]:
    lines, depth = [Text()], 0
    for number, part in enumerate(parts):
        following = parts[number + 1] if number + 1 < len(parts) else ""
        if part in "{[":
            lines[-1].append(part)
            if following not in ("}", "]"):
                depth += 1
                lines.append(Text(_INDENT * depth))
        elif part in "}]":
            if number and parts[number - 1] not in ("{", "["):
                depth -= 1
                lines.append(Text(_INDENT * depth))
            lines[-1].append(part)
        elif part == ",":
            lines[-1].append(",")
            lines.append(Text(_INDENT * depth))
        elif part == ":":
            lines[-1].append(": ")
        else:
            lines[-1].append(fmt.plain(part), style="bold" if following == ":" else "")
    return lines
