"""Ends what a lost job may still run, before another one starts in its place.

A TaskManager notices the death of its JobManager only by the heartbeat's time-out (`heartbeat.timeout`), up to 15 s
later. Until then the lost job's tasks go on, and a commit under way would come beside those of the job that continues.
"""

from __future__ import annotations

from typing import Protocol

import psutil

from tui.model.errors import UnavailableError
from tui.stack.local import processes
from tui.stack.local.flink import JOBMANAGER, TASKMANAGER
from tui.stack.local.supervision import ProgramState

ENDED = "the TaskManager is started again, because it may still run the lost job's tasks"


class Watched(Protocol):
    """The part of `tui.stack.local.programs.Programs` that the fence needs."""

    def program_status(self, name: str) -> ProgramState | None:
        """What the supervisor knows of a program."""


def fence(programs: Watched) -> str | None:
    """End a TaskManager that is older than the JobManager, which is why no job runs; says so where it did.

    The processes' own times are compared, which no change of the clock reverses. Raises `UnavailableError` while there
    is no JobManager.
    """
    jobmanager, taskmanager = (_process(programs.program_status(name)) for name in (JOBMANAGER, TASKMANAGER))
    if jobmanager is None:
        raise UnavailableError("The JobManager does not run; see `lakehouse-tui status`.")
    if taskmanager is None or taskmanager.create_time() >= jobmanager.create_time():
        return None
    processes.end([taskmanager], term_wait_s=0)
    return ENDED


def _process(program: ProgramState | None) -> psutil.Process | None:
    try:
        return None if program is None or program.pid is None else psutil.Process(program.pid)
    except psutil.NoSuchProcess:
        return None
