"""Reading a rotating log: its last lines across the older files, and new lines as they come."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_POLL_S = 0.2
_EXCEPTION = re.compile(r"^(Caused by: |Exception in thread \S+ )?[\w.$]+(Exception|Error)\b")
_ERROR = re.compile(r"\b(ERROR|FATAL)\b|Exception|Error")


def files(path: Path) -> list[Path]:
    """The log and its rotated predecessors (`.1` is the newest of them), oldest first."""
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda p: p.suffix[1:].zfill(6), reverse=True)
    return [p for p in (*older, path) if p.suffix[1:].isdigit() or p == path]


def last_lines(path: Path, count: int) -> list[str]:
    """At most the last `count` lines, without line ends; none if there is no log."""
    kept: deque[str] = deque()
    for file in reversed(files(path)):
        lines = _lines(file)[-(count - len(kept)) :] if count > len(kept) else []
        kept.extendleft(reversed(lines))
    return list(kept)


def telling_line(path: Path) -> str | None:
    """What an error message quotes: the last exception, else the last line about an error, else the last line."""
    lines = [line.strip() for line in last_lines(path, 200) if line.strip()]
    ranked = (_EXCEPTION.match, _ERROR.search, lambda _: True)
    found = (line for wanted in ranked for line in reversed(lines) if not line.startswith("at ") and wanted(line))
    line = next(found, None)
    return None if line is None else line[:300]


def follow(path: Path, lines: int, stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """The last `lines` lines, then each complete new one, across rotations, until `stop` says so."""
    handle = _open(path)
    if handle is not None:
        handle.seek(0, 2)
    yield from last_lines(path, lines)
    rest = b""
    while not stop():
        chunk = handle.read() if handle is not None else b""
        if chunk:
            *complete, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in complete)
        elif handle is None or _replaced(handle, path):
            fresh = _open(path)
            if handle is not None and fresh is not None:
                handle.close()
            handle = fresh if fresh is not None else handle
            if fresh is None:
                time.sleep(_POLL_S)
        else:
            time.sleep(_POLL_S)
    if handle is not None:
        handle.close()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _replaced(handle: BinaryIO, path: Path) -> bool:
    try:
        return path.stat().st_ino != os.fstat(handle.fileno()).st_ino
    except OSError:
        return False
