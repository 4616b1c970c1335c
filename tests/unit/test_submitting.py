"""One submission at a time, even where the one who started it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tui.model.errors import BusyError
from tui.stack.submitting import alone

KILLED = """
import subprocess, sys, time
from pathlib import Path
from tui.stack.submitting import alone
with alone(Path(sys.argv[1])) as lock:
    client = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock,))
    print(client.pid, flush=True)
    time.sleep(60)
"""


def test_a_client_whose_starter_was_killed_holds_the_lock_until_it_ends(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    client = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    try:
        with pytest.raises(BusyError, match="Another submit is under way"), alone(tmp_path):
            pass
    finally:
        os.kill(client, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with alone(tmp_path):
                return
        except BusyError:
            time.sleep(0.01)
    pytest.fail("the lock is still held")
