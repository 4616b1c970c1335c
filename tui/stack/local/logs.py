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
_BLOCK = 64 * 1024
_EXCEPTION = re.compile(r"^(Caused by: |Exception in thread \S+ )?[\w.$]+(Exception|Error)\b")
_ERROR = re.compile(r"\b(ERROR|FATAL)\b|Exception|Error")


def files(path: Path) -> list[Path]:
    """The log and its rotated predecessors (`.1` is the newest of them), oldest first."""
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda p: p.suffix[1:].zfill(6), reverse=True)
    return [p for p in (*older, path) if p.suffix[1:].isdigit() or p == path]


def last_lines(path: Path, count: int) -> list[str]:
    """At most the last `count` lines, without line ends; none if there is no log."""
    found: list[bytes] = []
    for file in reversed(files(path)):
        if len(found) >= count:
            break
        found = [*_last_of(file, count - len(found)), *found]
    return [line.decode("utf-8", "replace") for line in found]


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
        replaced = handle is None or _replaced(handle, path)  # asked first: what was written before is read before
        chunk = handle.read() if handle is not None else b""
        if chunk:
            *complete, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in complete)
        elif replaced:
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


def _last_of(file: Path, count: int) -> list[bytes]:
    """The last `count` lines of one file, read backwards in blocks: the length of the file does not matter."""
    blocks: deque[bytes] = deque()
    try:
        with file.open("rb") as handle:
            begin = handle.seek(0, os.SEEK_END)
            ends = 0
            while begin > 0 and ends <= count:  # one line end more, for the line before may be cut
                size = min(_BLOCK, begin)
                begin = handle.seek(begin - size)
                blocks.appendleft(handle.read(size))
                ends += blocks[0].count(b"\n")
    except OSError:
        return []
    data = b"".join(blocks)
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    return [line.removesuffix(b"\r") for line in lines[-count:]]


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
