"""Recordings as files: written by a thread of their own, read as far as they go. `.gz` at the end means gzip."""

from __future__ import annotations

import json
import os
import queue
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tui.core.recording import Header, Reader, Recording, Writer
from tui.model.errors import LakehouseError, UsageError
from tui.model.reading import Reading

FLUSH_S = 2.0
"""What is lost at most when the program is killed."""
CLOSE_S = 5.0
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18


class Recorder:
    """Writes readings to a new file; `note` only puts them into a queue and never blocks or raises.

    A file that cannot be written any more ends the recording: `failure` then is a sentence. `hidden` says now and then
    which texts are written as others. Raises `UsageError` for a file that exists and is not empty, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        hidden: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = path
        self._hidden = hidden
        self.failure: str | None = None
        self.bytes_written = 0
        self._clock = clock
        self._writer = Writer()
        self._waiting: queue.SimpleQueue[Reading[Any] | None] = queue.SimpleQueue()
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP) if path.name.endswith(".gz") else None
        self._file = _new(path)
        try:
            self._write(_replaced(self._writer.first(header), _in_json(hidden())))
            self._flush()
        except OSError as error:
            os.close(self._file)
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def note(self, reading: Reading[Any]) -> None:
        """Record `reading`."""
        if self.failure is None:
            self._waiting.put(reading)

    def close(self) -> None:
        """Write what is waiting and end the file; waits `CLOSE_S` at most."""
        self._waiting.put(None)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            self._serve()
        except OSError as error:
            self.failure = (
                f"The recording has stopped: {self.path} cannot be written ({error.strerror}). "
                "What was written so far can be played."
            )
        finally:
            os.close(self._file)

    def _serve(self) -> None:
        flushed, dirty = time.monotonic(), False
        hidden = _in_json(self._hidden())
        while True:
            try:
                reading = self._waiting.get(timeout=FLUSH_S if dirty else None)
            except queue.Empty:
                reading = None
            else:
                if reading is None:
                    break
                self._write(_replaced(self._writer.line(reading), hidden))
                dirty = True
            if dirty and time.monotonic() - flushed >= FLUSH_S:
                self._flush()
                flushed, dirty = time.monotonic(), False
                hidden = _in_json(self._hidden())
        self._write(self._writer.last(self._clock()))
        self._flush(zlib.Z_FINISH)

    def _write(self, line: str) -> None:
        data = line.encode("ascii")
        self._put(self._packer.compress(data) if self._packer else data)

    def _flush(self, mode: int = zlib.Z_SYNC_FLUSH) -> None:
        if self._packer:
            self._put(self._packer.flush(mode))

    def _put(self, data: bytes) -> None:
        while data:
            written = os.write(self._file, data)
            self.bytes_written += written
            data = data[written:]


def _in_json(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts as they stand in a line, the longest first."""
    found = {json.dumps(text)[1:-1]: json.dumps(other)[1:-1] for text, other in texts.items() if len(text) > 3}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def _replaced(line: str, texts: Mapping[str, str]) -> str:
    for text, other in texts.items():
        line = line.replace(text, other)
    return line


def _new(path: Path) -> int:
    """A descriptor of the file, which is new or was empty."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise UsageError(f"{path} cannot be made for the recording: {error.strerror}.") from None
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_size == 0:
        return file
    os.close(file)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file that a recording could be written to.")
    raise UsageError(f"{path} exists and is not empty; a recording never overwrites a file: give another name.")


def load(path: Path) -> Recording:
    """Read a recording; raises `LakehouseError` where it is none, or is damaged before its end."""
    reader = Reader(str(path))
    rest = b""
    try:
        for chunk in _chunks(path):
            *lines, rest = (rest + chunk).split(b"\n")
            reader.feed(lines)
    except OSError as error:
        raise LakehouseError(f"The recording {path} cannot be read: {error.strerror}.") from None
    except zlib.error:
        raise LakehouseError(f"The recording {path} is damaged: it cannot be unpacked.") from None
    return reader.finish(cut=bool(rest))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        unpacker = zlib.decompressobj(_GZIP) if chunk.startswith(_MAGIC) else None
        while chunk:
            yield unpacker.decompress(chunk) if unpacker else chunk
            chunk = file.read(_CHUNK)
