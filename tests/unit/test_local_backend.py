"""The backend's decisions, with real supervisors that run nothing or small programs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.model.errors import UnavailableError
from tui.model.stack import Progress
from tui.settings import Settings
from tui.stack.local import credentials, processes
from tui.stack.local.backend import LocalBackend
from tui.stack.local.layout import Layout
from tui.stack.local.supervision import Supervisor


def silent(_: Progress) -> None:
    """Nobody listens."""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    Layout(found.home).create()
    yield found
    processes.end(processes.tagged(Layout(found.home)), term_wait_s=0)


def start_supervisor(settings: Settings) -> Supervisor:
    layout = Layout(settings.home)
    found = Supervisor(layout, credentials.ensure(layout).supervisor_password)
    found.start()
    return found


def test_up_ends_nothing_where_the_supervisor_is_frozen(settings: Settings) -> None:
    start_supervisor(settings)
    pid = int((settings.home / "run" / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnavailableError, match="does not answer"):
            LocalBackend(settings).up(silent)
        assert [p.pid for p in processes.tagged(Layout(settings.home))] == [pid]
    finally:
        os.kill(pid, signal.SIGCONT)


def test_down_ends_a_frozen_supervisor(settings: Settings) -> None:
    start_supervisor(settings)
    os.kill(int((settings.home / "run" / "supervisord.pid").read_text()), signal.SIGSTOP)
    LocalBackend(settings).down(silent)
    assert processes.tagged(Layout(settings.home)) == []
