"""What a line of a log says of itself: its level, its time, and whether it continues the line before.

Known are log4j and logback as this product configures them, Flink's own command line, Kafka's default, supervisord,
librdkafka (`%severity|seconds|…`, severities of syslog), the JVM's own words, Python's tracebacks and warnings, and
the producer's sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from tui.model.logs import Context, Level, LogLine

MAX_LINE_BYTES = 8192
"""A longer line is cut."""

_LEVELS = {
    "TRACE": Level.DEBUG,
    "TRAC": Level.DEBUG,
    "BLAT": Level.DEBUG,
    "DEBUG": Level.DEBUG,
    "DEBG": Level.DEBUG,
    "INFO": Level.INFO,
    "NOTICE": Level.INFO,
    "WARN": Level.WARN,
    "WARNING": Level.WARN,
    "ERROR": Level.ERROR,
    "ERRO": Level.ERROR,
    "CRIT": Level.ERROR,
    "CRITICAL": Level.ERROR,
    "FATAL": Level.ERROR,
}
_WORD = "|".join(sorted(_LEVELS, key=len, reverse=True))
_DATED = re.compile(
    r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)\]?"
    rf"(?:\s+\[?({_WORD})\b)?"
)
_BARE = re.compile(rf"(?:\|-)?({_WORD})\b(?:[:\s]|$)")
_RDKAFKA = re.compile(r"%([0-7])\|(\d+(?:\.\d+)?)\|")
_WARNING = re.compile(r"(?:OpenJDK|Java HotSpot).*\bwarning:|SLF4J\(W\)|waiting for Kafka |\S+:\d+: \w*Warning: ")
_FAILURE = re.compile(
    r"Exception in thread |Traceback \(most recent call last\)|During handling of the above exception"
    r"|The above exception was |# A fatal error |panic: |SLF4J\(E\)|producer: |[\d,]+ of [\d,]+ messages were not "
)
_NEWS = re.compile(r"sent [\d,]+, acknowledged ")
_EXCEPTION = re.compile(r"(?:[\w$]+\.)*[A-Z][\w$]*(?:Exception|Error|Interrupt|Exit)\b(?:[:\s]|$)")
_TRACE = re.compile(r"\s|$|Caused by: |Suppressed: |\.\.\. \d+ |at |: ")

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[PX^_][^\x1b]*(?:\x1b\\|$)|[ -/]*[0-~])"
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
_TAB = 4


def plain(text: str) -> str:
    """`text` as one line that a terminal can show: escapes left out, tabs as spaces, control characters as `·`."""
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return _CONTROLS.sub("·", text.rstrip("\r").expandtabs(_TAB))


def parse(raw: Iterable[bytes], before: Context) -> tuple[list[LogLine], Context]:
    """Lines (without line ends) that follow on `before`, and what the next one may continue."""
    lines, context = [], before
    for encoded in raw:
        line, context = _parsed(_decoded(encoded), context)
        lines.append(line)
    return lines, context


def _decoded(line: bytes) -> str:
    if len(line) <= MAX_LINE_BYTES:
        return plain(line.decode("utf-8", "replace"))
    shown = plain(line[:MAX_LINE_BYTES].decode("utf-8", "replace"))
    return f"{shown} … (cut after {MAX_LINE_BYTES:,} bytes)"


def _parsed(text: str, before: Context) -> tuple[LogLine, Context]:
    if dated := _DATED.match(text):
        level = _LEVELS.get(dated[2])
        return LogLine(text, level, _moment(dated[1])), Context(level, open=True)
    if reported := _RDKAFKA.match(text):
        level = _syslog(int(reported[1]))
        return LogLine(text, level, _since_epoch(reported[2])), Context(level)
    level = _own_level(text)
    if level is None and (before.open or (before.level is not None and _of_trace(text))):
        return LogLine(text, before.level, first=False), before
    if level is None and _EXCEPTION.match(text):
        level = Level.ERROR
    return LogLine(text, level), Context(level)


def _own_level(text: str) -> Level | None:
    """The level of a line without a date, where its first words tell it."""
    if word := _BARE.match(text):
        return _LEVELS[word[1]]
    if _FAILURE.match(text):
        return Level.ERROR
    if _WARNING.match(text):
        return Level.WARN
    return Level.INFO if _NEWS.match(text) else None


def _of_trace(text: str) -> bool:
    return bool(_TRACE.match(text) or _EXCEPTION.match(text))


def _syslog(severity: int) -> Level:
    """RFC 5424, table 2: 0 to 3 are errors, 4 is a warning, 7 is for debugging."""
    if severity <= 3:
        return Level.ERROR
    return {4: Level.WARN, 7: Level.DEBUG}.get(severity, Level.INFO)


def _since_epoch(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(text: str) -> datetime | None:
    """In UTC; a time without a zone is local, as supervisord and Flink's command line write it."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
