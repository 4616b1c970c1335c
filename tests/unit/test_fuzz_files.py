"""Settings, state, secrets, logs and messages that hold anything at all: a value or a sentence, and soon."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "producer"))

import status as producer_status

from tests.fuzzing import answered, anything, damaged, deep, fuzz, mutated, others, soon, texts
from tests.integration.hostile_messages import trade
from tui import state_file
from tui.clients import kafka_scan
from tui.clients.kafka_judge import problem
from tui.clients.trades import trade_fields
from tui.core import log_lines
from tui.model.kafka import Message
from tui.model.logs import Context
from tui.model.remote import SECRETS
from tui.settings import RECORDED, Settings, load
from tui.stack import recorded, restore_points
from tui.stack.local import credentials, logs, ports, status
from tui.stack.local.layout import Layout
from tui.stack.local.producer import LocalProducer
from tui.stack.local.programs import Programs
from tui.stack.local.supervision import ProgramState, State
from tui.stack.remote import aws
from tui.view import pretty
from tui.view.widgets import message_list

DAMAGED = [b"", b"\xff\xfe", b"null", b"[]", b"5", b'"x"', deep(100_000).encode(), deep(100_000, "object").encode(),
           b"9" * 5000, b"\0", b'{"a": NaN}', b'{"pid": 1e999}']  # fmt: skip
contents = st.binary(max_size=60) | anything.map(lambda v: json.dumps(v).encode()) | st.sampled_from(DAMAGED)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    found = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    Layout(found.home).create()
    return found


# --- settings

FILE = """\
backend = "remote"
kafka_port = 9092
refresh_interval_s = 2.0
symbols = ["A", "B"]
warehouse = "s3a://warehouse/iceberg"
[keys]
submit = "S"
[remote]
kafka = ["a:9092"]
kafka_security = "SASL_SSL"
kafka_sasl = "PLAIN"
kafka_username = "u"
flink = "http://a:8081"
flink_ca = "~/ca"
s3 = "http://a:9000"
checkpoint_dir = "s3a://b/c"
"""
NAMES = [line.split(" =")[0] for line in FILE.splitlines() if " =" in line]


def toml(value: Any) -> str:
    """A value of TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return '"\\u0000"' if value is None else json.dumps(value)


strange = st.one_of(
    anything, st.integers(), st.sampled_from(["~nobody/x", "~", "http://[", "http://a:x", "a\0b", "10 ** 400"])
)


def settings_of(folder: Path, text: bytes, env: dict[str, str] | None = None) -> object:
    (folder / "lakehouse.toml").write_bytes(text)
    return load({"home": folder, "cache": folder}, env or {})


@fuzz
@given(st.data())
def test_a_settings_file_with_other_values(tmp_path: Path, data: st.DataObject) -> None:
    lines = FILE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        name = lines[at].split(" =")[0]
        lines[at] = f"{name} = {toml(data.draw(strange))}" if not name.startswith("[") else name
    env = {"LAKEHOUSE_REMOTE_KAFKA_PASSWORD": "p"}
    answered(lambda: settings_of(tmp_path, "\n".join(lines).encode("utf-8", "replace"), env))


@fuzz
@given(damaged(FILE.encode()) | contents)
def test_a_damaged_settings_file(tmp_path: Path, content: bytes) -> None:
    answered(lambda: settings_of(tmp_path, content))


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "a = " + "{a = " * 5_000, "[" + "a." * 20_000 + "b]",
                                  f"kafka_port = {'9' * 4000}", f"refresh_interval_s = 1{'0' * 400}"])  # fmt: skip
def test_a_settings_file_without_end(tmp_path: Path, text: str) -> None:
    assert answered(lambda: settings_of(tmp_path, text.encode())) is None


@fuzz
@given(st.data())
def test_any_environment(tmp_path: Path, data: st.DataObject) -> None:
    allowed = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
    value = data.draw(allowed | st.sampled_from(["~nobody/x", "1_0", "٣", "9" * 5000, "nan", "inf", "=;=", "http://["]))
    names = [*NAMES, "keys", "theme", "cache", "home", *(f"remote_{n}" for n in (*NAMES[8:], *SECRETS, "kafka_ca"))]
    name = data.draw(st.sampled_from(names))
    answered(lambda: load({}, {"LAKEHOUSE_HOME": str(tmp_path), f"LAKEHOUSE_{name.upper()}": value}))


