"""What the lines of the real programs say of themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.core.log_lines import MAX_LINE_BYTES, parse, plain
from tui.model.logs import Context, Level, LogLine

PAYLOADS = Path(__file__).parents[1] / "payloads" / "logs"
D, I, W, E = Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR  # noqa: E741


def read(text: str) -> list[LogLine]:
    return parse(text.encode().split(b"\n"), Context())[0]


def recorded(name: str) -> list[LogLine]:
    return parse((PAYLOADS / name).read_bytes().splitlines(), Context())[0]


def levels(lines: list[LogLine]) -> list[Level | None]:
    return [line.level for line in lines]


@pytest.fixture
def two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EET-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_stack_trace_has_the_level_of_its_first_line() -> None:
    lines = recorded("flink-1.19.3.log")
    assert levels(lines) == [I, I, W, W, W, I, I, E]
    assert [line.first for line in lines] == [True, True, True, False, False, True, True, True]
    assert lines[2].at == datetime(2026, 11, 24, 16, 19, 16, 669000, UTC)
    assert lines[3].at is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kafka-3.9.1.log", [I, W, I]),
        ("s3proxy-4.1.0.log", [I] * 4),
        ("supervisord-4.3.0.log", [E] + [I] * 8),
        ("flink-1.19.3-submit.log", [W, I, I, I, I]),
        ("producer.log", [W, W, I, E]),
    ],
)
def test_levels_of_recorded_logs(name: str, expected: list[Level]) -> None:
    assert levels(recorded(name)) == expected


def test_a_failed_submission_is_an_error_from_its_traceback_on() -> None:
    lines = recorded("flink-1.19.3-submit-failed.log")
    assert levels(lines) == [I] + [E] * (len(lines) - 1)
    assert [line.text for line in lines if line.first and line.level is E] == ["Traceback (most recent call last):"]


def test_a_time_without_a_zone_is_local(two_hours_east: None) -> None:
    first = recorded("supervisord-4.3.0.log")[0]
    assert first.at == datetime(2026, 11, 24, 14, 15, 30, 53000, UTC)
    assert recorded("producer.log")[3].at == datetime(2026, 11, 24, 16, 33, 24, 233000, UTC)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[2026-11-24 16:15:30,053] ERROR Exiting (kafka.Kafka$)", E),
        ("2026-11-24 16:15:30,053 ERRO pool dies", E),
        ("2026-11-24 16:15:30,053 BLAT x", D),
        ("2026-11-24T16:15:33.362Z TRACE X: y", D),
        ("2026-11-24T16:15:33.362Z no level here", None),
        ("2026-99-24T16:15:33.362Z INFO  X: an impossible date", I),
        ("WARNING: Using incubator modules", W),
        ("ERROR:root:python logging", E),
        ("INFORMATION is no level", None),
        ("OpenJDK 64-Bit Server VM warning: Sharing is off", W),
        ("a/b.py:7: DeprecationWarning: old", W),
        ('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', E),
        ("java.lang.OutOfMemoryError: Java heap space", E),
        ("KeyboardInterrupt", E),
        ("# A fatal error has been detected by the Java Runtime Environment:", E),
        ("%4|1795538004.2|X|rdkafka#producer-1| y", W),
        ("%7|1795538004.2|X|rdkafka#producer-1| y", D),
        ("3 of 9 messages were not acknowledged (timed out): they may or may not be in Kafka.", E),
        ("Errors are discussed here", None),
        ("", None),
    ],
)
def test_level_of_one_line(line: str, level: Level | None) -> None:
    assert levels(read(line)) == [level]


def test_words_after_a_traceback_are_not_part_of_it() -> None:
    lines = read("Traceback (most recent call last):\n  File x\nValueError: no\nsent nothing\nat once")
    assert levels(lines) == [E, E, E, None, None]


def test_an_exception_in_a_log_with_dates_belongs_to_the_record_above() -> None:
    lines = read("2026-11-24T16:15:33.362Z INFO  Task: switched to FAILED\njava.io.IOException: no\n\tat x\nplain")
    assert levels(lines) == [I, I, I, I]


def test_the_context_goes_on_from_one_piece_to_the_next() -> None:
    _, context = parse([b"2026-11-24T16:15:33.362Z ERROR X: y"], Context())
    lines, context = parse([b"\tat a.b(C.java:1)"], context)
    assert lines == [LogLine("    at a.b(C.java:1)", E, None, first=False)]
    assert context == Context(E, open=True)


def test_a_long_line_is_cut_and_says_so() -> None:
    (line,) = read("x" * (MAX_LINE_BYTES + 1))
    assert line.text == "x" * MAX_LINE_BYTES + " … (cut after 8,192 bytes)"
    (whole,) = read("x" * MAX_LINE_BYTES)
    assert len(whole.text) == MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\r", "a   b"),
        ("\x1b[31;1mred\x1b[0m \x1b[2Kgone", "red gone"),
        ("\x1b]0;title\x07x \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "x link"),
        ("\x1b(Bcharset \x1bMup", "charset up"),
        ("\x1bPq#0;2\x1b\\sixel", "sixel"),
        ("half \x1b[", "half "),
        ("a\x00\x07\x9b31m\x7f", "a···31m·"),
        ("right\u202eleft\u2066x", "right·left·x"),
        ("line\u2028end\u2029", "line·end·"),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
        ("höhe → 漢字 👍", "höhe → 漢字 👍"),
    ],
)
def test_only_what_a_terminal_can_show_is_left(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_bytes_that_are_not_utf8_are_marked() -> None:
    lines, _ = parse([b"a\xff\xfe\x00b"], Context())
    assert lines[0].text == "a\ufffd\ufffd·b"
