"""The dashboard in a browser: one page, and one process of the dashboard for each browser that opens it.

The page and all that it loads come from here; a browser that was led here by another site's page is sent away.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import textual_serve
from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager
from textual_serve.server import Server

END_S = 5.0
"""A dashboard that is still there so long after it was asked to end is killed."""
STATIC = Path(textual_serve.__file__).parent / "static"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Session(AppService):
    """One dashboard: `argv` is run without a shell, and does not outlive the server."""

    def __init__(self, argv: Sequence[str], socket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(
            "",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,  # type: ignore[arg-type]
            download_manager=downloads,
        )
        self._argv = argv

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        environment = self._build_environment(width, height)
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        self._stdin = self._process.stdin
        return self._process

    async def stop(self) -> None:
        """End the dashboard, in any case."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self.send_meta({"type": "quit"}), END_S / 2)
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._task is not None:
            await self._task


class Site(Server):
    """The page on `listener`; each browser gets a process of `argv`."""

    def __init__(self, argv: Sequence[str], *, loopback: bool, began: Callable[[], None]) -> None:
        super().__init__("")
        self._argv = argv
        self._loopback = loopback
        self._began = began
        self._sockets: set[web.WebSocketResponse] = set()
        self._page = resources.files(__name__).joinpath("index.html").read_text(encoding="utf-8")

    def run(self, listener: socket.socket) -> None:
        """Serve until SIGINT or SIGTERM; then every dashboard ends."""
        web.run_app(
            self._make_app(), sock=listener, print=None, access_log=None, shutdown_timeout=END_S, handle_signals=True
        )

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/ws", self.handle_websocket),
                web.static("/static", STATIC),
            ]
        )
        app.on_startup.append(self.on_startup)
        app.on_shutdown.append(self.on_shutdown)
        return app

    async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002 - aiohttp's signature
        """Say where it is."""
        self._began()

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002 - aiohttp's signature
        """End every dashboard."""
        await asyncio.gather(*(s.close(code=WSCloseCode.GOING_AWAY) for s in tuple(self._sockets)))

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only who asks for this machine by its own name gets in, and only a page from here opens a dashboard."""
        if self._loopback and _hostname(request.host) not in LOOPBACK:
            raise web.HTTPForbidden(text="This is served on the loopback interface: ask for localhost or 127.0.0.1.")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="A page of another site may not open the dashboard.")
        return await handler(request)

    async def _index(self, request: web.Request) -> web.Response:
        asked = request.query.get("fontsize", "16")
        size = int(asked) if len(asked) < 3 and asked.isascii() and asked.isdigit() and 6 <= int(asked) <= 72 else 16
        return web.Response(
            text=self._page.replace("{font_size}", str(size)), content_type="text/html", headers=HEADERS
        )

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run one dashboard until its browser leaves, or it ends."""
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        self._sockets.add(websocket)
        session = Session(self._argv, websocket, self.download_manager)
        try:
            await session.start(_cells(request, "width", 80), _cells(request, "height", 24))
            await self._process_messages(websocket, session)
        finally:
            self._sockets.discard(websocket)
            await asyncio.shield(session.stop())
        return websocket


def _hostname(host: str) -> str | None:
    try:
        return None if "@" in host else urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _cells(request: web.Request, name: str, otherwise: int) -> int:
    asked = request.query.get(name, "")
    return min(max(1, int(asked)), 1000) if asked.isascii() and asked.isdigit() and len(asked) < 6 else otherwise
