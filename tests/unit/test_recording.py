"""Recordings: every model there and back, small, and what a damaged or shortened file says."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import time
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui import bootstrap
from tui.clients.recording_file import Recorder, load
from tui.core import codec
from tui.core.recording import Header, Reader, Recording, Writer
from tui.model.errors import LakehouseError, UsageError
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.logs import Level
from tui.model.reading import Reading
from tui.model.stack import Service, ServiceState
from tui.settings import load as load_settings
from tui.stack.local import credentials
from tui.stack.local.layout import Layout

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = Header(T0, "local", "/data/demo", "trades", ("BTCUSDT",), ("up", "down"), 1.0)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(),
    float: st.floats(allow_nan=False),
    str: st.text(st.characters(), max_size=12),
    bool: st.booleans(),
    datetime: TIMES,
    type(None): st.none(),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as the models name it."""
    if isinstance(hint, TypeVar) or hint is Any or hint is object:
        return st.integers() | st.text(max_size=5)
    if hint in PLAIN:
        return PLAIN[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of([of(arg) for arg in args])
    if origin is tuple:
        return st.lists(of(args[0]), max_size=3).map(tuple) if args[1:] == (...,) else st.tuples(*map(of, args))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(of(args[0]), of(args[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if hint in codec.registry().values():
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: of(kind) for name, kind in hints.items() if name in codec._names(hint)})
    raise AssertionError(f"a recording cannot hold {hint!r}: models are made of plain values, tuples and mappings")


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize("name", sorted(codec.registry()))
def test_every_model_comes_back_whole_and_as_a_change(name: str) -> None:
    kind = codec.registry()[name]

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(of(kind), of(kind), st.lists(of(kind), max_size=4), st.lists(of(kind), max_size=4))
    def check(one: Any, other: Any, some: list[Any], more: list[Any]) -> None:
        assert codec.decode(through_json(codec.encode(one))) == one
        assert codec.decode(through_json(codec.encode(other, one)), one) == other
        for before, value in (
            (some, [*some, *more]),
            ([*some, *more], more),
            (some, more),
            ([*some, one], [*some, other]),
        ):
            data = through_json(codec.encode(tuple(value), tuple(before)))
            assert codec.decode(data, tuple(before)) == tuple(value)
        before, value = dict(enumerate(some)), dict(enumerate(more, 1))
        assert codec.decode(through_json(codec.encode(value, before)), before) == value

    check()


def test_no_field_is_left_out_of_comparisons() -> None:
    for kind in codec.registry().values():
        if is_dataclass(kind):
            assert all(f.compare and f.init for f in fields(kind)), kind


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1.5, 10**30, "\ud800 \x00 é", True, None, Level.WARN])
def test_plain_values_keep_their_type(value: object) -> None:
    back = codec.decode(through_json(codec.encode(value)))
    assert (back, type(back)) == (value, type(value))


def test_a_float_stays_a_float_when_only_its_type_changes() -> None:
    assert type(codec.decode(codec.encode((1.0,), (1,)), (1,))[0]) is float


@dataclass(frozen=True)
class Foreign:
    secret: str = "x"


@pytest.mark.parametrize("value", [Foreign(), [1], {1}, b"bytes", (Foreign(),), Path()])
def test_other_types_are_not_written(value: object) -> None:
    with pytest.raises(codec.CodecError):
        codec.encode(value)
    line = json.loads(Writer().line(Reading("own", T0, 1, value=value)))
    assert "cannot be recorded" in line["error"]
    assert "secret" not in str(line)


@pytest.mark.parametrize(
    "data",
    [
        {"$": "Foreign", "secret": "x"},
        {"$": "os.system"},
        {"$": "Service"},
        {"$": "Service", "name": "s3", "state": {"$": "ServiceState", "name": "GONE"}},
        {"$": "Service", "name": "s3", "state": None, "more": 1},
        {"$": ["Service"]},
        {"t": "yesterday"},
        {"t": 5},
        {"f": "many"},
        {"m": [[1]]},
        {"m": [[[{"m": []}], 1]]},
        {"~": {"state": 1}},
        {"+": [0, 1, [], [], []]},
        {"+": []},
        {"%": [[], []]},
        {"?": 1},
        {},
        {"t": "2026-01-01T00:00:00+00:00", "f": "nan"},
    ],
)
def test_json_that_is_no_value_is_refused(data: object) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(data)


# --- lines


def lag(n: int) -> TopicLag:
    return TopicLag("trades", "lakehouse", T0 + timedelta(seconds=n), (PartitionLag(0, 0, 100 + n, 50, None),))


def readings(count: int = 5) -> list[Reading[Any]]:
    found: list[Reading[Any]] = []
    for n in range(count):
        at = T0 + timedelta(seconds=n)
        found.append(Reading("lag", at, 0, value=lag(n)))
        found.append(Reading("services", at, 0, value=(Service("kafka", ServiceState.READY, 7),)))
        found.append(Reading("jobs", at, 0, error="Flink does not answer."))
    return found


