"""What stands in front of a cluster in the wild: certificates of an own authority, and a guard that asks for a user."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tui.settings import Settings
from tui.stack.local import kafka, spec
from tui.stack.local.layout import Layout
from tui.stack.provision import Provisioned

HOST = "127.0.0.1"


class Authority:
    """Certificates of an authority that only those know who have its `ca` file."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))
        self._folder = folder

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's side, with a certificate for `names`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*(names or (HOST,))).configure_cert(context)
        return context

    def key_store(self) -> Path:
        """Key (PKCS #8, the only form that Kafka reads) and certificate of 127.0.0.1 in one PEM file."""
        issued = self._authority.issue_cert(HOST)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        path = self._folder / "server.pem"
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
        return path


class Guard:
    """A TLS proxy in front of an HTTP server; 401 without the right Authorization header, 403 while `forbidden`."""

    def __init__(self, target: str, context: ssl.SSLContext, accepted: str, prefix: str = "") -> None:
        self.seen: list[tuple[int, str]] = []
        self.forbidden = False
        self._target = urlsplit(target)
        self._accepted = accepted
        self._prefix = prefix
        self._server = _TlsServer(self, context)
        self.url = f"https://{HOST}:{self._server.server_address[1]}{prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        if asked.headers.get("Authorization") != self._accepted:
            return 401, b"<html>who are you?</html>"
        if self.forbidden:
            return 403, b"<html>no</html>"
        if not asked.path.startswith(self._prefix + "/"):
            return 404, b"{}"
        kept = {name: value for name, value in asked.headers.items() if name.lower() in ("content-type", "accept")}
        connection = http.client.HTTPConnection(str(self._target.hostname), self._target.port, timeout=60)
        try:
            connection.request(asked.command, asked.path.removeprefix(self._prefix), body or None, kept)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class _TlsServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, guard: Guard, context: ssl.SSLContext) -> None:
        self._context = context

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def one(self) -> None:
                status, answer = guard.answer(self, _body(self))
                guard.seen.append((status, f"{self.command} {self.path}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = do_DELETE = one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        super().__init__((HOST, 0), Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        plain, address = super().get_request()
        plain.settimeout(30)
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us breaks off."""


def _body(asked: BaseHTTPRequestHandler) -> bytes:
    """The request's body, also one in chunks, as Flink's client sends files."""
    if asked.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
    parts = []
    while size := int(asked.rfile.readline().split(b";")[0], 16):
        parts.append(asked.rfile.read(size))
        asked.rfile.readline()
    while asked.rfile.readline().strip():
        pass
    return b"".join(parts)


JAAS = "org.apache.kafka.common.security"


@contextmanager
def secure_kafka(
    settings: Settings, found: Provisioned, authority: Authority, ports: list[int], users: dict[str, str]
) -> Iterator[str]:
    """A broker of the same jars and options with one more listener (SASL_SSL, PLAIN and SCRAM); yields its address.

    `ports`: plain listener, controller, guarded listener. `users` are those of PLAIN.
    """
    plain, controller, guarded = ports
    own = replace(settings, kafka_port=plain)
    layout = Layout(own.home)
    layout.create()
    program = kafka.spec(own, layout, found, {"kafka_controller": controller})
    known = " ".join(f"user_{name}={_quoted(password)}" for name, password in users.items())
    extra = {
        "listeners": f"CLIENT://{HOST}:{plain},CONTROLLER://{HOST}:{controller},GUARDED://{HOST}:{guarded}",
        "advertised.listeners": f"CLIENT://{HOST}:{plain},GUARDED://{HOST}:{guarded}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.guarded.ssl.keystore.type": "PEM",
        "listener.name.guarded.ssl.keystore.location": authority.key_store(),
        "listener.name.guarded.plain.sasl.jaas.config": f"{JAAS}.plain.PlainLoginModule required {known};",
        **{
            f"listener.name.guarded.scram-sha-{size}.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;"
            for size in (256, 512)
        },
    }
    with (layout.conf / "kafka.properties").open("a", encoding="utf-8") as file:
        file.write(spec.properties(extra))
    with (layout.logs / "kafka.log").open("wb") as log:
        process = subprocess.Popen(
            program.argv,
            env=spec.environment(layout, program.env),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"{HOST}:{guarded}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
