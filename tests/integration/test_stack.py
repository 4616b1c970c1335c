"""The local stack as processes: start, crash, interruption, two side by side, and an end without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import new_settings, silent, until
from tui.model.errors import LakehouseError
from tui.model.stack import Progress, Service, ServiceState
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.backend import LocalBackend
from tui.stack.local.kafka import ensure_topic
from tui.stack.local.layout import Layout
from tui.stack.local.log_tail import LocalLogs
from tui.stack.local.spec import TAG

SERVICES = ("kafka", "s3", "jobmanager", "taskmanager")
BESIDE = ("supervisor", "keeper")


class Stack:
    """A home with its backend."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.backend = LocalBackend(settings)
        self.layout = Layout(settings.home)

    def service(self, name: str) -> Service:
        return next(s for s in self.backend.services() if s.name == name)

    def pid(self, name: str) -> int:
        pid = self.service(name).pid
        assert pid is not None
        return pid

    def states(self) -> dict[str, ServiceState]:
        return {s.name: s.state for s in self.backend.services()}

    def processes(self) -> list[psutil.Process]:
        return processes.tagged(self.layout)

    def supervisor_pid(self) -> int:
        return int((self.layout.run / "supervisord.pid").read_text())

    def ready(self) -> bool:
        return set(self.states().values()) == {ServiceState.READY}


def all_of(state: ServiceState) -> dict[str, ServiceState]:
    return dict.fromkeys(SERVICES, state)


