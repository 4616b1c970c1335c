"""Who can reach the stack, and what it tells: listeners, secrets, modes of files, uploads, logins."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.conftest import Lab, pipeline, silent
from tui import bootstrap, cli
from tui.clients.lake import LakeClient
from tui.model.access import S3Access
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.reading import Reading
from tui.settings import Settings
from tui.stack.local import credentials, processes
from tui.stack.local.layout import Layout
from tui.stack.local.signing import sign
from tui.stack.local.supervision import Supervisor

LOOPBACK = {"127.0.0.1", "::1"}
SECRET_FILES = {
    "conf/credentials.json",
    "conf/flink/conf/core-site.xml",
    "conf/minio-password",
    "conf/minio-user",
    "conf/s3proxy.properties",
    "run/supervisord.conf",
}
"""Where a home keeps secrets; nowhere else."""


def secrets_of(settings: Settings) -> dict[str, str]:
    """Every secret of the home, and the forms in which a header has it."""
    keys = credentials.load(Layout(settings.home))
    assert keys is not None
    made = asdict(keys)
    login = base64.b64encode(f"lakehouse:{keys.supervisor_password}".encode()).decode()
    return {**made, "supervisor_login": login}


def told(text: str, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets in the text."""
    return [name for name, secret in secrets.items() if secret in text]


SYMBOLS = ('[red]x[/]\x1b[31m"', "ö 'quoted' \\ name", "日本🎌", "a\nb\tc")
"""A symbol is any text; the names of topics, groups and databases are limited by Kafka and Iceberg."""
TRADES = 2000


@dataclass(frozen=True)
class Busy:
    """A pipeline whose job runs and has committed, and every command line that was seen on the way."""

    lab: Lab
    command_lines: frozenset[str]


@pytest.fixture(scope="module")
def busy(stack_settings: Settings) -> Iterator[Busy]:
    now = int(datetime.now(UTC).timestamp() * 1000)
    odd = [{"symbol": s, "ts": now + n, "price": 1.5, "qty": 2, "side": "BUY"} for n, s in enumerate(SYMBOLS)]
    with pipeline(stack_settings) as lab:
        with command_lines() as seen:
            bootstrap.producer(lab.settings).start({"rate": "0", "count": str(TRADES), "seed": "5", "bad": "0.01"})
            lab.send([(n % 3, None, json.dumps(trade).encode()) for n, trade in enumerate(odd)])
            lab.control.submit(silent)
            lab.committed(TRADES + len(odd))
        yield Busy(lab, frozenset(seen))


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line of this machine, looked at again and again."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    found.add(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            over.wait(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


# --- listeners


def listeners(found: list[psutil.Process]) -> list[tuple[str, str, int]]:
    """(program, address, port) of everything that accepts TCP connections or receives UDP from anybody."""
    open_ones = []
    for process in found:
        for c in process.net_connections("inet"):
            if c.status == psutil.CONN_LISTEN or (c.type == socket.SOCK_DGRAM and not c.raddr):
                open_ones.append((process.name(), c.laddr.ip.removeprefix("::ffff:"), c.laddr.port))
    return open_ones


def test_every_listener_is_on_loopback(busy: Busy) -> None:
    settings = busy.lab.settings
    found = listeners(processes.tagged(Layout(settings.home)))
    assert {address for _, address, _ in found} <= LOOPBACK, found
    assert {settings.kafka_port, settings.flink_port, settings.s3_port} <= {port for _, _, port in found}


def test_a_listener_beyond_loopback_would_be_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        found = listeners([psutil.Process()])
        assert ("0.0.0.0", server.getsockname()[1]) in {(address, port) for _, address, port in found}


# --- secrets


