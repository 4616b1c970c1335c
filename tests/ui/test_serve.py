"""`serve`: the page in headless Chromium, who gets in, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.ui import browser
from tests.ui.cockpits import NOW, healthy
from tui import cli
from tui.cli.serve import command
from tui.clients.recording_file import Recorder
from tui.core.recording import Header
from tui.model.reading import Reading
from tui.settings import load
from tui.view import theme

needs_chromium = pytest.mark.skipif(browser.PROGRAM is None, reason="Chromium is not installed (apt install chromium)")
PORTS = ("--kafka-port", "27091", "--flink-port", "27092", "--s3-port", "27093")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a recording.jsonl.gz"
    header = Header(NOW, "local", "/data/demo", "trades", ("BTCUSDT",), ("up", "down"), 1.0)
    recorder = Recorder(path, header, clock=lambda: NOW + timedelta(minutes=5))
    for name, value in healthy().items():
        recorder.note(Reading(name, NOW, 0, value=value))
    recorder.close()
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(home: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command and the address that it says."""
    port = free_port()
    argv = [sys.executable, "-m", "tui", "serve", "--home", str(home), "--port", str(port), *flags]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in said, said + server.stdout.read()
        yield server, f"http://127.0.0.1:{port}/"
    finally:
        server.kill()
        server.wait(20)


