"""The keeper's look at the home's folder, over a real supervisor with a small program that goes on writing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from tui.stack.local import processes
from tui.stack.local.home_watch import MOVED, REOPENED, HomeWatch, supervisor_of
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.supervision import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process holds open is in Linux's /proc")
TICKS = "import time\nwhile True: print(time.monotonic_ns(), flush=True); time.sleep(0.05)"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A home, the working folder, whose supervisor runs a program that goes on writing."""
    found = Layout(tmp_path / "my höme")
    found.create()
    monkeypatch.chdir(found.home)
    supervisor = Supervisor(found, "a random word")
    supervisor.start()
    supervisor.launch(ProgramSpec("ticks", (sys.executable, "-c", TICKS)))
    until(lambda: written(found.logs / "ticks.log"))
    yield found
    processes.end(processes.tagged(found), term_wait_s=0)


def written(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def moved_away(log: Path) -> None:
    log.rename(log.with_suffix(".old"))


def supervisor(layout: Layout) -> int:
    pid = processes.supervisor_pid(layout)
    assert pid is not None
    return pid


def test_nothing_is_done_where_all_is_in_order(layout: Layout) -> None:
    watch = HomeWatch(layout, supervisor(layout))
    assert [watch.look() for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("name", ["ticks", "supervisord"])
@pytest.mark.parametrize("lose", [Path.unlink, moved_away])
def test_a_lost_log_comes_back_and_the_old_one_is_let_go(
    layout: Layout, name: str, lose: Callable[[Path], object]
) -> None:
    pid, log = supervisor(layout), layout.logs / f"{name}.log"
    watch = HomeWatch(layout, pid)
    lose(log)
    assert [watch.look() for _ in range(3)] == [None, REOPENED, None]
    until(lambda: log.exists() and (written(log) or name == "supervisord"))  # who has nothing to say now
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert not [path for path in held if path.endswith((" (deleted)", ".old"))]
    assert [watch.look() for _ in range(3)] == [None] * 3


def test_a_folder_of_logs_that_was_deleted_comes_back(layout: Layout) -> None:
    watch = HomeWatch(layout, supervisor(layout))
    shutil.rmtree(layout.logs)
    assert [watch.look() for _ in range(2)] == [None, REOPENED]
    until(lambda: written(layout.logs / "ticks.log"))
    assert layout.logs.stat().st_mode & 0o077 == 0


def test_logs_are_not_opened_anew_where_they_cannot_be_written(layout: Layout) -> None:
    """The supervisor would end at that."""
    watch = HomeWatch(layout, supervisor(layout))
    shutil.rmtree(layout.logs)
    layout.logs.write_text("a file in the place of the folder")
    assert [watch.look() for _ in range(3)] == [None] * 3
    layout.logs.unlink()
    assert watch.look() == REOPENED
    until(lambda: written(layout.logs / "ticks.log"))


def test_a_log_that_is_rotated_at_the_moment_counts_as_none(layout: Layout) -> None:
    watch, log = HomeWatch(layout, supervisor(layout)), layout.logs / "ticks.log"
    log.rename(layout.home / "ticks")
    assert watch.look() is None
    (layout.home / "ticks").rename(log)
    assert [watch.look() for _ in range(2)] == [None] * 2


@pytest.mark.parametrize("again", [False, True], ids=["", "and another folder is in its place"])
def test_everything_ends_where_the_home_was_moved(layout: Layout, again: bool) -> None:
    watch, pid = HomeWatch(layout, supervisor(layout)), supervisor(layout)
    layout.home.rename(layout.home.with_name("elsewhere"))
    if again:
        layout.home.mkdir()
    assert [watch.look() for _ in range(2)] == [None, MOVED]
    until(lambda: not psutil.pid_exists(pid))
    until(lambda: processes.tagged(layout) == [])


def test_the_supervisor_of_somebody_else_is_left_alone(layout: Layout) -> None:
    assert supervisor_of(layout) is None
    (layout.run / "supervisord.pid").write_text(str(os.getppid()))
    assert supervisor_of(layout) == os.getppid()
    (layout.run / "supervisord.pid").write_text("")
    assert supervisor_of(layout) is None
