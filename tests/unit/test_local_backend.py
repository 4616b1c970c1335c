"""The backend's decisions, with real supervisors that run nothing or small programs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import Progress
from tui.settings import PORTS, Settings
from tui.stack.local import credentials, processes, space
from tui.stack.local.backend import LocalBackend
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.startup import Startup
from tui.stack.local.supervision import State, Supervisor


def silent(_: Progress) -> None:
    """Nobody listens."""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    Layout(found.home).create()
    yield found
    processes.end(processes.tagged(Layout(found.home)), term_wait_s=0)


def free_ports() -> dict[str, Any]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return {name: server.getsockname()[1] for name, server in zip(PORTS, servers, strict=True)}


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


def test_data_of_the_other_s3_server_is_refused_before_anything_starts(settings: Settings) -> None:
    (settings.home / "data" / "s3" / "s3proxy" / "warehouse").mkdir(parents=True)
    wanted = replace(settings, s3="minio", **free_ports())
    with pytest.raises(LakehouseError, match="holds data of s3proxy; start it with `--s3 s3proxy`"):
        LocalBackend(wanted).up(silent)
    assert not settings.stack_file.exists()
    assert processes.tagged(Layout(settings.home)) == []


def test_a_failure_before_the_first_service_leaves_no_supervisor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("no")

    monkeypatch.setattr("tui.stack.provision.provision", lambda *_: None)
    monkeypatch.setattr(Startup, "specs", lambda *_: {})
    monkeypatch.setattr(Startup, "launch", fail)
    with pytest.raises(UnavailableError, match="no"):
        LocalBackend(replace(settings, **free_ports())).up(silent)
    assert processes.tagged(Layout(settings.home)) == []
    assert not settings.stack_file.exists()


def test_without_space_nothing_is_started(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda _: 1_500_000)
    with pytest.raises(LakehouseError, match=rf"^No space is left for {settings.home} \(1\.5 MB\): free some"):
        LocalBackend(replace(settings, **free_ports())).up(silent)
    assert processes.tagged(Layout(settings.home)) == []


def test_what_gave_up_without_space_is_started_again_once_there_is_enough(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 0
    monkeypatch.setattr(space, "free_bytes", lambda _: free)
    backend, supervisor = LocalBackend(settings), start_supervisor(settings)
    assert backend.revive() == ()
    crash = ProgramSpec("kafka", (sys.executable, "-c", "raise SystemExit(3)"), start_tries=0)
    supervisor.launch(crash)
    until_state(supervisor, State.FATAL)
    free = 10 * 1024**2
    assert backend.revive() == (), "there is some, but not enough"
    free = 10**9
    assert backend.revive() == ("kafka",)
    until_state(supervisor, State.FATAL)
    assert (Layout(settings.home).run / "kafka.starts").read_text().count("\n") == 2
    assert backend.revive() == (), "it did not give up for want of space this time"
    found = {s.name: s for s in backend.services()}
    assert found["kafka"].detail != space.shortage(settings.home)
    free = 0
    assert all(s.detail == space.shortage(settings.home) for s in backend.services())


def until_state(supervisor: Supervisor, wanted: State) -> None:
    deadline = time.monotonic() + 15
    while supervisor.programs()["kafka"].state is not wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_down_forgets_what_the_stack_was_started_with(settings: Settings) -> None:
    settings.stack_file.write_text('{"kafka_port": 1}')
    start_supervisor(settings)
    LocalBackend(settings).down(silent)
    assert not settings.stack_file.exists()


def test_two_starts_at_once_run_a_program_once(settings: Settings) -> None:
    start_supervisor(settings)
    together = threading.Barrier(2)
    found: list[str] = []

    def start() -> None:
        together.wait(5)
        try:
            LocalBackend(settings).start_program("nap", ("/bin/sleep", "600"))
            found.append("started")
        except LakehouseError as error:
            found.append(str(error).split(" (")[0])

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == ["nap runs already", "started"]
    LocalBackend(settings).stop_program("nap")
    assert LocalBackend(settings).program_status("nap") is None


def test_down_stops_a_program_while_it_holds_the_home(settings: Settings) -> None:
    start_supervisor(settings)
    LocalBackend(settings).start_program("nap", ("/bin/sleep", "600"))
    LocalBackend(settings).down(silent)
    assert processes.tagged(Layout(settings.home)) == []
    with pytest.raises(LakehouseError, match="The stack is down"):
        LocalBackend(settings).start_program("nap", ("/bin/sleep", "600"))