def dashboards(server: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children(recursive=True)


def until_gone(processes: list[psutil.Process], timeout_s: float = 60.0) -> None:
    _, alive = psutil.wait_procs(processes, timeout=timeout_s)
    assert not alive


async def until(condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s"
        await asyncio.sleep(0.1)


@needs_chromium
async def test_a_candle_chart_is_on_the_page(tmp_path: Path, recording: Path) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (_, address):
        async with browser.page(tmp_path / "profile") as page:
            await page.open(address)
            await page.until(r"REPLAY 0")
            await page.until(r"BTCUSDT [\d,.]+")
            rows = (await page.until(r"(?s)BTCUSDT .*?△▽ live"))[0]
            assert sum(rows.count(glyph) for glyph in "│┃█╽╿") > 20
            deadline = time.monotonic() + 20
            while not (painted := await candle_pixels(page)) and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            assert painted, "no candles in both colours are painted"
            assert all(one.startswith((address, address.replace("http", "ws"), "data:,")) for one in page.requested)
            assert not page.errors


async def candle_pixels(page: browser.Page) -> bool:
    """Whether many columns of the lower half are painted in the colours of rising and of falling candles."""
    picture = await page.picture()
    width, height = picture.size
    dark = next(one for one in theme.THEMES if one.name == "dark")
    found = []
    for colour in (dark.success, dark.error):
        wanted = tuple(bytes.fromhex(str(colour)[1:]))
        columns = {x for x in range(width) for y in range(height // 2, height, 3) if picture.getpixel((x, y)) == wanted}
        found.append(len(columns))
    return min(found) > 20


@needs_chromium
async def test_keys_work_and_a_closed_dashboard_can_be_opened_again(tmp_path: Path, recording: Path) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (server, address):
        async with browser.page(tmp_path / "profile") as page:
            await page.open(address)
            await page.until(r"REPLAY 0")
            first = dashboards(server)
            assert len(first) == 1
            await page.type("$")
            await page.until(r"■ 05:00/05:00")
            await page.type("2")
            await page.until(r"KAFKA")
            await page.type("q")
            await page.until(r"DASHBOARD")
            await page.type("q")
            await asyncio.to_thread(until_gone, first)
            shown = "getComputedStyle(document.querySelector('#closed')).display"
            deadline = time.monotonic() + 20
            while await page.evaluate(shown) != "flex":
                assert time.monotonic() < deadline, "the page does not say that the dashboard was closed"
                await asyncio.sleep(0.1)
            await page.evaluate("document.querySelector('#closed button').click()")
            await until(lambda: dashboards(server), "another dashboard")
            second = dashboards(server)
        await asyncio.to_thread(until_gone, second)  # the browser is gone


@needs_chromium
@pytest.mark.parametrize("allowed", [False, True])
async def test_the_home_is_the_one_given_and_actions_are_off_unless_allowed(tmp_path: Path, allowed: bool) -> None:
    home = tmp_path / "a höme 'with\" $quotes; `x`"
    home.mkdir()
    (home / "lakehouse.toml").write_text("refresh_interval_s = 7\n")
    with served(home, *PORTS, *(["--allow-actions"] if allowed else [])) as (_, address):
        async with browser.page(tmp_path / "profile") as page:
            await page.open(address)
            await page.until(r"every 7 s")
            await page.until(r"○ stopped")
            assert ("read-only" in page.text) is not allowed
            assert (" u  up" in page.text) is allowed
            if not allowed:
                await page.type("u")
                await page.until(r"Not possible: the dashboard is read-only")


async def open_dashboard(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    """As a browser does it, until something is shown."""
    opened = await session.ws_connect(f"{address}ws?width=100&height=30", headers={"Origin": address.rstrip("/")})
    assert (await opened.receive(timeout=60)).type is aiohttp.WSMsgType.BINARY
    return opened


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_it_and_every_dashboard(tmp_path: Path, recording: Path, number: int) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (server, address):
        async with aiohttp.ClientSession() as session:
            opened = [await open_dashboard(session, address) for _ in range(2)]
            found = dashboards(server)
            assert len(found) == 2
            server.send_signal(number)
            assert await asyncio.to_thread(server.wait, 20) == 0
            until_gone(found)
            assert not any(one.exception() for one in opened)
        assert server.stdout is not None
        assert "Traceback" not in server.stdout.read()


async def test_a_killed_server_leaves_no_dashboard(tmp_path: Path, recording: Path) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (server, address):
        async with aiohttp.ClientSession() as session:
            opened = await open_dashboard(session, address)
            found = dashboards(server)
            server.kill()
            until_gone(found)
            await opened.close()


async def test_a_dashboard_that_hangs_is_ended_all_the_same(tmp_path: Path, recording: Path) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (server, address):
        async with aiohttp.ClientSession() as session:
            opened = await open_dashboard(session, address)
            found = dashboards(server)
            found[0].suspend()
            await opened.close()
            until_gone(found)


def status(address: str, **headers: str) -> int:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_other_sites_get_neither_page_nor_dashboard(tmp_path: Path, recording: Path) -> None:
    with served(tmp_path / "home", "--replay", str(recording)) as (server, address):
        port = address.rstrip("/").rpartition(":")[2]
        assert status(address) == 200
        assert status(address, Host=f"localhost:{port}") == 200
        assert status(address, Host=f"evil.example:{port}") == 403
        for host in ("[", "[::1", "@localhost", "localhost.evil.example", "127.0.0.1.evil.example", ""):
            assert status(address, Host=host) in (400, 403), host
        for origin in ("http://evil.example", "http://localhost:1", "null", "http://[", f"http://x@127.0.0.1:{port}"):
            assert status(f"{address}ws", Origin=origin) == 403, origin
        assert status(f"{address}?fontsize={'6' * 5000}") == 200
        assert status(f"{address}static/../../../cli/serve.py") in (403, 404)
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            page = answer.read().decode()
        assert "http://" not in page
        assert "https://" not in page
        assert not dashboards(server)


def said(*arguments: str, home: Path) -> tuple[int, str]:
    argv = [sys.executable, "-m", "tui", "serve", "--home", str(home), *arguments]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--host", "0.0.0.0"), 2, "0.0.0.0 is not the loopback interface"),
        (("--host", "::"), 2, ":: is not the loopback interface"),
        (("--host", "nowhere.invalid"), 2, "is no address of this machine"),
        (("--port", "0"), 2, "is not a whole number from 1 up"),
        (("--port", "65536"), 2, "is no port"),
        (("--replay", "missing"), 1, "cannot be read"),
        (("--record", "file"), 2, "unrecognized arguments: --record"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str) -> None:
    code, stderr = said(*arguments, home=tmp_path)
    assert (code, sentence in stderr) == (status, True), stderr


def test_a_taken_port_names_who_holds_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, stderr = said("--port", str(port), home=tmp_path)
    assert code == 1
    assert f"Port {port} is taken by process {os.getpid()}" in stderr


def test_a_remote_interface_only_on_request(tmp_path: Path, recording: Path) -> None:
    argv = [sys.executable, "-m", "tui", "serve", "--home", str(tmp_path), "--replay", str(recording)]
    argv += ["--host", "0.0.0.0", "--allow-remote", "--port", str(free_port())]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert "http://0.0.0.0:" in server.stdout.readline()
    finally:
        server.kill()
        server.wait(20)


def test_the_dashboard_gets_home_and_flags_as_they_were_given(tmp_path: Path) -> None:
    home = tmp_path / "a 'b\" $c"
    argv = ["serve", "--home", str(home), "--kafka-port", "19092", "--checkpoint-interval", "10"]
    given = vars(cli.parser().parse_args(argv))
    words = command(load({"home": home}), given)
    assert f"--home={home}" in words
    parsed = cli.parser().parse_args(words[4:])
    assert (parsed.home, parsed.kafka_port, parsed.checkpoint_interval_s) == (home, "19092", "10")
    assert parsed.read_only
    assert not hasattr(parsed, "flink_port")
    allowed = {**given, "allow_actions": True, "replay": Path("x y.gz"), "speed": 2.0}
    parsed = cli.parser().parse_args(command(load({"home": home}), allowed)[4:])
    assert not parsed.read_only
    assert (parsed.replay, parsed.speed) == (Path.cwd() / "x y.gz", 2.0)
