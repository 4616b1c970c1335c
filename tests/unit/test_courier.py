"""Blocking calls in threads of their own: a frozen one holds up nobody, a bug is reported."""

from __future__ import annotations

import queue
import threading

from tui.model.errors import UnavailableError
from tui.model.reading import Reading
from tui.view.courier import Courier


def courier() -> tuple[Courier, queue.Queue[Reading[object]], list[BaseException]]:
    found: queue.Queue[Reading[object]] = queue.Queue()
    bugs: list[BaseException] = []

    def report(error: BaseException) -> str:
        bugs.append(error)
        return "a bug"

    return Courier(found.put, report), found, bugs


def test_a_source_keeps_its_thread() -> None:
    sent, found, _ = courier()
    for generation in (1, 2, 3):
        sent.fetch("lag", generation, threading.get_ident)
        assert found.get(timeout=10).generation == generation
        # the thread is free again only after it has delivered
    sent.fetch("lag", 4, threading.get_ident)
    sent.fetch("jobs", 1, threading.get_ident)
    threads = {r.source: r.value for r in (found.get(timeout=10), found.get(timeout=10))}
    assert threads["lag"] != threads["jobs"]


def test_a_frozen_fetch_holds_up_neither_others_nor_its_successor() -> None:
    sent, found, _ = courier()
    thaw = threading.Event()
    sent.fetch("lag", 1, thaw.wait)
    sent.fetch("jobs", 1, lambda: "jobs")
    assert found.get(timeout=10).value == "jobs"
    sent.fetch("lag", 2, lambda: "newer")
    assert found.get(timeout=10).value == "newer"
    thaw.set()
    late = found.get(timeout=10)
    assert (late.source, late.generation) == ("lag", 1)


def test_expected_failures_are_readings_and_bugs_are_reported() -> None:
    sent, found, bugs = courier()

    def away() -> None:
        raise UnavailableError("Kafka is away.")

    sent.fetch("lag", 1, away)
    assert found.get(timeout=10).error == "Kafka is away."
    sent.fetch("lag", 2, lambda: 1 / 0)
    assert found.get(timeout=10).error == "a bug"
    assert isinstance(bugs[0], ZeroDivisionError)
    sent.fetch("lag", 3, lambda: "still there")
    assert found.get(timeout=10).value == "still there"


def test_threads_are_daemons() -> None:
    sent, found, _ = courier()
    sent.fetch("lag", 1, lambda: threading.current_thread().daemon)
    assert found.get(timeout=10).value is True
