"""A program in a pseudo-terminal: what it shows, as text; what is typed, as keys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import psutil
import pyte


class Terminal:
    """Runs `command` in a terminal of `width` × `height`; killed at the end of the `with` block if it still runs."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], width: int = 120, height: int = 40) -> None:
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.output = b""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            kept = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
            os.execvpe(command[0], list(command), {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if psutil.pid_exists(self.pid) and self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)

    _status: int | None = None

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.output += data
                # pyte does not know these private modes and would print their letters
                self._stream.feed(re.sub(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p", b"", data))

    @property
    def text(self) -> str:
        """What the screen shows now."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def type(self, keys: str) -> None:
        """Type these characters."""
        os.write(self._fd, keys.encode())

    def until(self, pattern: str, timeout_s: float = 60.0) -> re.Match[str]:
        """Wait until the screen's text matches; fails with what it shows."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = re.search(pattern, self.text)
            if found:
                return found
            if time.monotonic() > deadline or self._status is not None:
                raise AssertionError(f"{pattern!r} is not on the screen within {timeout_s:g} s:\n{self.text}")
            time.sleep(0.05)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Wait for the end; the exit status."""
        deadline = time.monotonic() + timeout_s
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise AssertionError(f"still running after {timeout_s:g} s:\n{self.text}")
            else:
                time.sleep(0.05)
        time.sleep(0.1)  # its last words
        return self._status
