"""Answers of a Docker engine and of an S3 server, readiness probes, and recordings that hold anything at all."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import docker_server
from tests.docker_server import Engine
from tests.fuzzing import answered, anything, damaged, deep, fuzz, mutated, others
from tui.clients import recording_file
from tui.clients.lake.storage import open_storage
from tui.model.access import S3Access
from tui.model.stack import ServiceState
from tui.settings import Settings
from tui.stack import s3_points
from tui.stack.compose import engine
from tui.stack.compose.status import Prober, inspected
from tui.stack.local import readiness
from tui.stack.local.layout import Layout

# --- Docker


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    told = Engine()
    with docker_server.serve(told) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        engine.connect.cache_clear()
        yield told
    engine.connect.cache_clear()


@fuzz
@given(st.data())
def test_any_answer_about_containers(docker: Engine, tmp_path: Path, data: st.DataObject) -> None:
    settings = Settings(home=tmp_path / "h", cache=tmp_path, kafka_port=1, flink_port=2, s3_port=3, backend="compose")
    Layout(settings.home).create()
    whole = docker_server.recorded()
    part = data.draw(st.sampled_from(["containers", "inspect"]))
    docker.told = {**whole, part: data.draw(mutated(whole[part]) | anything)}
    found = answered(lambda: engine.containers(settings))
    answered(lambda: engine.strangers(settings))
    if found is not None:
        services = answered(lambda: Prober(settings, Layout(settings.home), None).services(found))
        assert services is not None
        assert len(services) == 4
        for one in found.values():
            answered(lambda one=one: engine.variable(one, "LAKEHOUSE_S3_ACCESS_KEY"))


STATES = list(docker_server.recorded()["inspect"].values())


@fuzz
@given(mutated(STATES[0]) | anything)
def test_any_inspected_container(attrs: Any) -> None:
    answered(lambda: inspected(attrs))


def test_what_the_engine_does_not_tell_is_unknown_and_not_0(docker: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "h", cache=tmp_path, kafka_port=1, flink_port=2, s3_port=3, backend="compose")
    container = docker.inspect("kafka")
    container |= {"State": {}, "RestartCount": None}
    found = {s.name: s for s in Prober(settings, Layout(settings.home), None).services(engine.containers(settings))}
    assert found["kafka"].state is ServiceState.UNKNOWN
    assert (found["kafka"].restarts, found["kafka"].pid) == (None, None)


# --- HTTP servers that say anything


class Says:
    """What a server answers to everything."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"", dict[str, str]()


@contextmanager
def saying() -> Iterator[tuple[Says, int]]:
    says = Says()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.send_response(says.status)
            headers = {"Content-Type": "application/xml", "Content-Length": str(len(says.body)), **says.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(says.body)

        do_GET = do_HEAD = do_PUT = do_POST = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield says, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>x/</Prefix><KeyCount>2</KeyCount>
<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>
<Contents><Key>x/_metadata</Key><LastModified>2026-11-26T17:00:00.000Z</LastModified><ETag>"a"</ETag><Size>16</Size>
<StorageClass>STANDARD</StorageClass></Contents><CommonPrefixes><Prefix>x/chk-1/</Prefix></CommonPrefixes>
</ListBucketResult>"""
XML = [LISTING, b"", b"<", b"<a" * 2000, b"<a>" * 2000 + b"</a>" * 2000, LISTING.replace(b"16", b"-1"),
       LISTING.replace(b"16", b"9" * 40), LISTING.replace(b"2026-11", b"99999-99"),
       LISTING.replace(b"2026-11", b"0000-00"),
       LISTING.replace(b"x/_metadata", b"&#27;[31m"), LISTING.replace(b"x/_metadata", b"&#0;\xff\xfe"),
       b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]>' + LISTING]  # fmt: skip


def test_any_answer_of_an_s3_server() -> None:
    with saying() as (says, port):
        storage = open_storage("s3://b/x", S3Access(f"http://127.0.0.1:{port}", access_key="a", secret_key="b"))

        @fuzz
        @given(
            damaged(LISTING) | st.sampled_from(XML),
            st.sampled_from([200, 200, 200, 404, 403, 204, 302, 416]),
            st.sampled_from([{}, {"Last-Modified": "nonsense"}, {"Last-Modified": "Thu, 01 Jan 99999 00:00:00 GMT"}]),
        )
        def ask(body: bytes, status: int, headers: dict[str, str]) -> None:
            says.body, says.status, says.headers = body, status, headers
            answered(lambda: storage.names("b/x"))
            answered(lambda: storage.folders("b/x"))
            answered(lambda: storage.has_folder("b/x"))
            answered(lambda: storage.existing(["b/x/a", "b/x/c"]))
            answered(lambda: storage.stamps(["b/x/a"]))
            answered(lambda: storage.read("b/x/a"))
            answered(lambda: s3_points.find(storage, "s3a://b/x", "s3a://b/y"))

        ask()


def test_any_answer_to_a_probe() -> None:
    with saying() as (says, port):

        @fuzz
        @given(st.binary(max_size=40) | anything.map(lambda v: json.dumps(v).encode()) | st.just(deep(99_999).encode()))
        def ask(body: bytes) -> None:
            says.body = body
            found = answered(lambda: readiness.http_json(port, "/x", 2.0))
            assert found is None or isinstance(found, dict)
            for one in answered(lambda: readiness.taskmanagers(port, 2.0)) or ():
                answered(lambda one=one: readiness.slots(one))

        ask()


# --- recordings

RECORDING = Path(__file__).parent.parent / "payloads" / "recordings" / "first-run.jsonl.gz"
LINES = gzip.decompress(RECORDING.read_bytes()).splitlines()[:120]


@fuzz
@given(st.data())
def test_any_line_of_a_recording(tmp_path: Path, data: st.DataObject) -> None:
    lines = list(LINES)
    at = data.draw(st.integers(0, len(lines) - 1))
    kind = data.draw(st.sampled_from(["bytes", "parts", "any", "away"]))
    if kind == "bytes":
        lines[at] = data.draw(damaged(lines[at]))
    elif kind == "parts":
        lines[at] = json.dumps(data.draw(mutated(json.loads(lines[at])))).encode()
    elif kind == "any":
        lines[at] = data.draw(anything.map(lambda v: json.dumps(v).encode()) | st.just(deep(99_999).encode()))
    else:
        del lines[at]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    answered(lambda: recording_file.load(path))


@fuzz
@given(damaged(RECORDING.read_bytes()[:6000]) | st.binary(max_size=99))
def test_any_bytes_as_a_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    answered(lambda: recording_file.load(path))


@fuzz
@given(others)
def test_any_first_line(tmp_path: Path, value: Any) -> None:
    first = json.loads(LINES[0])
    for name in first:
        path = tmp_path / "a.jsonl"
        path.write_bytes(json.dumps({**first, name: value}).encode() + b"\n" + LINES[1] + b"\n")
        answered(lambda path=path: recording_file.load(path))
