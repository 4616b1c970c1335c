"""Cancel and submit again, savepoint and submit again, under load: nothing lost, nothing double."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, silent, until
from tui import bootstrap
from tui.model.errors import LakehouseError

LOAD = {"rate": "500", "seed": "7", "late": "0.01", "bad": "0.005", "duplicates": "0.01"}


@pytest.fixture
def loaded(lab: Lab) -> Lab:
    bootstrap.producer(lab.settings).start(LOAD)
    lab.control.submit(silent)
    return lab


def settle(lab: Lab) -> int:
    """Stop the producer, let the job read all, commit, and return how many messages the topic holds."""
    bootstrap.producer(lab.settings).stop()
    total = sum(p.high or 0 for p in lab.clients.kafka.lag().partitions)
    lab.committed(total)
    return total


def test_cancel_and_submit_five_times_under_load(loaded: Lab) -> None:
    seen = []
    for _ in range(5):
        loaded.control.checkpoint(silent)
        loaded.control.cancel()
        done = loaded.control.submit(silent)
        assert done.restored is not None
        seen.append(done.restored.checkpoint_id)
    assert seen == sorted(set(seen)), "each submit continues from a newer checkpoint"
    total = settle(loaded)
    loaded.assert_verified()
    assert ledger_rows(loaded) == total


def test_savepoint_and_submit_under_load(loaded: Lab) -> None:
    for _ in range(2):
        loaded.control.checkpoint(silent)
        _, path = loaded.control.savepoint()
        done = loaded.control.submit(silent)
        assert done.restored is not None
        assert (done.restored.kind, Path(done.restored.path).name) == ("savepoint", Path(path).name)
    total = settle(loaded)
    loaded.assert_verified()
    assert ledger_rows(loaded) == total


def ledger_rows(lab: Lab) -> int:
    histories = lab.control.histories()
    return sum(h.current.total_records or 0 for n, h in histories.items() if n != "agg_1m" and h and h.current)


def test_submitting_twice_is_refused(lab: Lab) -> None:
    with ThreadPoolExecutor(2) as both:
        attempts = [both.submit(lab.control.submit, silent) for _ in range(2)]
    failures = [a.exception() for a in attempts if a.exception()]
    assert len(failures) == 1
    assert "Another submit is under way" in str(failures[0])
    running = lab.control.require_job()
    with pytest.raises(LakehouseError, match=f"already runs .{running.id}"):
        lab.control.submit(silent)


def test_restoring_below_what_the_tables_hold_is_refused(lab: Lab) -> None:
    bootstrap.producer(lab.settings).start({"rate": "200", "count": "400", "seed": "1"})
    lab.control.submit(silent)
    lab.committed(400)
    lab.control.cancel()
    newest = lab.control.jobs.restore_points()[-1]
    for point in lab.control.jobs.restore_points():
        shutil.rmtree(point.path.removeprefix("file://"))
    with pytest.raises(LakehouseError, match="no checkpoint or savepoint is left"):
        lab.control.submit(silent)
    assert newest.checkpoint_id >= 1
    assert lab.control.active_job() is None


def test_a_fresh_start_is_seen_by_verify(lab: Lab) -> None:
    bootstrap.producer(lab.settings).start({"rate": "0", "count": "300", "seed": "1"})
    until(lambda: sum(p.high or 0 for p in lab.clients.kafka.lag().partitions) >= 300, "300 messages in Kafka")
    lab.control.submit(silent)
    lab.committed(300)
    lab.assert_verified()
    lab.control.cancel()
    lab.control.submit(silent, fresh=True)
    until(lambda: ledger_rows(lab) >= 600 or lab.control.checkpoint(silent) is None, "every trade written again")
    ledger = next(c for c in lab.verify() if c.name.startswith("ledger"))
    assert not ledger.ok
    assert "twice" in ledger.actual + ledger.detail
