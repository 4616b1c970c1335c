"""A home that is moved or copied, and ports of another home's stack; over a real supervisor of small programs."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tui import bootstrap, settings
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack.local import credentials, place, processes
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.supervision import Supervisor

LISTENS = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(600)"


@pytest.fixture
def own(tmp_path: Path, unused_tcp_port: int) -> Iterator[Settings]:
    """A home whose supervisor runs a program on the port of Kafka."""
    found = replace(settings.load({"home": tmp_path / "first"}, {}), kafka_port=unused_tcp_port)
    layout = Layout(found.home)
    layout.create()
    supervisor = Supervisor(layout, credentials.ensure(layout).supervisor_password)
    supervisor.start()
    supervisor.launch(ProgramSpec("kafka", (sys.executable, "-c", LISTENS.format(found.kafka_port))))
    deadline = time.monotonic() + 15
    while not place._listens(found.kafka_port):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    place.record(layout)
    yield found
    processes.end(processes.tagged(layout), term_wait_s=0)


def renamed(own: Settings) -> Settings:
    own.home.rename(own.home.with_name("second"))
    return replace(own, home=own.home.with_name("second"))


def copied(own: Settings) -> Settings:
    to = own.home.with_name("second")
    shutil.copytree(own.home, to, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    return replace(own, home=to)


def test_a_home_where_it_was_started_is_refused_by_nothing(own: Settings) -> None:
    layout = Layout(own.home)
    place.refuse_moved(layout)
    place.refuse_copied(layout)
    place.refuse_others(own, layout)


def test_processes_of_a_moved_home_are_found_and_ended_from_its_new_path(own: Settings) -> None:
    before = {p.pid for p in processes.tagged(Layout(own.home))}
    moved = renamed(own)
    layout = Layout(moved.home)
    assert {p.pid for p in processes.tagged(layout)} == {p.pid for p in processes.moved(layout)} == before
    with pytest.raises(LakehouseError, match=rf"moved to {moved.home} while its stack ran\. .*`lakehouse-tui down`"):
        place.refuse_moved(layout)
    for _ in range(2):
        with pytest.raises(LakehouseError, match="while its stack ran"):
            bootstrap.backend(moved).up(lambda _: None)
    assert {p.pid for p in processes.tagged(layout)} == before, "a refusal changes nothing"
    bootstrap.backend(moved).down(lambda _: None)
    assert not any(psutil.pid_exists(pid) for pid in before)
    place.refuse_moved(layout)


def test_a_home_that_was_moved_after_a_crash_is_no_copy(own: Settings) -> None:
    processes.end(processes.tagged(Layout(own.home)), term_wait_s=0)
    place.refuse_copied(Layout(renamed(own).home))


def test_a_copy_of_a_home_whose_stack_runs_is_refused_until_it_is_emptied(own: Settings) -> None:
    copy = copied(own)
    layout = Layout(copy.home)
    assert processes.tagged(layout) == []
    with pytest.raises(LakehouseError, match=rf"copied from {own.home} while the stack there ran"):
        place.refuse_copied(layout)
    for _ in range(2):
        with pytest.raises(LakehouseError, match="of different moments"):
            bootstrap.backend(copy).up(lambda _: None)
    bootstrap.backend(copy).down(lambda _: None, purge=True)
    place.refuse_copied(layout)
    assert place._listens(own.kafka_port), "the original runs on"


@pytest.mark.parametrize("content", ["", "{}", '{"home": 1}', '{"home": "/elsewhere"}', '{"inode": 1}', "[]"])
def test_a_damaged_record_says_nothing(own: Settings, content: str) -> None:
    layout = Layout(own.home)
    (layout.run / "place.json").write_text(content)
    place.refuse_copied(layout)


def test_a_copy_asks_and_changes_nothing_of_the_original_that_has_its_ports(own: Settings) -> None:
    copy = copied(own)
    told = (
        rf"Port {own.kafka_port} \(kafka port\) is that of the lakehouse in {own.home}, and the one in {copy.home} is"
    )
    for ask in (
        lambda: bootstrap.clients(copy),
        lambda: bootstrap.control(copy),
        lambda: bootstrap.producer(copy).command({}, background=False),  # type: ignore[attr-defined]
        lambda: bootstrap.kit(copy).sql(None),
    ):
        with pytest.raises(LakehouseError, match=told):
            ask()
    assert bootstrap.clients(own).kafka
    assert bootstrap.clients(replace(copy, kafka_port=own.kafka_port + 1))


def test_a_program_that_is_no_lakehouse_may_have_the_ports(tmp_path: Path, unused_tcp_port: int) -> None:
    import socket

    found = replace(settings.load({"home": tmp_path}, {}), kafka_port=unused_tcp_port)
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        place.refuse_others(found, Layout(found.home))
    assert os.getpid() not in {p.pid for p in processes.tagged(Layout(found.home))}
