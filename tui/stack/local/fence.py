"""Ends what a lost job may still run, before another one starts in its place.

A TaskManager notices the death of its JobManager only by the heartbeat's time-out (`heartbeat.timeout`), up to 15 s
later. Until then the lost job's tasks go on, and a commit under way would come beside those of the job that continues.
"""

from __future__ import annotations

import psutil

from tui.model.errors import UnavailableError
from tui.stack.local import processes
from tui.stack.local.flink import JOBMANAGER, TASKMANAGER
from tui.stack.local.programs import Programs

ENDED = "the TaskManager is started again, because it may still run the lost job's tasks"


def fence(programs: Programs) -> str | None:
    """End a TaskManager that is older than the JobManager, which is why no job runs; says so where it did.

    Raises `UnavailableError` while there is no JobManager.
    """
    jobmanager, taskmanager = (programs.program_status(name) for name in (JOBMANAGER, TASKMANAGER))
    if jobmanager is None or jobmanager.pid is None:
        raise UnavailableError("The JobManager does not run; see `lakehouse-tui status`.")
    if taskmanager is None or taskmanager.pid is None or taskmanager.uptime_s <= jobmanager.uptime_s:
        return None
    try:
        processes.end([psutil.Process(taskmanager.pid)], term_wait_s=0)
    except psutil.NoSuchProcess:
        return None
    return ENDED