def ended(stack: Stack) -> None:
    stack.backend.down(silent)
    shutil.rmtree(stack.settings.home, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own, because its services are killed."""
    home = tmp_path_factory.mktemp("stack") / "a home with spaces; 100% #odd [x]"
    found = Stack(new_settings(home, iceberg=pytestconfig.getoption("--iceberg"), s3=pytestconfig.getoption("--s3")))
    try:
        found.backend.up(silent)
        yield found
    finally:
        ended(found)


@pytest.fixture
def fresh(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """A home of its own, not started."""
    found = Stack(new_settings(tmp_path / "home", s3=pytestconfig.getoption("--s3")))
    try:
        yield found
    finally:
        ended(found)


def test_services_are_ready_and_tell_of_themselves(stack: Stack) -> None:
    services = {s.name: s for s in stack.backend.services()}
    assert {n: s.state for n, s in services.items()} == all_of(ServiceState.READY)
    assert services["kafka"].detail == "topic trades, 3 partitions"
    assert services["taskmanager"].detail == "4 of 4 slots free"
    assert {s.restarts for s in services.values()} == {0}
    assert all(psutil.pid_exists(s.pid) for s in services.values() if s.pid)


def test_services_answers_at_once(stack: Stack) -> None:
    took = []
    for _ in range(5):
        began = time.monotonic()
        stack.backend.services()
        took.append(time.monotonic() - began)
    assert min(took) < 0.3


def test_up_again_changes_nothing(stack: Stack) -> None:
    before = {s.name: s.pid for s in stack.backend.services()}
    after = {s.name: s.pid for s in stack.backend.up(silent)}
    assert after == before


def test_up_with_other_ports_is_refused_while_it_runs(stack: Stack) -> None:
    other = LocalBackend(replace(stack.settings, kafka_port=stack.settings.kafka_port + 1))
    with pytest.raises(LakehouseError, match=r"kafka_port .* run `lakehouse-tui down` first"):
        other.up(silent)
    until(stack.ready, "all services are ready", 10)


def test_listens_on_loopback_only(stack: Stack) -> None:
    found = [c for p in stack.processes() for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    addresses = {c.laddr.ip.removeprefix("::ffff:") for c in found}
    assert addresses <= {"127.0.0.1", "::1"}
    assert {stack.settings.kafka_port, stack.settings.flink_port, stack.settings.s3_port} <= {
        c.laddr.port for c in found
    }


def test_secrets_are_in_no_command_line_and_for_the_owner_only(stack: Stack) -> None:
    keys = stack.backend.credentials()
    secrets = [keys.s3_secret_key, keys.supervisor_password]
    for process in stack.processes():
        shown = " ".join([*process.cmdline(), *process.environ().values()])
        assert not any(secret in shown for secret in secrets), process.name()
    assert stack.settings.home.stat().st_mode & 0o077 == 0
    for path in stack.settings.home.rglob("*"):
        if path.is_file() and not path.is_symlink() and any(s.encode() in path.read_bytes() for s in secrets):
            assert path.stat().st_mode & 0o077 == 0, path


def test_every_service_has_a_process_group_of_its_own(stack: Stack) -> None:
    pids = [stack.pid(name) for name in SERVICES]
    assert [os.getpgid(pid) for pid in pids] == pids


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_service_comes_back(stack: Stack, name: str) -> None:
    before, restarts = stack.pid(name), stack.service(name).restarts
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.service(name).pid not in (None, before), f"{name} is started again")
    until(stack.ready, f"all is ready after {name} was killed", 90)
    assert restarts is not None
    assert stack.service(name).restarts == restarts + 1


def test_a_frozen_service_is_unhealthy_and_delays_nobody(stack: Stack) -> None:
    until(stack.ready, "all services are ready", 10)
    pid = stack.pid("kafka")
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        stack.states()
        assert time.monotonic() - began < 2
        until(lambda: stack.service("kafka").state is ServiceState.UNHEALTHY, "kafka is seen as unhealthy", 5)
        assert stack.service("s3").state is ServiceState.READY
    finally:
        os.kill(pid, signal.SIGCONT)
    until(stack.ready, "ready again")


def test_log_shows_the_service_and_follows_it(stack: Stack) -> None:
    assert any("Kafka Server started" in line for line in stack.backend.log("kafka", lines=100_000))
    assert len(list(stack.backend.log("jobmanager", lines=3))) == 3
    with pytest.raises(LakehouseError, match=r"no service zookeeper; there are .*kafka"):
        stack.backend.log("zookeeper")


def test_a_deleted_log_comes_back_and_is_followed_on(stack: Stack) -> None:
    reader, log = LocalLogs(stack.layout), stack.layout.logs / "kafka.log"
    cursor = reader.tail("kafka").cursor
    log.unlink()
    until(log.exists, "the log is there again", 10)
    topic = f"after_{time.monotonic_ns()}"
    ensure_topic(replace(stack.settings, topic=topic), 30)
    until(lambda: any(topic in line.text for line in reader.tail("kafka", cursor).lines), "new lines are read", 10)
    held = {str(link.readlink()) for link in Path(f"/proc/{stack.supervisor_pid()}/fd").iterdir()}
    assert not [path for path in held if path.endswith(" (deleted)")]


def test_a_program_runs_under_the_same_supervisor(stack: Stack) -> None:
    backend = stack.backend
    script = "import time; print('hello', flush=True); time.sleep(600)"
    started = backend.start_program("helper", (sys.executable, "-c", script), autorestart=True)
    with pytest.raises(LakehouseError, match="runs already"):
        backend.start_program("helper", (sys.executable, "-c", script))
    until(lambda: "hello" in list(backend.log("helper")), "its output is in its log")
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)

    def restarted() -> bool:
        state = backend.program_status("helper")
        return state is not None and state.runs and state.pid != started.pid

    until(restarted, "it is started again")
    backend.stop_program("helper")
    assert backend.program_status("helper") is None
    assert len(stack.processes()) == len(SERVICES) + len(BESIDE)


def test_a_program_that_ends_by_itself_stays_ended(stack: Stack) -> None:
    stack.backend.start_program("short", (sys.executable, "-c", "print('done')"), autorestart=True)

    def over() -> bool:
        state = stack.backend.program_status("short")
        return state is not None and state.down

    until(over, "it has ended", 10)
    assert list(stack.backend.log("short")) == ["done"]
    stack.backend.stop_program("short")


def test_two_homes_run_side_by_side(stack: Stack, fresh: Stack) -> None:
    fresh.backend.up(silent)
    until(fresh.ready, "all services are ready", 10)
    until(stack.ready, "all services are ready", 10)
    fresh.backend.down(silent)
    assert fresh.processes() == []
    until(stack.ready, "all services are ready", 10)


def test_a_dead_supervisor_takes_all_with_it_and_up_repairs(stack: Stack) -> None:
    pids = {stack.pid(name) for name in SERVICES}
    os.kill(stack.supervisor_pid(), signal.SIGKILL)
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids), "services die with their supervisor", 10)
    assert stack.states() == all_of(ServiceState.STOPPED)
    stack.backend.up(silent)
    until(stack.ready, "all services are ready", 10)


def test_orphans_are_ended_by_down(stack: Stack) -> None:
    orphan = subprocess.Popen(["sleep", "600"], env={TAG: stack.layout.id}, start_new_session=True)
    try:
        stack.backend.down(silent)
        assert not psutil.pid_exists(orphan.pid)
        assert stack.processes() == []
        assert stack.states() == all_of(ServiceState.STOPPED)
    finally:
        orphan.kill()
        stack.backend.up(silent)


def test_half_a_stack_is_completed(stack: Stack) -> None:
    supervisor = stack.backend._supervisor()
    assert supervisor is not None
    kept = stack.pid("kafka")
    supervisor.stop("taskmanager", 20)
    supervisor.stop("s3", 20)
    assert stack.states()["s3"] is ServiceState.STOPPED
    stack.backend.up(silent)
    until(stack.ready, "all services are ready", 10)
    assert stack.pid("kafka") == kept


def test_two_ups_at_once_start_it_once(fresh: Stack) -> None:
    found: list[tuple[int | None, ...]] = []
    waited: list[Progress] = []

    def up() -> None:
        backend = LocalBackend(fresh.settings)
        found.append(tuple(s.pid for s in backend.up(lambda p: waited.append(p) if p.step == "home" else None)))

    threads = [threading.Thread(target=up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert [p.detail for p in waited] == ["waiting for another command to finish"]
    assert len(fresh.processes()) == len(SERVICES) + len(BESIDE)


@pytest.mark.parametrize("moment", ["kafka: starting", "s3: ready"])
def test_an_interrupted_up_leaves_no_process(fresh: Stack, moment: str) -> None:
    def interrupt(step: Progress) -> None:
        if f"{step.step}: {step.detail}".startswith(moment):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fresh.backend.up(interrupt)
    assert fresh.processes() == []
    fresh.backend.up(silent)
    until(fresh.ready, "all services are ready", 10)


def test_a_taken_port_is_named_with_its_holder(fresh: Stack) -> None:
    with socket.create_server(("127.0.0.1", fresh.settings.s3_port)), pytest.raises(LakehouseError) as caught:
        fresh.backend.up(silent)
    assert f"Port {fresh.settings.s3_port} (s3 port) is held by process {os.getpid()}" in str(caught.value)
    assert fresh.processes() == []


def test_a_service_that_cannot_start_is_named_with_its_log(fresh: Stack) -> None:
    meta = fresh.layout.data / "kafka" / "log" / "meta.properties"
    meta.parent.mkdir(parents=True)
    meta.write_text("version=1\nnode.id=7\ncluster.id=other\n")
    with pytest.raises(LakehouseError, match=r"kafka .*; its log says: .*7.*kafka\.log"):
        fresh.backend.up(silent)
    meta.unlink()
    fresh.backend.up(silent)
    until(fresh.ready, "all services are ready", 10)


def test_purge_deletes_the_data_and_nothing_else(fresh: Stack) -> None:
    fresh.backend.up(silent)
    fresh.backend.down(silent, purge=True)
    assert not fresh.layout.data.exists()
    assert not fresh.settings.stack_file.exists()
    assert fresh.layout.conf.exists()
    fresh.backend.up(silent)
    until(fresh.ready, "all services are ready", 10)
