"""A headless Chromium, driven by its DevTools protocol: what it loads, what it receives, what it paints."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pyte
from PIL import Image

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1500,900",
)


class Page:
    """One tab; `requested` are the addresses it asked for, `text` what a terminal shows that got the same bytes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.requested: list[str] = []
        self.errors: list[str] = []
        self.size = (80, 24)
        self._received = b""

    async def listen(self) -> None:
        """Take answers and events until the connection closes."""
        async for message in self._socket:
            found = message.json()
            if "id" in found:
                self._answers.pop(found["id"]).set_result(found)
                continue
            method, about = found["method"], found.get("params", {})
            if method == "Network.requestWillBeSent":
                self.requested.append(about["request"]["url"])
            elif method == "Network.webSocketCreated":
                self.requested.append(about["url"])
            elif method == "Network.webSocketFrameReceived" and about["response"]["opcode"] == 2:
                self._received += base64.b64decode(about["response"]["payloadData"])
            elif method == "Network.webSocketFrameSent":
                self._sent(about["response"]["payloadData"])
            elif method == "Runtime.exceptionThrown":
                self.errors.append(str(about["exceptionDetails"]))

    def _sent(self, payload: str) -> None:
        size = re.search(r'"resize",\{"width":(\d+),"height":(\d+)', payload)
        if size:
            self.size = int(size[1]), int(size[2])

    async def ask(self, method: str, **parameters: Any) -> Any:
        """One command, and its answer."""
        number = next(self._ids)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        found = await asyncio.wait_for(future, 30)
        assert "error" not in found, found
        return found["result"]

    async def open(self, address: str) -> None:
        """Go there."""
        for domain in ("Network", "Page", "Runtime"):
            await self.ask(f"{domain}.enable")
        await self.ask("Page.navigate", url=address)

    async def evaluate(self, script: str) -> Any:
        """What a script gives."""
        return (await self.ask("Runtime.evaluate", expression=script, returnByValue=True))["result"].get("value")

    async def type(self, text: str) -> None:
        """Type characters."""
        for character in text:
            for kind in ("keyDown", "keyUp"):
                await self.ask("Input.dispatchKeyEvent", type=kind, text=character if kind == "keyDown" else "")

    @property
    def text(self) -> str:
        """The terminal's text."""
        screen = pyte.Screen(*self.size)
        # pyte does not know these private modes and would print their letters
        known = re.sub(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p", b"", self._received)
        pyte.ByteStream(screen).feed(known)
        return "\n".join(screen.display)

    async def picture(self) -> Image.Image:
        """What is painted."""
        data = (await self.ask("Page.captureScreenshot", format="png"))["data"]
        return Image.open(BytesIO(base64.b64decode(data))).convert("RGB")

    async def until(self, pattern: str, timeout_s: float = 60.0) -> re.Match[str]:
        """Wait until the terminal's text matches."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not (found := re.search(pattern, self.text)):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{pattern!r} is not on the page within {timeout_s:g} s:\n{self.text}")
            await asyncio.sleep(0.1)
        return found


@asynccontextmanager
async def page(profile: Path) -> AsyncIterator[Page]:
    """A new browser with one tab; all of it has ended afterwards."""
    assert PROGRAM
    command = [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with (profile.parent / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        port = await _port(profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json()
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                found = Page(socket)
                listening = asyncio.create_task(found.listen())
                yield found
                listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(20)


async def _port(file: Path) -> str:
    for _ in range(600):
        with suppress(FileNotFoundError, IndexError):
            return file.read_text().split()[0]
        await asyncio.sleep(0.1)
    raise AssertionError("Chromium did not start within 60 s.")
