"""kill -9 of the dashboard and of the supervisor, at one random moment after the other: nobody is orphaned.

A killed dashboard leaves the stack as it was; a killed supervisor takes all of it along, and the next `up` works.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import psutil
import pytest

from tests.faults.stage import Stage, StuckError, note, until
from tests.integration.conftest import silent
from tests.integration.terminal import Terminal
from tests.integration.test_demo import command
from tui.stack.local import processes

pytestmark = pytest.mark.faults
GONE_S = 10.0
"""How long what dies with the killed process may take to be gone."""
CALM_S = 120.0


@dataclass
class Kill:
    """One line of the report: who was killed, amid what, how long after that began; and everything wrong afterwards."""

    kill: str
    number: int
    moment: str = ""
    after_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def wait(self, chance: random.Random, longest_s: float) -> None:
        """Let a random part of `longest_s` go by."""
        self.after_s = round(chance.uniform(0, longest_s), 2)
        time.sleep(self.after_s)


def gone(stage: Stage, kept: set[int]) -> list[psutil.Process]:
    """Processes of the home other than `kept` that are left after `GONE_S`; empty as soon as there is none."""
    deadline = time.monotonic() + GONE_S
    while (left := [p for p in processes.tagged(stage.layout) if p.pid not in kept]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def below(pid: int) -> list[psutil.Process]:
    """What a process has started, as far as it lives."""
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def told(what: str, found: list[psutil.Process]) -> list[str]:
    """A sentence for each process that should not be there."""
    lines = []
    for process in found:
        with suppress(psutil.Error):
            lines.append(f"{what} {process.pid} {' '.join(process.cmdline())[:120]}")
    return lines


DASHBOARD = {"submit": "s", "start": "", "checkpoint": "k", "open": ""}
"""What the dashboard is amid, one kill after the other, and the key that begins it."""
SUPERVISOR = ("up", "down", "running")
"""What the supervisor is amid, one kill after the other."""


def dashboard(stage: Stage, chance: random.Random, done: Kill) -> None:
    """The dashboard gets SIGKILL over a running stack; the stack goes on with the same processes."""
    done.moment = list(DASHBOARD)[(done.number - 1) % len(DASHBOARD)]
    if done.moment == "submit":
        stage.end_job()
    else:
        until(stage.submitted, "the job is submitted", CALM_S)
    before = {p.pid for p in processes.tagged(stage.layout)}
    with Terminal(command(stage.lab.settings), os.environ) as term:
        if done.moment != "start":
            term.until("4/4 ready", CALM_S)
            term.type(DASHBOARD[done.moment])
        done.wait(chance, 12 if done.moment == "submit" else 3)
        started = below(term.pid)
        os.kill(term.pid, signal.SIGKILL)
        term.wait()
        _, left = psutil.wait_procs(started, timeout=GONE_S)
    done.wrong += told("left by the dashboard:", left)
    done.wrong += told("not of the supervisor:", stage.orphans())
    if missing := before - {p.pid for p in processes.tagged(stage.layout)}:
        done.wrong.append(f"gone with the dashboard: {sorted(missing)}")
    until(stage.kept, "the job runs and is kept, or is submitted", CALM_S)


def supervisor(stage: Stage, chance: random.Random, done: Kill) -> None:
    """The supervisor gets SIGKILL while the stack runs, comes up or goes down; nothing is left, and `up` works."""
    done.moment = SUPERVISOR[(done.number - 1) % len(SUPERVISOR)]
    if done.moment == "up":
        stage.backend.down(silent)
    amid = None
    if done.moment != "running":
        amid = subprocess.Popen(
            command(stage.settings, done.moment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    pid = until(partial(_supervisor, stage), "there is a supervisor", CALM_S)
    done.wait(chance, 8 if amid else 1)
    with suppress(ProcessLookupError):  # `down` was quicker
        os.kill(pid, signal.SIGKILL)
    if amid is not None:
        words, _ = amid.communicate(timeout=CALM_S)
        if "Traceback" in words or "Unexpected" in words:
            done.wrong.append(f"{done.moment} said: {words[-300:]}")
    if _supervisor(stage) is None:  # else `up` came after the death and has begun anew
        done.wrong += told("outlived the supervisor:", gone(stage, set()))
    until(lambda: stage.backend.up(silent), "up works", CALM_S)
    if ill := [s.name for s in stage.backend.services() if not s.healthy]:
        done.wrong.append(f"after up not ready: {ill}")
    done.wrong += told("not of the supervisor:", stage.orphans())


def _supervisor(stage: Stage) -> int | None:
    """The living supervisor of the home: a pid file may be older than the process that has this number now."""
    with suppress(OSError, ValueError, psutil.Error):
        pid = int((stage.layout.run / "supervisord.pid").read_text())
        return pid if pid in {p.pid for p in processes.tagged(stage.layout)} else None
    return None


@pytest.fixture(scope="module")
def calm(stage: Stage) -> Iterator[Stage]:
    """The stage with a pipeline of these tests' own."""
    stage.new_pipeline("kills")
    yield stage


@pytest.mark.parametrize("who", [dashboard, supervisor])
def test_nobody_is_orphaned(
    calm: Stage, who: Callable[[Stage, random.Random, Kill], None], kill: int, pytestconfig: pytest.Config
) -> None:
    done, began = Kill(who.__name__, kill), time.monotonic()
    try:
        who(calm, random.Random(f"{who.__name__} {kill}"), done)
    except (StuckError, AssertionError, subprocess.TimeoutExpired) as error:
        done.wrong.append(str(error))
    done.took_s = round(time.monotonic() - began, 1)
    note(done, pytestconfig.getoption("--report"))
    assert done.wrong == []
