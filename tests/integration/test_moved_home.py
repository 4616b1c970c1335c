"""A home that is moved or copied, while its stack is down or runs: each stack has its own data, and all of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, free_ports, new_settings, silent, until
from tests.integration.test_demo import run
from tests.integration.test_keeper import LOAD, runs_again, settle
from tui import bootstrap
from tui.model.errors import LakehouseError
from tui.stack.local import processes
from tui.stack.local.layout import Layout


class Homes:
    """Homes of one folder: each lab that was given out is down at the end."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._all = [lab]

    def at(self, name: str, **changed: object) -> Lab:
        """The home of this name, with the first one's settings but for what is `changed`."""
        found = Lab(replace(self.lab.settings, home=self.lab.settings.home.with_name(name), **changed))
        self._all.append(found)
        return found

    def end(self) -> None:
        for lab in self._all:
            bootstrap.backend(lab.settings).down(silent)
            assert all_of(lab) == []


def all_of(lab: Lab) -> list[int]:
    return [p.pid for p in processes.tagged(Layout(lab.settings.home))]


def own_ports() -> dict[str, object]:
    return dict(zip(("kafka_port", "flink_port", "s3_port", "s3_console_port"), free_ports(4), strict=True))


def fill(lab: Lab, seed: int, count: int = 3000) -> None:
    """A job runs, and so many more messages are committed."""
    until(lambda: not bootstrap.producer(lab.settings).runs(), "the producer before is done", 60)
    before = messages(lab)
    options = {**LOAD, "rate": "1000", "seed": str(seed), "count": str(count)}
    bootstrap.producer(lab.settings).start(options)
    until(lambda: not bootstrap.producer(lab.settings).runs(), "the producer is done", 60)
    lab.committed(before + count)


def messages(lab: Lab) -> int:
    return sum(p.high or 0 for p in lab.clients.kafka.lag().partitions)


def power_cut(lab: Lab) -> None:
    layout = Layout(lab.settings.home)
    processes.end(processes.tagged(layout), term_wait_s=0)
    assert processes.tagged(layout) == []


@pytest.fixture
def homes(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Homes]:
    """A stack that runs, with a job and 3,000 messages in its tables."""
    flags = {"iceberg": pytestconfig.getoption("--iceberg"), "s3": pytestconfig.getoption("--s3")}
    found = Homes(Lab(new_settings(tmp_path / "first", **flags)))
    try:
        bootstrap.backend(found.lab.settings).up(silent)
        found.lab.control.submit(silent)
        fill(found.lab, seed=1)
        yield found
    finally:
        found.end()


def test_a_home_that_was_moved_after_a_power_cut_goes_on_exactly(homes: Homes) -> None:
    bootstrap.producer(homes.lab.settings).start({"backfill": "4h", "rate": "0", "count": "0"})
    fill(homes.lab, seed=7)
    before = messages(homes.lab)
    job, newest = homes.lab.control.require_job().id, homes.lab.control.jobs.restore_points()[-1]
    assert len(list(Path(newest.path.removeprefix("file://")).iterdir())) > 1, "its state is in files beside _metadata"
    power_cut(homes.lab)
    homes.lab.settings.home.rename(homes.lab.settings.home.with_name("a new höme"))
    moved = homes.at("a new höme")
    bootstrap.backend(moved.settings).up(silent)
    until(lambda: runs_again(moved, job), "the wanted job runs again", 120)
    log = bootstrap.backend(moved.settings).log
    until(lambda: " runs, from checkpoint " in "\n".join(log("keeper")), "the keeper says from where")
    fill(moved, seed=2)
    settle(moved)
    assert messages(moved) == before + 3000
    assert not homes.lab.settings.home.exists()


def test_a_copy_runs_beside_its_original_and_neither_sees_the_other(homes: Homes) -> None:
    first = homes.lab
    bootstrap.backend(first.settings).down(silent)
    copied = first.settings.home.with_name("copied")
    subprocess.run(["cp", "-r", str(first.settings.home), str(copied)], check=True)  # neither modes nor attributes
    bootstrap.backend(first.settings).up(silent)
    same_ports = homes.at("copied")
    with pytest.raises(LakehouseError, match=rf"is held by process \d+ .* of the lakehouse in {first.settings.home};"):
        bootstrap.backend(same_ports.settings).up(silent)
    first.control.submit(silent)
    for words in ("lag", "cancel", "verify", "candles", "savepoint", "submit"):
        done = run(same_ports.settings, words)
        assert done.returncode == 1
        assert f"is that of the lakehouse in {first.settings.home}" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert first.control.require_job().whole
    copy = homes.at("copied", **own_ports())
    (copy.settings.home / "format.json").unlink()  # as in every home before there was that file
    bootstrap.backend(copy.settings).up(silent)
    assert json.loads((copy.settings.home / "format.json").read_text()) == {"format": 1}
    copy.control.submit(silent)
    fill(copy, seed=3)
    settle(copy)
    assert messages(copy) == 6000
    assert messages(first) == 3000
    fill(first, seed=5)
    settle(first)


def test_a_home_that_is_moved_while_it_runs_ends_its_stack_and_goes_on_from_there(homes: Homes) -> None:
    job, old = homes.lab.control.require_job().id, homes.lab.settings.home
    bootstrap.producer(homes.lab.settings).start({**LOAD, "seed": "6"})
    homes.lab.control.checkpoint(silent)
    old.rename(old.with_name("moved"))
    moved = homes.at("moved")
    until(lambda: all_of(moved) == [], "everything has ended by itself", 60)
    assert all_of(homes.lab) == []
    bootstrap.backend(moved.settings).up(silent)
    until(lambda: runs_again(moved, job), "the wanted job runs again", 120)
    settle(moved)
    print(sorted(str(p.relative_to(old)) for p in old.rglob("*")) if old.exists() else "nothing at the old path")


def test_down_ends_a_stack_whose_home_was_moved(homes: Homes) -> None:
    """Where nothing ends by itself: the keeper stands still."""
    old = homes.lab.settings.home
    keeper = bootstrap.backend(homes.lab.settings).program_status("keeper")  # type: ignore[attr-defined]
    os.kill(keeper.pid, signal.SIGSTOP)
    old.rename(old.with_name("moved"))
    moved = homes.at("moved")
    assert len(all_of(moved)) >= 6
    for words in ("up", "submit"):
        done = run(moved.settings, words)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert f"The home was moved to {moved.settings.home} while its stack ran." in done.stderr
    bootstrap.backend(moved.settings).down(silent)
    assert all_of(moved) == []
    assert not old.exists()


def test_a_home_that_was_copied_while_it_ran_is_refused(homes: Homes) -> None:
    """By something that follows links and keeps no attributes, at that."""
    first = homes.lab.settings.home
    shutil.copytree(first, first.with_name("torn"), ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    torn = homes.at("torn", **own_ports())
    done = run(torn.settings, "up")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert f"was copied from {first} while the stack there ran" in done.stderr
    bootstrap.backend(torn.settings).down(silent, purge=True)
    homes.lab.assert_verified()
    bootstrap.backend(torn.settings).up(silent)
    assert messages(torn) == 0
