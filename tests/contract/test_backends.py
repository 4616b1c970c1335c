"""What every backend does, whatever it runs on."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.conftest import silent, until
from tui import bootstrap
from tui.model.errors import LakehouseError, NotFoundError, UsageError
from tui.model.stack import ServiceState
from tui.settings import Settings

SERVICES = ("kafka", "s3", "jobmanager", "taskmanager")
TRADES = 2_000


def committed(settings: Settings) -> int:
    return sum(p.committed or 0 for p in bootstrap.clients(settings).kafka.lag().partitions)


def verified(settings: Settings) -> list[str]:
    return [f"{c.name}: expected {c.expected}, found {c.actual}" for c in bootstrap.verify(settings) if not c.ok]


def offers(settings: Settings, capability: str) -> bool:
    return capability in bootstrap.backend(settings).capabilities()


def feed(settings: Settings) -> None:
    """Write trades: in the background where that is offered, else in the foreground."""
    producer = bootstrap.producer(settings)
    options = {"count": str(TRADES), "rate": "0", "seed": "4", "bad": "0.02"}
    if not offers(settings, "produce"):
        with pytest.raises(LakehouseError, match="produce --foreground"):
            producer.start(options)
        subprocess.run(producer.command(options, background=False), check=True, timeout=60)
        return
    assert producer.start(options)
    until(lambda: not producer.runs(), "the producer is done", 60)
    told = producer.status()
    assert told is not None
    assert (told.state, told.sent) == ("finished", TRADES)


def test_every_service_is_ready_and_says_where_it_is(stack: Settings) -> None:
    services = bootstrap.backend(stack).services()
    assert tuple(s.name for s in services) == SERVICES
    assert {s.name: s.state for s in services} == dict.fromkeys(SERVICES, ServiceState.READY)
    ours = offers(stack, "up")
    assert all((s.pid is not None) == ours for s in services)
    assert {s.restarts for s in services} == {0 if ours else None}
    assert [s.endpoint for s in services] == [stack.kafka, stack.s3_endpoint, stack.flink, None]


def test_up_again_changes_nothing(stack: Settings) -> None:
    backend = bootstrap.backend(stack)
    if not offers(stack, "up"):
        for act in (backend.up, backend.down):
            with pytest.raises(UsageError, match="starts and stops nothing"):
                act(silent)
        return
    before = [(s.name, s.pid) for s in backend.services()]
    assert [(s.name, s.pid) for s in backend.up(silent)] == before


def test_capabilities_are_what_is_there(stack: Settings) -> None:
    every = {"up", "down", "purge", "logs", "produce", "submit"}
    assert bootstrap.backend(stack).capabilities() == ({"submit"} if stack.backend == "remote" else every)


def test_each_service_has_a_log_that_can_be_followed(stack: Settings) -> None:
    logs = bootstrap.logs(stack)
    if not offers(stack, "logs"):
        for name in SERVICES:
            with pytest.raises(NotFoundError, match=f"The log of {name} is where it runs"):
                list(bootstrap.backend(stack).log(name))
        return
    assert tuple(i.service for i in logs.services())[:4] == SERVICES
    assert all(i.exists for i in logs.services()[:4])
    for name in SERVICES:
        first = logs.tail(name)
        assert first.lines, name
        assert list(bootstrap.backend(stack).log(name, lines=3)), name
        again = logs.tail(name, first.cursor)
        assert not again.truncated
        assert not {line.text for line in again.lines} & {line.text for line in first.lines[-1:]}


def test_an_unknown_service_has_no_log(stack: Settings) -> None:
    try:
        list(bootstrap.backend(stack).log("nobody"))
    except NotFoundError as error:
        assert "There is no service nobody" in str(error)
    else:
        raise AssertionError("a log of nobody")


def test_the_way_of_the_trades(stack: Settings) -> None:
    control, found = bootstrap.control(stack), bootstrap.clients(stack)
    feed(stack)

    first = control.submit(silent)
    assert first.restored is None

    def all_committed() -> bool:
        control.checkpoint(silent)
        return committed(stack) == TRADES

    until(all_committed, "every message is committed", 90)
    assert [p.lag_committed for p in found.kafka.lag().partitions if p.committed is not None] == [0] * 2
    assert {c.symbol for c in found.lake.candles(None, 5).candles} == set(stack.symbols)
    assert verified(stack) == []

    control.cancel()
    assert control.active_job() is None
    points = bootstrap.kit(stack).jobs.restore_points()
    assert {p.job_id for p in points} == {first.job_id}
    second = control.submit(silent)
    assert second.restored == points[-1]
    assert bootstrap.kit(stack).jobs.lineage().parents[second.job_id] == first.job_id
    _, savepoint = control.savepoint()
    third = control.submit(silent)
    assert third.restored is not None
    name = Path(savepoint).name  # Flink writes a path of this machine with one slash
    assert (third.restored.kind, Path(third.restored.path).name) == ("savepoint", name)
    control.checkpoint(silent)
    assert verified(stack) == []
    control.cancel()
    began = time.monotonic()
    assert not bootstrap.backend(stack).revive()
    assert time.monotonic() - began < 5