def rest_answers(settings: Settings) -> Iterator[tuple[str, str]]:
    """Everything that Flink's REST server tells whoever asks."""
    paths = ["/config", "/overview", "/jars", "/datasets", "/jobs", "/jobs/overview", "/jobs/metrics", "/"]
    paths += [f"/jobmanager/{name}" for name in ("config", "environment", "logs", "log", "stdout", "thread-dump")]
    paths += ["/jobmanager/metrics", "/taskmanagers", "/taskmanagers/metrics"]
    paths += [f"/jobmanager/logs/{line['name']}" for line in _json(settings, "/jobmanager/logs").get("logs", [])]
    for manager in _json(settings, "/taskmanagers")["taskmanagers"]:
        base = f"/taskmanagers/{manager['id']}"
        paths += [base, *(f"{base}/{name}" for name in ("logs", "log", "stdout", "thread-dump", "metrics"))]
        paths += [f"{base}/logs/{line['name']}" for line in _json(settings, f"{base}/logs").get("logs", [])]
    for job in _json(settings, "/jobs")["jobs"]:
        base = f"/jobs/{job['id']}"
        parts = ("", "/plan", "/config", "/exceptions", "/accumulators", "/metrics", "/checkpoints")
        paths += [f"{base}{part}" for part in (*parts, "/checkpoints/config", "/jobmanager/config")]
        for vertex in _json(settings, base)["vertices"]:
            paths += [f"{base}/vertices/{vertex['id']}{part}" for part in ("", "/accumulators", "/taskmanagers")]
    for path in paths:
        yield path, asked(settings.flink_port, "GET", path)[1]


def _json(settings: Settings, path: str) -> Any:
    return json.loads(asked(settings.flink_port, "GET", path)[1])


