"""What a recording shows at which moment: forwards, backwards, at any speed."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tui.core.player import KEY_EVERY, LOG_LINES, SPEEDS, Player
from tui.core.recording import Header, Recording
from tui.core.store import State, apply
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.logs import LogChunk, LogCursor, LogLine
from tui.model.reading import Reading

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def lag(n: int) -> Reading[Any]:
    value = TopicLag("trades", "g", at(n), (PartitionLag(0, 0, 100 * n, 50 * n, 90 * n),))
    return Reading("lag", at(n), 0, value=value)


def recording(count: int, length_s: float | None = None) -> Recording:
    header = Header(T0, "local", "/data", "trades", ("BTCUSDT",))
    return Recording(header, tuple(lag(n) for n in range(count)), at(count - 1 if length_s is None else length_s))


def state_at(found: Recording, seconds: float) -> State:
    state = State()
    for reading in found.readings:
        if reading.taken_at <= at(seconds):
            state = apply(state, reading)
    return state


def test_time_passes_as_it_did() -> None:
    player = Player(recording(60))
    player.advance(10.5)
    assert player.now == at(10.5)
    assert player.state.shown("lag").taken_at == at(10)
    assert player.state.shown("lag").age_s(player.now) == 0.5
    assert player.state.rates[0].in_rate == 100.0


def test_speed_is_how_much_passes_in_a_second() -> None:
    player = Player(recording(600), speed=30.0)
    player.advance(2.0)
    assert player.position_s == 60.0
    for _ in SPEEDS:
        player.faster(1)
    assert player.speed == SPEEDS[-1]
    for _ in SPEEDS:
        player.faster(-1)
    assert player.speed == SPEEDS[0]
    player.speed = 3.0
    player.faster(1)
    assert player.speed == 5.0
    player.speed = 3.0
    player.faster(-1)
    assert player.speed == 2.0


def test_a_pause_stands_still_and_the_end_is_the_end() -> None:
    player = Player(recording(60, length_s=70.0))
    player.advance(20.0)
    player.pause()
    player.advance(20.0)
    assert player.position_s == 20.0
    player.pause()
    player.advance(1000.0)
    assert (player.position_s, player.ended) == (70.0, True)
    assert player.state == state_at(player.recording, 59)


def test_at_the_end_it_starts_again() -> None:
    player = Player(recording(60))
    player.seek(1e9)
    player.pause()
    assert (player.position_s, player.paused, player.ended) == (0.0, False, False)
    assert player.state == state_at(player.recording, 0)


@pytest.mark.parametrize("count", [1, 3 * KEY_EVERY + 7])
def test_any_moment_shows_the_same_from_either_side(count: int) -> None:
    found = recording(count)
    player = Player(found)
    moments = random.Random(5)
    for _ in range(60):
        second = moments.uniform(-5, count + 5)
        player.seek(second)
        assert player.state == state_at(found, player.position_s)


def test_a_clock_that_was_set_back_stands_still() -> None:
    found = recording(3)
    readings = (lag(0), lag(50), lag(20), lag(60))
    player = Player(Recording(found.header, readings, at(60)))
    player.seek(45.0)
    assert player.state.shown("lag").taken_at == at(0)
    player.seek(55.0)
    assert player.state.shown("lag").taken_at == at(20)
    assert player.length_s == 60.0


def test_going_back_in_an_hour_is_quick() -> None:
    player = Player(recording(3600))
    player.seek(3600.0)
    began = time.thread_time()
    player.seek(3000.0)
    assert time.thread_time() - began < 0.05


def chunk(start: int | None, end: int, *, skipped: int | None = 0) -> Reading[Any]:
    """Lines `start` to `end` of a log; without a start the last of many."""
    lines = tuple(LogLine(f"line {n}") for n in range(start or 0, end))
    begin = None if start is None else LogCursor(1, start)
    value = LogChunk("kafka", "k.log", lines, begin, LogCursor(1, end), skipped)
    return Reading("logs.tail:kafka", at(end), 0, value=value)


def test_a_log_is_whole_wherever_one_jumps_to() -> None:
    header = recording(1).header
    readings = (chunk(None, 3, skipped=70), chunk(3, 5), chunk(5, 5), chunk(5, 6))
    player = Player(Recording(header, readings, at(10)))
    for second, count in ((10, 6), (4, 3), (5, 5), (10, 6)):
        player.seek(second)
        shown = player.state.shown("logs.tail:kafka").value
        assert [line.text for line in shown.lines] == [f"line {n}" for n in range(count)]
        assert (shown.start, shown.skipped_bytes, shown.cursor) == (None, 70, LogCursor(1, count))


def test_a_log_that_began_anew_is_shown_from_there() -> None:
    readings = (chunk(None, 3), chunk(8, 9))
    player = Player(Recording(recording(1).header, readings, at(10)))
    player.seek(10)
    assert player.state.shown("logs.tail:kafka").value == readings[1].value


def test_nothing_new_in_a_log_changes_nothing() -> None:
    player = Player(Recording(recording(1).header, (chunk(None, 3), chunk(3, 3), chunk(3, 3)), at(10)))
    player.seek(3)
    before = player.state.shown("logs.tail:kafka").value
    player.seek(10)
    assert player.state.shown("logs.tail:kafka").value is before


def test_a_log_is_bounded() -> None:
    readings = (chunk(None, 10), *(chunk(n, n + 10) for n in range(10, LOG_LINES + 500, 10)))
    player = Player(Recording(recording(1).header, readings, at(1e6)))
    player.seek(1e6)
    shown = player.state.shown("logs.tail:kafka").value
    assert len(shown.lines) == LOG_LINES
    assert shown.truncated
