"""The local stack brings back what was lost: the job after a JobManager's death, everything after a power cut."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, new_settings, silent, until
from tests.integration.test_demo import command
from tui import bootstrap
from tui.model.errors import LakehouseError, NotFoundError
from tui.stack.local import processes
from tui.stack.local.layout import Layout
from tui.stack.wished import WishFile

LOAD = {"rate": "500", "seed": "7", "late": "0.01", "bad": "0.005", "duplicates": "0.01"}


@pytest.fixture(scope="module")
def home(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A stack of this module's own, whose pipeline is not the one that the home's settings name."""
    flags = {"iceberg": pytestconfig.getoption("--iceberg"), "s3": pytestconfig.getoption("--s3")}
    found = new_settings(tmp_path_factory.mktemp("kept"), **flags)
    try:
        bootstrap.backend(found).up(silent)
        yield Lab(replace(found, database="kept", group="kept"))
    finally:
        bootstrap.backend(found).down(silent)


def runs_again(lab: Lab, before: str) -> bool:
    """Whether another job than `before` runs with all its tasks."""
    try:
        job = lab.control.active_job()
    except LakehouseError:
        return False
    return job is not None and job.id != before and job.whole


def settle(lab: Lab) -> None:
    bootstrap.producer(lab.settings).stop()
    lab.committed(sum(p.high or 0 for p in lab.clients.kafka.lag().partitions))
    lab.assert_verified()


def pid(lab: Lab, name: str) -> int:
    found = next(s.pid for s in bootstrap.backend(lab.settings).services() if s.name == name)
    assert found is not None
    return found


def test_a_killed_jobmanager_costs_half_a_minute_and_no_trade(home: Lab) -> None:
    bootstrap.producer(home.settings).start(LOAD)
    home.control.submit(silent)
    took = []
    for _ in range(2):
        home.control.checkpoint(silent)
        before, began = home.control.require_job().id, time.monotonic()
        os.kill(pid(home, "jobmanager"), signal.SIGKILL)
        until(lambda lost=before: runs_again(home, lost), "the job runs again", 120)
        took.append(round(time.monotonic() - began, 1))
    print(json.dumps({"jobmanager killed, all tasks running again after s": took}))
    settle(home)


def test_up_after_a_power_cut_continues_the_job(home: Lab) -> None:
    bootstrap.producer(home.settings).start(LOAD)
    home.control.checkpoint(silent)
    before = home.control.require_job().id
    layout = Layout(home.settings.home)
    processes.end(processes.tagged(layout), term_wait_s=0)
    assert processes.tagged(layout) == []
    bootstrap.backend(home.settings).up(silent)
    until(lambda: runs_again(home, before), "the job runs again", 120)
    settle(home)


def cut_newest(lab: Lab) -> tuple[Path, bytes, int]:
    """Cut the newest checkpoint's metadata short; the file, what was in it, and the checkpoint's number."""
    newest = lab.control.jobs.restore_points()[-1]
    metadata = Path(newest.path.removeprefix("file://")) / "_metadata"
    whole = metadata.read_bytes()
    metadata.write_bytes(whole[:-1])
    return metadata, whole, newest.checkpoint_id


def test_a_damaged_checkpoint_is_passed_over_where_an_older_one_is_as_exact(home: Lab) -> None:
    assert home.control.checkpoint(silent).tables == (), "no trade is new"
    before = home.control.require_job().id
    _, _, number = cut_newest(home)
    os.kill(pid(home, "jobmanager"), signal.SIGKILL)
    until(lambda: runs_again(home, before), "the job runs again", 120)
    damage = f"checkpoint {number} is damaged: its _metadata is cut short."
    words = rf"from checkpoint {number - 1} \([\d.]+ s\)\. Note: {damage}"
    until(lambda: re.search(words, "\n".join(bootstrap.backend(home.settings).log("keeper"))), "the keeper says so")
    settle(home)


def test_a_damaged_checkpoint_that_the_tables_hold_is_said_and_not_passed_over(home: Lab) -> None:
    bootstrap.producer(home.settings).start(LOAD)
    until(lambda: home.control.checkpoint(silent).tables, "a checkpoint with trades is committed")
    before = home.control.require_job().id
    metadata, whole, number = cut_newest(home)
    os.kill(pid(home, "jobmanager"), signal.SIGKILL)

    def said() -> bool:
        keeping = bootstrap.keeping(home.settings)
        return keeping is not None and f"checkpoint {number} is damaged" in (keeping.reason or "")

    until(said, "the keeper says which checkpoint is damaged", 90)
    assert home.control.active_job() is None
    metadata.write_bytes(whole)
    until(lambda: runs_again(home, before), "the job runs again", 120)
    settle(home)


def test_a_job_whose_submitter_was_killed_is_kept_with_its_own_pipeline(home: Lab) -> None:
    home.control.cancel()
    own = {f"LAKEHOUSE_{name.upper()}": str(getattr(home.settings, name)) for name in ("database", "group")}
    submitter = subprocess.Popen(command(home.settings, "submit"), env={**os.environ, **own}, stdout=subprocess.DEVNULL)
    job = until(home.control.active_job, "the job is there", 90)
    submitter.kill()
    submitter.wait()

    def kept() -> bool:
        wish = WishFile(home.settings).read()
        return wish is not None and wish.wanted and wish.job_id == job.id and wish.pipeline["database"] == "kept"

    until(kept, "the job is kept", 30)
    until(lambda: (found := home.control.active_job()) is not None and found.whole, "every task runs", 90)


def test_what_was_cancelled_stays_ended_and_so_does_what_went_down(home: Lab) -> None:
    """Last in this file: it ends the job."""
    home.control.cancel()
    os.kill(pid(home, "jobmanager"), signal.SIGKILL)
    until(lambda: all(s.healthy for s in bootstrap.backend(home.settings).services()), "all is ready again", 90)
    with pytest.raises(NotFoundError):
        home.control.require_job()
    home.control.submit(silent)
    bootstrap.backend(home.settings).down(silent)
    bootstrap.backend(home.settings).up(silent)
    wish = WishFile(home.settings).read()
    assert wish is not None
    assert not wish.wanted
    assert home.control.active_job() is None
