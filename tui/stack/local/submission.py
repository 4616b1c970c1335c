"""A submission by Flink's client as a process of this machine, with its words in a log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tui.model.errors import LakehouseError
from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.stack import submitting
from tui.stack.local import processes, tied

_TIMEOUT_S = 120.0
HIDDEN = "•••"


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    progress: ProgressSink,
    secrets: Sequence[str] = (),
    lock: int | None = None,
) -> str:
    """Run the client to its end and return the job's id; `secrets` are taken out of the log.

    The client holds `lock`, a file descriptor, as long as it lives.

    Raises `LakehouseError` with the reason; whatever ends the wait, even SIGKILL, ends the client and its Java (by
    itself that ends at the end of its input, but not before it has started): a job that nobody has recorded is not
    started.
    """
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", tied.__file__, str(os.getpid()), *command],
            env=dict(environment),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )
    try:
        _wait(process, log, progress)
    except BaseException:
        _end_with_children(process.pid)
        raise
    finally:
        _hide(log, secrets)
    if process.returncode != 0:
        raise LakehouseError(f"The job was not submitted: {submitting.reason(log)}; all of it is in {log}.")
    return submitting.job_id(log)


def _wait(process: subprocess.Popen[bytes], log: Path, progress: ProgressSink) -> None:
    began = time.monotonic()
    while process.poll() is None:
        if time.monotonic() - began > _TIMEOUT_S:
            raise LakehouseError(f"The job was not submitted within {_TIMEOUT_S:.0f} s; its words are in {log}.")
        progress(Progress("job", "compiling and submitting"))
        time.sleep(0.05)


def _hide(log: Path, secrets: Sequence[str]) -> None:
    text = log.read_text(encoding="utf-8", errors="replace")
    if any(secret in text for secret in secrets):
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
        log.write_text(text, encoding="utf-8")


def _end_with_children(pid: int) -> None:
    """PyFlink starts Java in a process group of its own, so go by parent, not by group."""
    try:
        parent = psutil.Process(pid)
        processes.end([*parent.children(recursive=True), parent], term_wait_s=0)
    except psutil.Error:
        return
