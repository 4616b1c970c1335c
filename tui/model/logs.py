"""Values about logs: what has one, its lines with their levels, and where a reader of it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Level(IntEnum):
    """How serious a line is; the program's own words are mapped to these."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class LogInfo:
    """One log that may be read; size and time are `None` where nothing tells them, both where there is none yet."""

    service: str
    size_bytes: int | None = None
    changed_at: datetime | None = None

    @property
    def exists(self) -> bool:
        """Whether there is something to read."""
        return self.size_bytes is not None or self.changed_at is not None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as plain text; `level` and `at` (UTC) are `None` where nothing tells them.

    `first` is False for a line that continues the one before it, such as a stack trace, and has its level.
    """

    text: str
    level: Level | None = None
    at: datetime | None = None
    first: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """What the next line of a log may continue: the level of the last record.

    After an `open` record every line without a head of its own belongs to it, else only what looks like a stack trace.
    """

    level: Level | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Where a reader stands: `offset` bytes into the file with this inode.

    `head_crc` is the checksum of the file's first `head_bytes` bytes, by which a file that was written anew is known.
    `in_cut` says that the bytes up to the next line end belong to a line that was already shown cut.
    """

    inode: int
    offset: int
    head_bytes: int = 0
    head_crc: int = 0
    context: Context = Context()
    in_cut: bool = False


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Lines from `start` (`None`: the reader had no place yet) up to `cursor`.

    `skipped_bytes` lie unread between `start` and `lines`; `None` where the log was replaced by another one, so that
    nobody knows what was missed.
    """

    service: str
    path: str
    lines: tuple[LogLine, ...]
    start: LogCursor | None
    cursor: LogCursor
    skipped_bytes: int | None = 0

    @property
    def truncated(self) -> bool:
        """Whether lines may be missing between `start` and `lines`."""
        return self.skipped_bytes != 0
