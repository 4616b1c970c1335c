"""Follows the logs of containers piece by piece; implements `tui.ports.LogPort`.

The engine keeps a container's output with a time in nanoseconds before each line. A cursor holds the time of the last
line that was read, so nothing is kept between two calls, and a container that starts again goes on with its log.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui.core.log_lines import parse
from tui.model.errors import NotFoundError
from tui.model.logs import Context, LogChunk, LogCursor, LogInfo
from tui.settings import Settings
from tui.stack.compose import engine, names
from tui.stack.local.layout import Layout
from tui.stack.local.log_tail import LocalLogs

if TYPE_CHECKING:
    from docker.models.containers import Container

FIRST_LINES = 2_000
"""How much of a log is read before it is followed."""
LIMIT_LINES = 20_000
"""How much is read at once; a reader that is further behind skips to the end."""
_BILLION = 1_000_000_000


class ComposeLogs:
    """The logs of the containers, and of the programs beside them, which lie in the home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = LocalLogs(Layout(settings.home))

    def services(self) -> tuple[LogInfo, ...]:
        """Every container and program, whether it has a log yet or not."""
        found = engine.containers(self._settings)
        containers = [LogInfo(name, None, _started(found.get(name))) for name in names.CONTAINERS]
        return (*containers, *(info for info in self._files.services() if info.service not in names.CONTAINERS))

    def tail(self, service: str, cursor: LogCursor | None = None) -> LogChunk:
        """What was written after `cursor`, bounded; without a cursor the end of the log.

        Raises `NotFoundError` while there is no container or file.
        """
        if service not in names.CONTAINERS:
            return self._files.tail(service, cursor)
        found = engine.containers(self._settings).get(service)
        if found is None:
            raise NotFoundError(f"{service} has no log yet; start the stack first.")
        same = cursor is not None and cursor.inode == _identity(found)
        since = cursor.offset if cursor is not None and same else 0
        with engine.failures():
            wanted = {"since": since // _BILLION} if since else {}
            data = found.logs(timestamps=True, tail=LIMIT_LINES if since else FIRST_LINES, **wanted)
        return chunk(service, found.name, _identity(found), data, cursor, since)


def chunk(service: str, name: str, identity: int, data: bytes, cursor: LogCursor | None, since: int) -> LogChunk:
    """The lines of `data`, the engine's answer with times, that are later than `since` (nanoseconds)."""
    stamped = [_split(line) for line in data.split(b"\n") if line]
    fresh = [(at, text) for at, text in stamped if at > since]
    lost = since > 0 and len(fresh) >= LIMIT_LINES
    known = cursor is not None and since > 0 and not lost
    lines, context = parse([text for _, text in fresh], cursor.context if cursor is not None and known else Context())
    end = max((at for at, _ in fresh), default=since)
    skipped = 0 if cursor is None or known else None
    return LogChunk(
        service, f"docker logs {name}", tuple(lines), cursor, LogCursor(identity, end, context=context), skipped
    )


def _split(line: bytes) -> tuple[int, bytes]:
    """`2026-01-02T03:04:05.678901234Z text` as nanoseconds since the epoch and text."""
    stamp, _, text = line.partition(b" ")
    whole, _, fraction = stamp.decode("ascii", "replace").removesuffix("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0, line
    return seconds * _BILLION + int(fraction.ljust(9, "0")[:9] or 0), text.rstrip(b"\r")


def _identity(found: Container) -> int:
    return int(found.id[:15], 16)


def _started(found: Container | None) -> datetime | None:
    if found is None:
        return None
    at, _ = _split(f"{found.attrs['Created']} ".encode())
    return datetime.fromtimestamp(at / _BILLION, UTC) if at else None
