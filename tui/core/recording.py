"""A recording: readings as JSON lines, and back.

The first line is the `Header`; then one line a reading, `{"at", "source", …}` with `"value"` (see `codec`; as the
change from the source's last value), `"same": true` or `"error"`; the last line is `{"end": …}`. A recording without
it was cut short, and is good up to where it ends. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, cast

from tui.core.codec import CodecError, Json, decode, differs, encode
from tui.core.kinds import checks
from tui.model.errors import LakehouseError
from tui.model.reading import Reading

FORMAT = "lakehouse-tui recording"
VERSION = 1
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before the first reading; `home` is a text that nothing is opened by."""

    started_at: datetime
    backend: str
    home: str
    topic: str
    symbols: tuple[str, ...]
    capabilities: tuple[str, ...] = ()
    interval_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Recording:
    """Readings in the order of their arrival; `cut` is a sentence where the end is missing."""

    header: Header
    readings: tuple[Reading[Any], ...]
    ended_at: datetime
    cut: str | None = None

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return (self.ended_at - self.header.started_at).total_seconds()


class Writer:
    """Makes the lines of one recording; remembers the last value of each source."""

    def __init__(self) -> None:
        self._last: dict[str, object] = {}

    def first(self, header: Header) -> str:
        """The line of the header."""
        known = {name: encode(value) for name, value in asdict(header).items()}
        return _line({"format": FORMAT, "version": VERSION, **known})

    def line(self, reading: Reading[Any]) -> str:
        """The line of `reading`; one whose value cannot be written says that instead."""
        return _line({"at": reading.taken_at.isoformat(), "source": reading.source, **self._content(reading)})

    def last(self, at: datetime) -> str:
        """The line that says that nothing is missing."""
        return _line({"end": at.isoformat()})

    def _content(self, reading: Reading[Any]) -> dict[str, Json]:
        if reading.error is not None:
            return {"error": reading.error}
        before = self._last.get(reading.source, _NOTHING)
        if not differs(before, reading.value):
            return {"same": True}
        try:
            content = encode(reading.value, before) if before is not _NOTHING else encode(reading.value)
        except CodecError as error:
            return {"error": f"This is not in the recording: {error}."}
        self._last[reading.source] = reading.value
        return {"value": content}


def _line(content: Mapping[str, Json]) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


class Reader:
    """Takes the lines of one recording; raises `LakehouseError` naming the line that is no part of one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: dict[str, object] = {}
        self._number = 0
        self._at: datetime | None = None
        self._header: Header | None = None
        self._readings: list[Reading[Any]] = []
        self._ended_at: datetime | None = None

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take whole lines, with or without their ends."""
        for line in lines:
            self._number += 1
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise self._damaged(error) from None

    def finish(self, *, cut: bool) -> Recording:
        """All of it; `cut` says that a piece of a line was left over."""
        if self._header is None:
            raise LakehouseError(f"{self._name} is not a recording of lakehouse-tui: it has no first line.")
        if not self._readings:
            raise LakehouseError(f"{self._name} holds no readings: the recording ended before the first of them.")
        ended_at, missing = self._ended_at, None
        if ended_at is None or cut:
            ended_at = max(r.taken_at for r in self._readings)
            missing = f"The recording was cut short after line {self._number}; it plays up to there."
        return Recording(self._header, tuple(self._readings), max(ended_at, self._header.started_at), missing)

    def _damaged(self, error: Exception) -> LakehouseError:
        if self._number == 1:
            return LakehouseError(f"{self._name} is not a recording of lakehouse-tui (line 1 does not say so).")
        why = str(error) if isinstance(error, CodecError) else "it is no line of a recording"
        return LakehouseError(f"{self._name} is damaged in line {self._number}: {why}.")

    def _take(self, content: Json) -> None:
        if self._header is None:
            self._header = self._first(content)
        elif self._ended_at is not None:
            raise CodecError("it comes after the end")
        elif "end" in content:
            self._ended_at = _moment(content["end"])
        else:
            self._readings.append(self._reading(content))

    def _first(self, content: Json) -> Header:
        if content["format"] != FORMAT:
            raise CodecError("another format")
        if content["version"] != VERSION:
            raise LakehouseError(
                f"{self._name} has version {content['version']!r} of the format, and this program plays version "
                f"{VERSION}: play it with the lakehouse-tui that recorded it."
            )
        header = Header(**{f.name: decode(content[f.name]) for f in fields(Header)})
        _check(header)
        return header

    def _reading(self, content: Json) -> Reading[Any]:
        source, at = content["source"], _moment(content["at"])
        if not isinstance(source, str):
            raise CodecError("it has no source")
        if "error" in content:
            return Reading(source, at, 0, error=str(content["error"]))
        if "same" in content:
            if source not in self._last:
                raise CodecError(f"{source} had no value before")
        else:
            self._last[source] = decode(content["value"], self._last.get(source, _NOTHING))
        return Reading(source, at, 0, value=self._last[source])


def _check(header: Header) -> None:
    if not all(fits(getattr(header, name)) for name, fits in checks(Header).items()):
        raise CodecError("it says something else")
    if header.started_at.tzinfo is None:
        raise CodecError("it has no start")


def _moment(text: Json) -> datetime:
    at = datetime.fromisoformat(cast(str, text))
    if at.tzinfo is None:
        raise CodecError("it has a time without a zone")
    return at.astimezone(UTC)
