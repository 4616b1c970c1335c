"""A client that submits the job ends with whoever started it, however that went."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tui.stack.local import tied

STARTER = """
import os, sys
from pathlib import Path
from threading import Thread
from tui.stack.local import submission
def submit():
    submission.run([sys.executable, "-c", sys.argv[2]], os.environ, Path(sys.argv[1]), lambda _: None)
Thread(target=submit).start()
"""
CLIENT = """
import os, subprocess, time
java = subprocess.Popen(["sleep", "60"], start_new_session=True)
print(os.getpid(), java.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_client_and_its_java_die_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    log, told = tmp_path / "submit.log", ""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(log), CLIENT])
    try:
        while not told.endswith("\n"):
            assert starter.poll() is None
            told = log.read_text() if log.exists() else ""
        client, java = map(psutil.Process, map(int, told.split()))
        tie = client.parent()
        assert tie is not None
        assert tie.ppid() == starter.pid
    finally:
        starter.kill()
        starter.wait()
    _, left = psutil.wait_procs([tie, client, java], timeout=10)
    for process in left:
        process.kill()
    assert left == []


def test_a_client_whose_starter_died_before_it_does_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = [sys.executable, "-I", "-S", tied.__file__, str(os.getppid()), "touch", str(mark)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Who started this program has died.\n")
    assert not mark.exists()


@pytest.mark.parametrize(("code", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 247)])
def test_the_status_is_the_clients(code: str, status: int) -> None:
    command = [sys.executable, "-I", "-S", tied.__file__, str(os.getpid()), "sh", "-c", code]
    assert subprocess.run(command, check=False).returncode == status
