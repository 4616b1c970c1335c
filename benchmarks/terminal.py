"""Runs a program in a pseudo-terminal and says when it has painted what."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_SYNC_QUERY, _SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
_FRAME_END = b"\x1b[?2026l"
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program and its children took: cores on average, and resident bytes at the end."""

    cores: float
    rss_bytes: int


class Terminal:
    """A program on a terminal of its own; it answers the question whether it knows synchronized output with yes."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 40) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(slave)
        self._unseen = b""
        self._tail = b""

    def send(self, keys: bytes) -> float:
        """Type `keys`; when."""
        self._unseen = b""
        sent_at = time.perf_counter()
        os.write(self._master, keys)
        return sent_at

    def _read(self, until: float) -> bool:
        """Take what it writes next, at most until `until`; whether there was something."""
        if not select.select([self._master], [], [], max(0.0, until - time.perf_counter()))[0]:
            return False
        try:
            read = os.read(self._master, _CHUNK)
        except OSError as error:
            raise EOFError(f"it has ended: {self.text(self._unseen)[-500:]}") from error
        self._unseen += read
        asked = self._tail[-len(_SYNC_QUERY) + 1 :] + read
        if _SYNC_QUERY in asked:
            os.write(self._master, _SYNC_ANSWER)
        self._tail = b"" if _SYNC_QUERY in asked else read
        return True

    def drain(self, seconds: float) -> None:
        """Let it paint for `seconds`."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            if self._read(until):
                self._unseen = b""

    def wait(self, shown: Callable[[str], bool], timeout_s: float, what: str = "") -> float:
        """The moment when a whole frame was there and what was written since the last `send` is as `shown` wants."""
        until = time.perf_counter() + timeout_s
        while time.perf_counter() < until:
            if self._read(until):
                read_at = time.perf_counter()
                if _FRAME_END in self._unseen and shown(self.text(self._unseen[: self._unseen.rfind(_FRAME_END)])):
                    return read_at
        raise TimeoutError(f"{what} not within {timeout_s:g} s; it wrote: {self.text(self._unseen)[-1500:]!r}")

    @staticmethod
    def text(written: bytes) -> str:
        """The printable part of what it wrote."""
        return _ESCAPES.sub(b"", written).decode("utf-8", "replace")

    def _members(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def cpu_s(self) -> float:
        """CPU seconds so far, with its children's."""
        return sum(sum(member.cpu_times()[:2]) for member in self._members())

    def rss_bytes(self) -> int:
        """Resident memory of the process and its children."""
        return sum(member.memory_info().rss for member in self._members())

    def close(self) -> None:
        """End it and all it has started."""
        deadline = time.monotonic() + 5.0
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.drain(0.05)
                except EOFError:
                    time.sleep(0.02)
        self.process.wait(5.0)
        os.close(self._master)


@contextmanager
def terminal(command: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 40) -> Iterator[Terminal]:
    """A program in a terminal; ended at the end."""
    opened = Terminal(command, env, columns, rows)
    try:
        yield opened
    finally:
        opened.close()


def watch(terminals: Sequence[Terminal], seconds: float) -> list[Cost]:
    """Let all of them paint for `seconds`, side by side; what each took."""
    began_at, before = time.perf_counter(), [one.cpu_s() for one in terminals]
    until = began_at + seconds
    while time.perf_counter() < until:
        for one in terminals:
            one.drain(0.02)
    took_s = time.perf_counter() - began_at
    return [Cost((one.cpu_s() - cpu) / took_s, one.rss_bytes()) for one, cpu in zip(terminals, before, strict=True)]
