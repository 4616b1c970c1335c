"""The engine's answer with times becomes lines; a cursor never shows a line twice or loses one."""

from __future__ import annotations

from tui.model.logs import Level, LogCursor
from tui.stack.compose.logs import LIMIT_LINES, chunk

ANSWER = b"""\
2026-11-26T18:18:53.503123456Z 2026-11-26T18:18:53.503Z INFO  KafkaRaftServer: started
2026-11-26T18:18:53.504000000Z 2026-11-26T18:18:53.504Z ERROR Broker: gone
2026-11-26T18:18:53.504000001Z java.lang.IllegalStateException: no
2026-11-26T18:18:53.504000002Z \tat kafka.Kafka.main(Kafka.scala:1)
"""
NEXT = b"2026-11-26T18:18:54.1Z \tat kafka.Kafka.more(Kafka.scala:2)\n"
CONTAINER = 0xCFAF37A7C9C3


def test_lines_have_their_level_and_a_trace_continues_its_line() -> None:
    found = chunk("kafka", "kafka", CONTAINER, ANSWER, None, 0)
    assert [line.text for line in found.lines][:2] == [
        "2026-11-26T18:18:53.503Z INFO  KafkaRaftServer: started",
        "2026-11-26T18:18:53.504Z ERROR Broker: gone",
    ]
    assert [line.level for line in found.lines] == [Level.INFO, Level.ERROR, Level.ERROR, Level.ERROR]
    assert not found.truncated


def test_what_was_read_is_not_shown_again_and_the_context_goes_on() -> None:
    first = chunk("kafka", "kafka", CONTAINER, ANSWER, None, 0)
    again = chunk("kafka", "kafka", CONTAINER, ANSWER + NEXT, first.cursor, first.cursor.offset)
    assert [line.text for line in again.lines] == ["    at kafka.Kafka.more(Kafka.scala:2)"]
    assert again.lines[0].level is Level.ERROR
    assert not again.truncated
    quiet = chunk("kafka", "kafka", CONTAINER, ANSWER + NEXT, again.cursor, again.cursor.offset)
    assert (quiet.lines, quiet.cursor) == ((), again.cursor)


def test_a_reader_that_is_too_far_behind_is_told() -> None:
    since = LogCursor(CONTAINER, 1)
    many = ANSWER.splitlines()[0] + b"\n"
    data = b"".join(many.replace(b"53.503123456", b"53.%09d" % n) for n in range(LIMIT_LINES))
    assert chunk("kafka", "kafka", CONTAINER, data, since, 1).skipped_bytes is None


def test_another_container_is_another_log() -> None:
    old = LogCursor(CONTAINER + 1, 1_795_717_133_600_000_000)
    found = chunk("kafka", "kafka", CONTAINER, ANSWER, old, 0)
    assert len(found.lines) == 4
    assert found.skipped_bytes is None