def record(path: Path, some: list[Reading[Any]], *, header: Header = HEADER) -> None:
    recorder = Recorder(path, header, clock=lambda: T0 + timedelta(seconds=60))
    for reading in some:
        recorder.note(reading)
    recorder.close()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_was_recorded_is_read_back(tmp_path: Path, name: str) -> None:
    record(tmp_path / name, readings())
    found = load(tmp_path / name)
    assert found == Recording(HEADER, tuple(readings()), T0 + timedelta(seconds=60))
    assert found.length_s == 60.0


def test_what_did_not_change_is_written_as_that() -> None:
    writer = Writer()
    writer.first(HEADER)
    lines = [json.loads(writer.line(reading)) for reading in readings(2)]
    assert lines[4] == {"at": "2026-01-01T00:00:01+00:00", "source": "services", "same": True}
    assert lines[3]["value"] == {"~": {"taken_at": {"t": "2026-01-01T00:00:01+00:00"}, "partitions": {"+": [
        0, 1, [[0, {"~": {"high": 101}}]], [], []]}}}  # fmt: skip


def test_the_value_before_an_error_is_still_known_after_it(tmp_path: Path) -> None:
    some = [Reading("lag", T0, 0, value=lag(0)), Reading("lag", T0, 0, error="no"), Reading("lag", T0, 0, value=lag(1))]
    record(tmp_path / "a", some)
    assert load(tmp_path / "a").readings == tuple(some)


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_a_recording_cut_anywhere_plays_up_to_there(tmp_path: Path, name: str) -> None:
    whole = tmp_path / name
    record(whole, readings(200))
    data = whole.read_bytes()
    played = set()
    for size in range(0, len(data), len(data) // 60):
        (tmp_path / "cut").write_bytes(data[:size])
        try:
            found = load(tmp_path / "cut")
        except LakehouseError as error:
            assert "no first line" in str(error) or "no readings" in str(error), size
            continue
        assert found.cut is not None
        assert "cut short" in found.cut
        assert found.readings == tuple(readings(200))[: len(found.readings)]
        played.add(len(found.readings))
    assert len(played) > 20


@pytest.mark.parametrize(
    ("line", "damage"),
    [
        (2, b"{"),
        (3, b"\x00\xff"),
        (4, b'{"at": "2026-01-01T00:00:00+00:00", "source": "lag", "value": {"$": "Evil"}}'),
        (3, b'{"at": "2026-01-01T00:00:00", "source": "lag", "value": 1}'),
        (3, b'{"at": 5, "source": "lag", "value": 1}'),
        (3, b'{"source": "lag", "value": 1}'),
        (3, b'{"at": "2026-01-01T00:00:00+00:00", "source": ["lag"], "value": 1}'),
        (3, b'{"at": "2026-01-01T00:00:00+00:00", "source": "other", "same": true}'),
        (3, b'{"at": "2026-01-01T00:00:00+00:00", "source": "other", "value": {"~": {"a": 1}}}'),
        (3, b"[1]"),
        (3, b"5"),
        (3, b"[" * 100_000),
        (5, b'{"end": "2026-01-01T00:00:00+00:00"}'),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: int, damage: bytes) -> None:
    record(tmp_path / "a", readings())
    lines = (tmp_path / "a").read_bytes().splitlines()
    lines[line - 1] = damage
    (tmp_path / "a").write_bytes(b"\n".join(lines) + b"\n")
    at = line + 1 if b"end" in damage else line
    with pytest.raises(LakehouseError, match=rf"a is damaged in line {at}: "):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    "text",
    [b"", b"hello\n", b"{}\n", b"[]\n", b'{"format": "other"}\n', b"\x89PNG\r\n\x1a\n\x00\n",
     b'{"format":"lakehouse-tui recording","version":1}\n',
     b'{"format":"lakehouse-tui recording","version":1,"started_at":5,"backend":1,"home":1,"topic":1,"symbols":5,'
     b'"capabilities":[],"interval_s":1}\n'],
)  # fmt: skip
def test_another_file_is_no_recording(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a").write_bytes(text)
    with pytest.raises(LakehouseError, match="is not a recording of lakehouse-tui"):
        load(tmp_path / "a")


def test_a_newer_format_says_so() -> None:
    with pytest.raises(LakehouseError, match="version 2 of the format"):
        Reader("a").feed([b'{"format":"lakehouse-tui recording","version":2}'])


def test_a_recording_without_readings_or_file_says_so(tmp_path: Path) -> None:
    record(tmp_path / "a", [])
    with pytest.raises(LakehouseError, match="holds no readings"):
        load(tmp_path / "a")
    with pytest.raises(LakehouseError, match="cannot be read: No such file"):
        load(tmp_path / "b")
    with pytest.raises(LakehouseError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_damaged_gzip_says_so(tmp_path: Path) -> None:
    record(tmp_path / "a.gz", readings())
    data = bytearray((tmp_path / "a.gz").read_bytes())
    data[40] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(data)
    with pytest.raises(LakehouseError, match=r"damaged"):
        load(tmp_path / "a.gz")


# --- files


def test_a_file_with_content_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not empty"):
        Recorder(tmp_path / "a", HEADER)
    assert (tmp_path / "a").read_text() == "mine"


def test_an_empty_file_is_used(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    record(tmp_path / "a", readings())
    assert len(load(tmp_path / "a").readings) == 15


def test_places_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    for path, why in (
        (tmp_path, "cannot be made"),
        (tmp_path / "no" / "a", "No such file"),
        (Path("/dev/null"), "no file"),
    ):
        with pytest.raises(UsageError, match=why):
            Recorder(path, HEADER)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="cannot be made"):
        Recorder(tmp_path / "pipe", HEADER)


def test_what_was_written_is_on_the_disk_before_the_end(tmp_path: Path) -> None:
    for name in ("a", "a.gz"):
        recorder = Recorder(tmp_path / name, HEADER)
        for reading in readings():
            recorder.note(reading)
        until = time.monotonic() + 10
        found: tuple[Any, ...] = ()
        while len(found) < 15 and time.monotonic() < until:
            try:
                found = load(tmp_path / name).readings
            except LakehouseError:
                time.sleep(0.05)
        assert len(found) == 15
        recorder.close()


FULL = """
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.test_recording import HEADER, readings
from tui.clients.recording_file import Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = Recorder(Path({path!r}), HEADER)
for reading in readings(2000):
    recorder.note(reading)
recorder._thread.join(20)
for reading in readings(5):
    recorder.note(reading)
recorder.close()
print(recorder.failure)
"""


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_a_full_disk_ends_the_recording_with_a_sentence(tmp_path: Path, name: str) -> None:
    limit = 20_000
    done = subprocess.run(
        [sys.executable, "-c", FULL.format(root=str(Path(__file__).parents[2]), path=str(tmp_path / name))],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 0, done.stderr
    assert "The recording has stopped" in done.stdout
    assert "File too large" in done.stdout
    found = load(tmp_path / name)
    assert found.cut is not None
    assert len(found.readings) > 100


def test_taking_a_note_costs_nothing_where_keys_are_heard(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a", HEADER)
    some = readings(300)
    slowest = 0.0
    for reading in some:
        began = time.thread_time()
        recorder.note(reading)
        slowest = max(slowest, time.thread_time() - began)
    recorder.close()
    assert slowest < 0.001


def test_gzip_by_name_only(tmp_path: Path) -> None:
    record(tmp_path / "a.jsonl.gz", readings())
    record(tmp_path / "a.jsonl", readings())
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_what_is_to_be_hidden_is_written_as_something_else(tmp_path: Path) -> None:
    home, secret, known = '/lakehouse/jörg "x"/lake', "5ecret5ecret", {}
    known[home] = "$LAKEHOUSE_HOME"
    said = f"There is no lakehouse in {home} yet; the key is {secret}."
    recorder = Recorder(tmp_path / "a", replace(HEADER, home=home), lambda: {**known, secret: "•••"})
    recorder.note(Reading("lag", T0, 0, error=said))
    recorder.note(Reading("jobs", T0, 0, value=(said, said)))
    recorder.close()
    found = load(tmp_path / "a")
    assert found.header.home == "$LAKEHOUSE_HOME"
    written = "There is no lakehouse in $LAKEHOUSE_HOME yet; the key is •••."
    assert [found.readings[0].error, *found.readings[1].value] == [written] * 3


def test_keys_and_places_of_a_home_are_hidden(tmp_path: Path) -> None:
    home = tmp_path / "a höme"
    layout = Layout(home)
    layout.create()
    keys = credentials.ensure(layout)
    recorder = bootstrap.recorder(load_settings({"home": home, "cache": tmp_path / "cache"}), tmp_path / "a.jsonl")
    texts = (*asdict(keys).values(), str(home), home.as_uri(), f"{tmp_path / 'cache'}/jars", f"{Path.home()}/x")
    for text in texts:
        recorder.note(Reading("logs", T0, 0, error=f"It says {text}!"))
    recorder.close()
    found = load(tmp_path / "a.jsonl")
    hidden = [*["•••"] * 3, "$LAKEHOUSE_HOME", "file://$LAKEHOUSE_HOME", "$LAKEHOUSE_CACHE/jars", "~/x"]
    assert [reading.error for reading in found.readings] == [f"It says {text}!" for text in hidden]
    assert found.header.home == "$LAKEHOUSE_HOME"