def asked(port: int, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def commands_of(settings: Settings) -> list[list[str]]:
    services = [log.service for log in bootstrap.logs(settings).services() if log.exists]
    return [["status"], ["doctor"], ["lag"], ["jobs", "--exceptions"], ["snapshots"], ["candles"], ["verify"],
            *(["logs", name, "-n", "100000"] for name in services)]  # fmt: skip


def flags_of(settings: Settings) -> list[str]:
    ports = ("kafka_port", "flink_port", "s3_port", "s3_console_port")
    return [f"--home={settings.home}", *(f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in ports)]


def recorded(settings: Settings, path: Path) -> str:
    """A recording of everything the dashboard asks for."""
    recorder = bootstrap.recorder(settings, path)
    for name, source in bootstrap.cockpit(settings).sources.items():
        now = datetime.now(UTC)
        try:
            recorder.note(Reading(name, now, 0, value=source.fetch()))
        except LakehouseError as error:
            recorder.note(Reading(name, now, 0, error=str(error)))
    recorder.close()
    return path.read_text(encoding="utf-8")


def complaints(settings: Settings) -> Iterator[str]:
    """What is said when a login fails, and when a file of secrets is damaged."""
    keys = credentials.load(Layout(settings.home))
    assert keys is not None
    layout = Layout(settings.home)
    wrong = S3Access(settings.s3_endpoint, access_key=keys.s3_access_key, secret_key=keys.s3_secret_key[::-1])
    with pytest.raises(UnavailableError) as refused:
        LakeClient(settings.warehouse, settings.database, wrong).history("agg_1m")
    yield str(refused.value)
    with pytest.raises(UnavailableError) as refused:
        Supervisor(layout, keys.supervisor_password + "x").programs()
    yield str(refused.value)
    yield repr(keys)
    yield repr(credentials.s3_access(settings))
    yield repr(Supervisor(layout, keys.supervisor_password))


def test_no_secret_is_on_a_command_line(busy: Busy) -> None:
    secrets = secrets_of(busy.lab.settings)
    assert any("kafka_to_iceberg.py" in line for line in busy.command_lines)
    assert [line for line in busy.command_lines if told(line, secrets)] == []


def test_no_secret_is_told_anywhere(
    busy: Busy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, secrets = busy.lab.settings, secrets_of(busy.lab.settings)
    places = dict(rest_answers(settings))
    assert len([text for text in places.values() if text]) > 30
    layout = Layout(settings.home)
    for path in (*layout.logs.rglob("*"), *(layout.flink_home / "log").rglob("*")):
        if path.is_file():
            places[str(path)] = path.read_text(encoding="utf-8", errors="replace")
    for name in ("topic", "group", "database"):
        monkeypatch.setenv(f"LAKEHOUSE_{name.upper()}", getattr(settings, name))
    for command in commands_of(settings):
        cli.run([*flags_of(settings), *command, "--json"])
        shown = capsys.readouterr()
        assert shown.out, (command, shown.err)
        places[" ".join(command)] = shown.out + shown.err
    places["recording"] = recorded(settings, tmp_path / "recording.jsonl")
    for number, text in enumerate(complaints(settings)):
        places[f"complaint {number}"] = text
    for line in _described(processes.tagged(layout)):
        places[f"environment of {line[0]}"] = line[1]
    assert {place: told(text, secrets) for place, text in places.items() if told(text, secrets)} == {}


def _described(found: list[psutil.Process]) -> Iterator[tuple[str, str]]:
    for process in found:
        with suppress(psutil.Error):
            yield f"{process.name()} {process.pid}", json.dumps([process.cmdline(), process.environ()])


def test_secrets_are_in_files_for_the_owner_only_and_nowhere_else(busy: Busy) -> None:
    settings, secrets = busy.lab.settings, secrets_of(busy.lab.settings)
    holders = set()
    for path in settings.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                content = path.read_bytes()
                if any(secret.encode() in content for secret in secrets.values()):
                    holders.add(str(path.relative_to(settings.home)))
                    assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert "conf/credentials.json" in holders
    assert holders <= SECRET_FILES
    layout = Layout(settings.home)
    for folder in (layout.home, layout.conf, layout.run, layout.logs, layout.data, layout.run / "programs"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    assert stat.S_IMODE(layout.socket.stat().st_mode) & 0o077 == 0


# --- who gets in


def test_flink_takes_no_uploads(stack_settings: Settings) -> None:
    boundary = "x"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="a.jar"\r\n'
        f"Content-Type: application/java-archive\r\n\r\nPK\r\n--{boundary}--\r\n"
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, said = asked(stack_settings.flink_port, "POST", "/jars/upload", headers, body)
    assert (status, json.loads(said)) == (400, {"errors": ["POST request not allowed"]})
    assert asked(stack_settings.flink_port, "GET", "/jars")[0] == 404
    assert json.loads(asked(stack_settings.flink_port, "GET", "/config")[1])["features"]["web-submit"] is False


def test_a_page_of_another_site_cannot_read_flinks_answers(stack_settings: Settings) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack_settings.flink_port, timeout=20)
    connection.request("GET", "/jobmanager/config", headers={"Origin": "http://elsewhere.example"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.getheader("Access-Control-Allow-Origin") not in ("*", "http://elsewhere.example", "null")


PLACES = ("/", "/warehouse", "/warehouse/iceberg/{database}/agg_1m/metadata/version-hint.text")


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_s3_refuses_who_does_not_sign_and_who_signs_with_other_keys(busy: Busy, method: str, path: str) -> None:
    settings, path = busy.lab.settings, path.format(database=busy.lab.settings.database)
    keys = credentials.load(Layout(settings.home))
    assert keys is not None
    host, now = f"127.0.0.1:{settings.s3_port}", datetime.now(UTC)
    others = [
        {},
        sign(method, host, path, "", keys.s3_access_key, "0" * 40, now),
        sign(method, host, path, "", "somebody", keys.s3_secret_key, now),
        sign(method, host, path, "", keys.s3_access_key, "", now),
    ]
    for headers in others:
        assert asked(settings.s3_port, method, path, headers)[0] in (400, 403), headers
    right = sign("GET", host, path, "", keys.s3_access_key, keys.s3_secret_key, now)
    assert asked(settings.s3_port, "GET", path, right)[0] == 200


def test_the_supervisor_refuses_another_password(stack_settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="401"):
        Supervisor(Layout(stack_settings.home), "").programs()


def test_symbols_with_markup_escapes_quotes_and_other_letters_go_the_whole_way(busy: Busy) -> None:
    busy.lab.assert_verified()
    assert set(SYMBOLS) <= {candle.symbol for candle in busy.lab.clients.lake.candles().candles}
