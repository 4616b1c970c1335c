"""What can strike: each fault does its harm, waits for nothing but what it needs itself, and lets go."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.faults.stage import Stage, until
from tests.integration.conftest import silent
from tui import bootstrap
from tui.model.errors import NotFoundError
from tui.model.flink import RestorePoint

SERVICES = ("kafka", "s3", "jobmanager", "taskmanager")
ACTION_S = 120.0
"""How long an action may be refused because of other faults before that is one itself."""

Fault = Callable[[Stage, random.Random], None]


def killed(name: str, stage: Stage, chance: random.Random) -> None:
    """The process gets SIGKILL."""
    os.kill(stage.pid(name), signal.SIGKILL)


def frozen(name: str, stage: Stage, chance: random.Random) -> None:
    """The process stands still, now and then for longer than Flink's heartbeats wait (15 s), then goes on."""
    pid = stage.pid(name)
    seconds = chance.uniform(16, 20) if chance.random() < 0.15 else chance.uniform(0.5, 6)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def supervisor_killed(stage: Stage, chance: random.Random) -> None:
    """The supervisor gets SIGKILL, and everything dies with it; then `up` and the producer again, but no submit."""
    os.kill(int((stage.layout.run / "supervisord.pid").read_text()), signal.SIGKILL)
    time.sleep(chance.uniform(0, 2))
    until(lambda: stage.backend.up(silent), "up after the supervisor was killed", ACTION_S)
    stage.load()


def cancelled(stage: Stage, chance: random.Random) -> None:
    """The job is cancelled, and submitted again a moment later."""
    control = stage.lab.control

    def cancel() -> bool:
        with suppress(NotFoundError):  # nothing runs, and nothing is wanted
            control.cancel()
        return True

    until(cancel, "the job is cancelled", ACTION_S)
    time.sleep(chance.uniform(0, 2))
    until(stage.kept, "the job is submitted again", ACTION_S)


def saved(stage: Stage, chance: random.Random) -> None:
    """The job is stopped with a savepoint, and submitted again a moment later."""
    control = stage.lab.control

    def stop() -> bool:
        with suppress(NotFoundError):
            control.savepoint()
        return control.active_job() is None

    until(stop, "the job is stopped with a savepoint", ACTION_S)
    time.sleep(chance.uniform(0, 2))
    until(stage.kept, "the job is submitted again", ACTION_S)


def damaged(stage: Stage, chance: random.Random) -> None:
    """The newest checkpoint loses the end of its metadata, and the JobManager dies.

    Where no older one is as new as the tables, the keeper says so; then the checkpoint is mended, as its owner would.
    """
    newest = max(stage.lab.control.jobs.restore_points(), key=lambda p: p.completed_at, default=None)
    if newest is None:
        return killed("jobmanager", stage, chance)
    metadata = Path(newest.path.removeprefix("file://")) / "_metadata"
    whole = metadata.read_bytes()
    metadata.write_bytes(whole[: chance.randrange(len(whole))])
    killed("jobmanager", stage, chance)
    try:
        until(lambda: _seen(stage, newest), "the damage is seen", ACTION_S)
    finally:
        if metadata.parent.exists():
            metadata.write_bytes(whole)
    return None


def _seen(stage: Stage, newest: RestorePoint) -> bool:
    """Whether the keeper refuses it, or the job goes on from another one (or a newer one came meanwhile)."""
    keeping = bootstrap.keeping(stage.settings)
    if keeping is not None and "is damaged" in (keeping.reason or ""):
        return True
    return stage.whole() and not newest.written_by(stage.lab.control.require_job().id)


FAULTS: Mapping[str, Fault] = {
    **{f"{name} killed": partial(killed, name) for name in (*SERVICES, "producer")},
    **{f"{name} frozen": partial(frozen, name) for name in SERVICES},
    "supervisor killed": supervisor_killed,
    "cancel, submit": cancelled,
    "savepoint, submit": saved,
    "checkpoint damaged": damaged,
}
"""By the name that reports use."""
