"""What workers have read is taken in at once, in order, and only what differs is news."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.waiting import until
from tui.core.sources import Source
from tui.model.errors import UnavailableError
from tui.view.polling import Arrival, Polling

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = (1, 2, 3)


class Polled:
    """One source, asked by hand."""

    def __init__(self) -> None:
        self.polling = Polling(1.0, str, lambda: NOW)

    def ask(self, fetch: Callable[[], object]) -> None:
        self.polling.fetch({"lag": Source(fetch)}, ["lag"])

    def arrives(self) -> Arrival:
        """The one reading that comes now."""
        found: list[Arrival] = []
        until(lambda: found or found.extend(self.polling.collect()))
        (arrival,) = found
        return arrival

    def answer(self, fetch: Callable[[], object]) -> Arrival:
        """What arrives after asking."""
        self.ask(fetch)
        return self.arrives()


@pytest.fixture
def polled() -> Polled:
    return Polled()


def away() -> object:
    raise UnavailableError("Kafka is away.")


def test_what_has_arrived_is_in_the_state_once_it_is_collected(polled: Polled) -> None:
    arrival = polled.answer(lambda: SEEN)
    assert (arrival.reading.value, arrival.news) == (SEEN, True)
    assert polled.polling.state.shown("lag").value is SEEN
    assert list(polled.polling.collect()) == []


def test_the_very_same_value_is_no_news(polled: Polled) -> None:
    polled.answer(lambda: SEEN)
    assert not polled.answer(lambda: SEEN).news
    assert polled.answer(lambda: (1, 2)).news


def test_an_error_and_its_end_are_news(polled: Polled) -> None:
    polled.answer(lambda: SEEN)
    assert polled.answer(away).news
    assert polled.polling.state.shown("lag").stale
    assert polled.answer(lambda: SEEN).news
    assert not polled.polling.state.shown("lag").stale


def test_an_answer_that_a_newer_question_has_outdated_is_dropped(polled: Polled) -> None:
    polled.ask(lambda: "old")
    polled.ask(lambda: "new")
    assert polled.arrives().reading.value == "new"