@pytest.mark.parametrize("name", ["LAKEHOUSE_HOME", "LAKEHOUSE_CACHE", "LAKEHOUSE_CONFIG"])
def test_a_folder_of_nobody_is_named(name: str) -> None:
    with pytest.raises(Exception, match="~nobody-here/x names no user's home"):
        load({}, {name: "~nobody-here/x"})


@fuzz
@given(contents)
def test_any_file_of_a_secret_and_of_aws(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    env = {"LAKEHOUSE_REMOTE_KAFKA_PASSWORD_FILE": str(file), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    answered(lambda: settings_of(tmp_path, FILE.encode(), env))
    answered(lambda: aws.profile("default", {**env, "HOME": str(tmp_path)}))


# --- state of a home


@fuzz
@given(contents)
def test_any_state_file(home: Settings, content: bytes) -> None:
    layout = Layout(home.home)
    for name in ("stack.json", "ports.json", "producer.json", "kafka.starts", "kafka.ready", "x.json"):
        (layout.run / name).write_bytes(content)
    answered(lambda: state_file.load(layout.run / "x.json"))
    answered(lambda: load({"home": home.home, "cache": home.cache}, {}))
    answered(lambda: recorded.refuse_other(home))
    chosen = answered(lambda: ports.internal(layout, avoid=set(), in_use=frozenset(ports.INTERNAL)))
    assert chosen is not None
    assert all(0 < port < 65536 for port in chosen.values())
    answered(lambda: status.restart_count(layout, "kafka"))
    answered(lambda: status.Prober(home, layout, None)._ready_pid("kafka"))  # type: ignore[arg-type]
    answered(lambda: producer_status.history_was_written(layout.run / "producer.json"))
    assert answered(lambda: producer_status.counted_before(layout.run / "producer.json")) is not None


@fuzz
@given(st.data())
def test_the_record_of_a_stack_with_parts_changed(home: Settings, data: st.DataObject) -> None:
    known = {name: getattr(home, name) for name in RECORDED}
    home.stack_file.write_text(json.dumps(data.draw(mutated(known))))
    answered(lambda: load({"home": home.home, "cache": home.cache}, {}))
    answered(lambda: recorded.refuse_other(home))


class Fixed(Programs):
    """The supervisor says that the producer runs."""

    def program_status(self, name: str) -> ProgramState | None:
        return ProgramState(name, State.RUNNING, 7, 1.0, "")

    def stop_program(self, name: str) -> None:
        """It ends."""


TOLD = {"pid": 7, "rate": 50.0, "state": "running", "sent": 9, "acknowledged": 8, "counted": 3, "detail": None}


@fuzz
@given(mutated(TOLD) | anything)
def test_any_status_of_the_producer(home: Settings, told: Any) -> None:
    (Layout(home.home).run / "producer.json").write_text(json.dumps(told))
    producer = LocalProducer(home, Fixed(Layout(home.home)))
    found = answered(producer.status)
    assert found is not None
    known = told.get("acknowledged") if isinstance(told, dict) else None
    assert found.sent == 0 if known == 0 and not isinstance(known, bool) else found.sent != 0 or 0 < known < 1
    answered(producer.stop)


@fuzz
@given(contents | mutated({"s3_access_key": "a", "s3_secret_key": "b", "supervisor_password": "c"}).map(
    lambda v: json.dumps(v).encode()))  # fmt: skip
def test_any_file_of_credentials(home: Settings, content: bytes) -> None:
    layout = Layout(home.home)
    credentials.path(layout).write_bytes(content)
    found = answered(lambda: credentials.load(layout))
    assert found is None or all(isinstance(secret, str) and secret for secret in asdict(found).values())
    answered(lambda: credentials.s3_access(home))


LINE = json.dumps({"job": "a" * 32, "parent": None, "point": None, "at": "2026-01-01T00:00:00.000+00:00"}).encode()


@fuzz
@given(st.lists(contents | damaged(LINE) | st.just(LINE), max_size=4))
def test_any_record_of_jobs(home: Settings, lines: list[bytes]) -> None:
    path = Layout(home.home).data / "flink" / "lineage.jsonl"
    path.write_bytes(b"\n".join(lines))
    found = answered(restore_points.LineageFile(path).read)
    assert found is not None
    assert LINE not in lines or "a" * 32 in found.parents


@fuzz
@given(st.binary(max_size=24) | damaged(bytes.fromhex("4960672d00000004000000000000002a")))
def test_any_metadata_of_a_checkpoint(home: Settings, head: bytes) -> None:
    state = Layout(home.home).data / "flink"
    for folder in (state / "checkpoints" / "job" / "chk-1", state / "savepoints" / "savepoint-abc-1"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "_metadata").write_bytes(head)
    answered(lambda: restore_points.find(state / "checkpoints", state / "savepoints"))


# --- logs

LOG = b"""2026-11-26T17:00:00.000Z INFO  Main: ready
%3|1795000000.123|FAIL|rdkafka#producer-1| [thrd:x]: down
java.lang.IllegalStateException: no
\tat a.b.C.d(C.java:1)
Caused by: x
2026-11-26 17:00:00,123 INFO spawned: 'kafka' with pid 7
"""
tails = st.sampled_from([b"%3|" + b"9" * 400 + b"|x", b"%3|1e5|", b"9999-99-99T99:99:99Z",
                         b"0001-01-01 00:00:00+23:59 INFO",
                         b"\x1b[" * 5000, b"\x1b]0;" + b"a" * 9000, b"\x1bP" * 9000, b"a" * 100_000, b"\t" * 9000,
                         b"((((" * 5000 + b"Exception", b"a." * 20_000 + b"Exception"])  # fmt: skip


@fuzz
@given(st.lists(damaged(LOG) | st.binary(max_size=80) | tails, min_size=1, max_size=4))
def test_any_line_of_a_log(tmp_path: Path, pieces: list[bytes]) -> None:
    raw = b"\n".join(pieces).split(b"\n")
    found = answered(lambda: log_lines.parse(raw, Context()))
    assert found is not None
    lines, _ = found
    assert len(lines) == len(raw)
    assert all(harmless(line.text) for line in lines)
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join(raw))
    answered(lambda: logs.telling_line(path))
    answered(lambda: logs.last_lines(path, 3))


def harmless(text: str) -> bool:
    """Whether a terminal takes no part of it for an order."""
    return not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066\u2028" for c in text)


# --- messages

NOW = 1_795_000_000_000
GOOD = trade(NOW)


def many_messages() -> Iterator[bytes]:
    yield from DAMAGED
    yield from (b'{"symbol":"A","ts":' + b"9" * n + b"}" for n in (41, 42, 5000, 60_000))
    yield deep(499).encode()
    yield GOOD[:-1] + b',"x":' + deep(498).encode() + b"}"
    yield GOOD.replace(b"42150.5", b"1e400")
    yield GOOD.replace(b"BTCUSDT", b"\\ud800")
    yield b"\xef\xbb\xbf" + GOOD
    yield GOOD.decode().encode("utf-16")


messages = st.one_of(
    damaged(GOOD), mutated(json.loads(GOOD)).map(lambda v: json.dumps(v).encode()), contents,
    st.sampled_from(list(many_messages())), st.builds(lambda a, b: a + b, damaged(GOOD), st.binary(max_size=4)),
)  # fmt: skip
moments = st.one_of(
    st.just(NOW), st.sampled_from([0, -1, 2**62, -(2**62), NOW - 600_001]), st.integers(-(2**63), 2**63)
)


@fuzz
@given(st.none() | messages, moments, st.none() | st.binary(max_size=9))
def test_any_message(value: bytes | None, stamp: int, key: bytes | None) -> None:
    with soon():
        why = problem(value, stamp)
        fields = trade_fields(value, stamp)
    assert (fields is None) == (why is not None)
    shown = answered(lambda: kafka_scan.message(kafka_scan.Record(0, 1, stamp, key, value)))
    assert isinstance(shown, Message)
    with soon():
        message_list.trade(shown)
        pretty.pretty(shown.value or "")
    if fields is not None:
        ts, symbol, price, qty = fields
        assert price > 0
        assert qty != 0
        assert symbol
        assert 946_684_800_000 <= ts <= 9_999_999_999_999


@fuzz
@given(texts | others)
def test_a_field_that_is_anything(value: Any) -> None:
    for name in ("symbol", "ts", "price", "qty", "side"):
        raw = trade(NOW, **{name: value})
        assert (trade_fields(raw, NOW) is None) == (problem(raw, NOW) is not None)
