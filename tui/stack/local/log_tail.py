"""Follows the logs of a home piece by piece; implements `tui.ports.LogPort`.

Nothing is kept between two calls: the cursor carries all of it, so any thread may ask, and a lost answer loses nothing.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tui.core.log_lines import MAX_LINE_BYTES, parse
from tui.model.errors import LakehouseError, NotFoundError
from tui.model.logs import Context, LogChunk, LogCursor, LogInfo
from tui.stack.local import logs
from tui.stack.local.layout import Layout
from tui.stack.local.status import SERVICES

PROGRAMS = ("producer", "submit", "supervisord")
"""What has a log beside the services."""
FIRST_BYTES = 256 * 1024
"""How much of a log is read before it is followed."""
LIMIT_BYTES = 2 * 1024 * 1024
"""How much is read at once; a reader that is further behind skips to the end."""
_HEAD_BYTES = 256
_QUIET_S = 1.0
"""After so long without a line end the last line is taken as it is."""
_BEGIN = {"producer": "start the producer", "submit": "submit the job"}


class LocalLogs:
    """The logs of one home; `now` tells the time in epoch seconds."""

    def __init__(self, layout: Layout, now: Callable[[], float] = time.time) -> None:
        self._folder = layout.logs
        self._now = now

    def services(self) -> tuple[LogInfo, ...]:
        """Every service and program, whether it has a log yet or not; others that left a log come last."""
        known = (*SERVICES, *PROGRAMS)
        others = sorted({p.stem for p in self._folder.glob("*.log")} - set(known))
        return tuple(self._info(name) for name in (*known, *others))

    def tail(self, service: str, cursor: LogCursor | None = None, limit: int = LIMIT_BYTES) -> LogChunk:
        """What was written after `cursor`, at most `limit` bytes of it; without a cursor the end of the log.

        Raises `NotFoundError` while there is no log, `LakehouseError` if it cannot be read.
        """
        path = self._path(service)
        try:
            with ExitStack() as open_files:
                stream = _Stream.opened(path, cursor, open_files)
                if not stream.segments:
                    raise NotFoundError(self._missing(service, cursor))
                return _chunk(service, path, stream, cursor, limit, self._now())
        except OSError as error:
            raise LakehouseError(f"{path} cannot be read: {error.strerror}.") from None

    def _path(self, service: str) -> Path:
        return self._folder / f"{service}.log"

    def _info(self, service: str) -> LogInfo:
        try:
            found = self._path(service).stat()
        except OSError:
            return LogInfo(service)
        return LogInfo(service, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _missing(self, service: str, cursor: LogCursor | None) -> str:
        if cursor is not None:
            return f"{self._path(service)} is gone; it comes back with the next line of {service}."
        return f"{service} has no log yet; {_BEGIN.get(service, 'start the stack')} first."


@dataclass(frozen=True, slots=True)
class _Segment:
    """One file of a log, held open so that a rotation cannot take it away; `size` as it was when opened."""

    handle: BinaryIO
    inode: int
    size: int
    changed_at: float

    def read(self, offset: int, count: int) -> bytes:
        self.handle.seek(offset)
        return self.handle.read(count)

    def holds(self, cursor: LogCursor) -> bool:
        """Whether this is the file that `cursor` was in: a new one may have got the same inode."""
        if self.inode != cursor.inode or self.size < cursor.offset:
            return False
        return zlib.crc32(self.read(0, cursor.head_bytes)) == cursor.head_crc


@dataclass(frozen=True, slots=True)
class _Stream:
    """The files that matter, oldest first, as one run of bytes."""

    segments: list[_Segment]

    @classmethod
    def opened(cls, path: Path, cursor: LogCursor | None, open_files: ExitStack) -> _Stream:
        """The newest file, with older ones as far as `cursor`, or `FIRST_BYTES`, reach back."""
        segments: list[_Segment] = []
        for segment in _segments(path, open_files):  # newest first, so that a rotation meanwhile hides none
            segments.insert(0, segment)
            if cursor is None and sum(s.size for s in segments) >= FIRST_BYTES:
                break
            if cursor is not None and segment.holds(cursor):
                return cls(segments)
        if cursor is None:
            return cls(segments)
        newest = segments[-1:] if path.exists() else []  # older files alone were read before
        return cls(newest)

    @property
    def end(self) -> int:
        return sum(s.size for s in self.segments)

    def position(self, cursor: LogCursor) -> int | None:
        """Where `cursor` is; `None` if its file is gone or was written anew."""
        before = 0
        for segment in self.segments:
            if segment.holds(cursor):
                return before + cursor.offset
            before += segment.size
        return None

    def read(self, begin: int) -> bytes:
        """Everything from `begin` to the end."""
        parts, before = [], 0
        for segment in self.segments:
            offset = max(0, begin - before)
            if offset < segment.size:
                parts.append(segment.read(offset, segment.size - offset))
            before += segment.size
        return b"".join(parts)

    def cursor(self, position: int, context: Context, *, in_cut: bool) -> LogCursor:
        """The cursor at `position`."""
        for segment in self.segments:
            if position < segment.size or segment is self.segments[-1]:
                head = segment.read(0, min(_HEAD_BYTES, position))
                return LogCursor(segment.inode, position, len(head), zlib.crc32(head), context, in_cut)
            position -= segment.size
        raise ValueError("a stream without files has no cursor")


def _segments(path: Path, open_files: ExitStack) -> Iterator[_Segment]:
    seen = set()
    for file in reversed(logs.files(path)):
        with suppress(FileNotFoundError):
            handle = open_files.enter_context(file.open("rb"))
            found = os.fstat(handle.fileno())
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                yield _Segment(handle, found.st_ino, found.st_size, found.st_mtime)


def _chunk(service: str, path: Path, stream: _Stream, cursor: LogCursor | None, limit: int, now: float) -> LogChunk:
    end = stream.end
    place = None if cursor is None else stream.position(cursor)
    reach = min(limit, FIRST_BYTES) if cursor is None else limit
    begin = max(place or 0, end - reach)
    skipped = None if cursor is not None and place is None else begin - (place or 0)
    known = cursor is not None and begin == place
    context, in_cut = (cursor.context, cursor.in_cut) if cursor is not None and known else (Context(), False)
    if not known and begin > 0:
        begin, in_cut = begin - 1, True  # the line that was begun before is left out
    quiet = now - stream.segments[-1].changed_at > _QUIET_S
    data = stream.read(begin)
    raw, used, in_cut = _lines(data, in_cut=in_cut, take_rest=quiet)
    if place is None and begin > 0 and not raw:
        raw = [data]  # nothing but the middle of one endless line
    lines, context = parse(raw, context)
    after = stream.cursor(begin + used, context, in_cut=in_cut)
    return LogChunk(service, str(path), tuple(lines), cursor, after, skipped)


def _lines(data: bytes, *, in_cut: bool, take_rest: bool) -> tuple[list[bytes], int, bool]:
    """The lines in `data`, how many of its bytes they took, and whether the last one is cut and goes on."""
    begin = 0
    if in_cut:
        begin = data.find(b"\n") + 1
        if not begin:
            return [], len(data), True
    *lines, rest = data[begin:].split(b"\n")
    if len(rest) > MAX_LINE_BYTES:
        return [*lines, rest], len(data), True
    if rest and take_rest:
        return [*lines, rest], len(data), False
    return lines, len(data) - len(rest), False
