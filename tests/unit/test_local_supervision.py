"""The supervisor with small programs: start, crash loop, stop, death."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from tui.model.errors import LakehouseError, UnavailableError
from tui.stack.local import processes
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.supervision import NotRunningError, ProgramState, State, Supervisor

SLEEP = ("/bin/sleep", "600")
PASSWORD = "a random word"


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    found = Layout(tmp_path / "h %x; #y [z]")
    found.create()
    yield found
    processes.end(processes.tagged(found), term_wait_s=0)


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    found = Supervisor(layout, PASSWORD)
    found.start()
    return found


def state(supervisor: Supervisor, name: str) -> ProgramState:
    return supervisor.programs()[name]


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_nobody_answers_where_none_was_started(layout: Layout) -> None:
    supervisor = Supervisor(layout, PASSWORD)
    assert not supervisor.alive()
    with pytest.raises(NotRunningError, match="No supervisor runs in"):
        supervisor.programs()


def test_only_the_password_opens(layout: Layout, supervisor: Supervisor) -> None:
    assert supervisor.alive()
    with pytest.raises(UnavailableError, match="HTTP 401 Unauthorized") as caught:
        Supervisor(layout, "wrong").programs()
    assert "wrong" not in str(caught.value)


def test_a_frozen_supervisor_is_not_waited_for(layout: Layout, supervisor: Supervisor) -> None:
    pid = int((layout.run / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnavailableError, match="does not answer"):
            supervisor.programs(0.2)
        with pytest.raises(UnavailableError, match=r"does not answer .*; try again, .*`lakehouse-tui down`\."):
            Supervisor(layout, PASSWORD, timeout_s=0.2).alive()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert supervisor.programs() == {}


def test_a_supervisor_that_dies_amid_its_answer_does_not_answer(layout: Layout) -> None:
    whole = xmlrpc.client.dumps(([{"name": "kafka", "state": 20}],), methodresponse=True).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(whole)}\r\n\r\n".encode()
    answer = head + whole
    given = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(layout.socket))
        server.listen()

        def serve() -> None:
            while True:
                taken, _ = server.accept()  # twice for one question, where nothing was answered
                with taken:
                    taken.recv(1 << 16)
                    if given is answer:
                        return
                    taken.sendall(given)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for cut in range(0, len(answer), 9):
            given = answer[:cut]
            with pytest.raises(UnavailableError, match="does not answer"):
                Supervisor(layout, PASSWORD).programs()
        given = answer
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(str(layout.socket))
        thread.join()


def test_a_program_gets_a_clean_environment_its_pid_and_a_private_log(
    layout: Layout, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOP_SECRET", "1")
    code = "import os, sys; print(sorted(os.environ), sys.argv[1], os.getpid(), os.getcwd())"
    supervisor.launch(ProgramSpec("show", (*python(code), "me-{pid}"), {"OWN": "x"}, restart="never"))
    until(lambda: state(supervisor, "show").down)
    log = layout.logs / "show.log"
    until(lambda: log.read_text().endswith("\n"))
    words = log.read_text()
    pid = words.split("me-")[1].split()[0]
    assert f"me-{pid} {pid} {layout.home}" in words
    assert "'OWN'" in words
    assert "'LAKEHOUSE_HOME_ID'" in words
    assert "TOP_SECRET" not in words
    assert PASSWORD not in words
    assert log.stat().st_mode & 0o077 == 0


def test_launch_leaves_a_running_program_alone(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("nap", SLEEP))
    first = state(supervisor, "nap")
    supervisor.launch(ProgramSpec("nap", ("/bin/sleep", "700")))
    assert state(supervisor, "nap").pid == first.pid
    assert os.getpgid(first.pid or 0) == first.pid


def test_launch_takes_a_changed_definition_over(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("nap", SLEEP))
    supervisor.stop("nap", 15)
    assert state(supervisor, "nap").state is State.STOPPED
    supervisor.launch(ProgramSpec("nap", ("/bin/sleep", "700")))
    pid = state(supervisor, "nap").pid or 0
    until(lambda: psutil.Process(pid).cmdline() == ["/bin/sleep", "700"])


def test_a_crash_loop_is_given_up(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("crash", python("raise SystemExit(3)"), start_tries=1))
    until(lambda: state(supervisor, "crash").state is State.BACKOFF)
    until(lambda: state(supervisor, "crash").state is State.FATAL)
    assert len((layout.run / "crash.starts").read_text().splitlines()) == 2
    supervisor.launch(ProgramSpec("crash", SLEEP))
    assert state(supervisor, "crash").runs


def test_a_missing_program_is_fatal_with_words_in_its_log(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("none", ("/nowhere/java",), start_tries=0))
    until(lambda: state(supervisor, "none").state is State.FATAL)
    assert "No such file" in (layout.logs / "none.log").read_text()


def test_a_program_starts_where_its_start_cannot_be_counted(layout: Layout, supervisor: Supervisor) -> None:
    (layout.run / "nap.starts").mkdir()
    supervisor.launch(ProgramSpec("nap", SLEEP))
    pid = state(supervisor, "nap").pid or 0
    until(lambda: psutil.Process(pid).cmdline() == list(SLEEP))


def test_stop_kills_what_does_not_listen(layout: Layout, supervisor: Supervisor) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    supervisor.launch(ProgramSpec("deaf", python(code), stop_wait_s=1))
    until(lambda: "deaf" in (layout.logs / "deaf.log").read_text())
    supervisor.stop("deaf", 10)
    assert state(supervisor, "deaf").down


def test_stop_ends_the_children_too(layout: Layout, supervisor: Supervisor) -> None:
    code = "import subprocess; p = subprocess.Popen(['/bin/sleep', '600']); print(p.pid, flush=True); p.wait()"
    supervisor.launch(ProgramSpec("parent", python(code)))
    log = layout.logs / "parent.log"
    until(lambda: log.exists() and log.read_text().endswith("\n"))
    child = int(log.read_text())
    supervisor.stop("parent", 10)
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_stop_and_forget_of_an_unknown_program_do_nothing(supervisor: Supervisor) -> None:
    supervisor.stop("nobody", 1)
    supervisor.forget("nobody")
    assert supervisor.programs() == {}


def test_forget_removes_a_stopped_program(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("nap", SLEEP))
    supervisor.stop("nap", 15)
    supervisor.forget("nap")
    assert supervisor.programs() == {}
    assert list((layout.run / "programs").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is Linux's")
def test_programs_die_with_a_killed_supervisor(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("nap", SLEEP))
    until(lambda: len(processes.tagged(layout)) == 2)
    os.kill(int((layout.run / "supervisord.pid").read_text()), signal.SIGKILL)
    until(lambda: processes.tagged(layout) == [])
    assert not supervisor.alive()
    supervisor.start()
    assert supervisor.alive()


def test_shutdown_ends_all(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.launch(ProgramSpec("nap", SLEEP))
    supervisor.shutdown()
    until(lambda: processes.tagged(layout) == [])


def test_a_supervisor_that_is_late_is_given_up(layout: Layout) -> None:
    with pytest.raises(UnavailableError, match=r"did not start within 0\.001 s"):
        Supervisor(layout, PASSWORD).start(0.001)


def test_a_supervisor_that_cannot_start_says_why(layout: Layout) -> None:
    (layout.run / "programs" / "bad.conf").write_text("[program:bad]\nnonsense=1\n")
    with pytest.raises(LakehouseError, match=r"The supervisor did not start: .*bad"):
        Supervisor(layout, PASSWORD).start()
