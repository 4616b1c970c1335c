"""A TaskManager that outlived its JobManager is ended before another job starts; any other one is left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tui.model.errors import UnavailableError
from tui.stack.local.fence import ENDED, fence
from tui.stack.local.supervision import ProgramState, State


class Programs:
    """Processes by the names of programs."""

    def __init__(self, **pids: int | None) -> None:
        self._pids = pids

    def program_status(self, name: str) -> ProgramState | None:
        if name not in self._pids:
            return None
        pid = self._pids[name]
        return ProgramState(name, State.RUNNING if pid else State.BACKOFF, pid, 1.0, "")


@pytest.fixture
def start() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts processes, each some clock ticks younger than the one before."""
    with ExitStack() as ends:

        def started() -> subprocess.Popen[bytes]:
            code = "import time; print('up', flush=True); time.sleep(60)"
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            ends.callback(process.wait)
            ends.callback(process.kill)
            assert process.stdout is not None
            ends.callback(process.stdout.close)
            process.stdout.readline()
            return process

        yield started


def test_an_older_taskmanager_is_ended(start: Callable[[], subprocess.Popen[bytes]]) -> None:
    taskmanager, jobmanager = start(), start()
    assert fence(Programs(jobmanager=jobmanager.pid, taskmanager=taskmanager.pid)) == ENDED
    assert taskmanager.poll() is not None
    assert jobmanager.poll() is None


def test_a_younger_taskmanager_is_left_alone(start: Callable[[], subprocess.Popen[bytes]]) -> None:
    jobmanager, taskmanager = start(), start()
    assert fence(Programs(jobmanager=jobmanager.pid, taskmanager=taskmanager.pid)) is None
    assert taskmanager.poll() is None


def test_without_a_taskmanager_nothing_is_to_end(start: Callable[[], subprocess.Popen[bytes]]) -> None:
    jobmanager = start()
    assert fence(Programs(jobmanager=jobmanager.pid)) is None
    assert fence(Programs(jobmanager=jobmanager.pid, taskmanager=None)) is None
    gone = start()
    gone.kill()
    gone.wait()
    assert fence(Programs(jobmanager=jobmanager.pid, taskmanager=gone.pid)) is None


def test_without_a_jobmanager_nobody_knows(start: Callable[[], subprocess.Popen[bytes]]) -> None:
    taskmanager = start()
    for programs in (Programs(taskmanager=taskmanager.pid), Programs(jobmanager=None, taskmanager=taskmanager.pid)):
        with pytest.raises(UnavailableError, match="JobManager does not run"):
            fence(programs)
    assert taskmanager.poll() is None
