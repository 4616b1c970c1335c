"""The way to Flink's REST server: JSON over HTTP, on connections that stay open.

`http.client` takes a quarter of the processor time of requests (0.3 instead of 1.2 ms a call), and the dashboard asks
several times a second. Connections are shared by all threads: each call takes one out and puts it back.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, urlencode, urlsplit

import orjson

from tui.model.access import FlinkAccess
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.traces import root_cause

_RETRIED: Final = frozenset({500, 502, 503, 504})
_PAUSES_S: Final = (0.0, 0.2)
_KEPT: Final = 4
_LONGEST: Final = 64 * 1024 * 1024
_HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json"}

Connection: TypeAlias = http.client.HTTPConnection


class FlinkRest:
    """Calls to one REST server, each answered within `timeout_s`; may be used from several threads.

    An answer 5xx to a GET is asked for twice more within that time; nothing else is ever sent again, except on a
    connection that had been kept open and turns out to be closed.
    """

    def __init__(self, access: FlinkAccess, timeout_s: float) -> None:
        self._access = access
        self._base = access.url.rstrip("/")
        self._headers = {**_HEADERS, **access.headers()}
        self._tls: ssl.SSLContext | None = None
        self._timeout_s = timeout_s
        self._where = f"Flink at {self._base}"
        self._idle: deque[Connection] = deque()

    @property
    def where(self) -> str:
        """The cluster, to begin a sentence with."""
        return self._where

    def get(self, path: str, query: Mapping[str, str] | None = None) -> object:
        """The JSON at `path`; `NotFoundError` for 404, `UnavailableError` for every other trouble."""
        if query:
            path = f"{path}?{urlencode(query)}"
        deadline = time.monotonic() + self._timeout_s
        status, body = self._call("GET", path, None, deadline)
        for pause_s in _PAUSES_S:
            if status not in _RETRIED or time.monotonic() + pause_s >= deadline:
                break
            time.sleep(pause_s)
            status, body = self._call("GET", path, None, deadline)
        return self._answer("GET", path, status, body)

    def send(self, method: str, path: str, order: Mapping[str, Any] | None, accept: tuple[int, ...] = ()) -> object:
        """Send an order once; an answer with a status of `accept` is no error."""
        payload = None if order is None else orjson.dumps(order)
        status, body = self._call(method, path, payload, time.monotonic() + self._timeout_s)
        return self._answer(method, path, status, body, accept)

    def _answer(self, method: str, path: str, status: int, body: bytes, accept: tuple[int, ...] = ()) -> object:
        if status in (401, 403):
            raise UnavailableError(self._refused(status))
        said = f"{self._where} answered {method} {path.partition('?')[0]}"
        if not 200 <= status < 300 and status not in accept:
            reason = _error_text(body)
            kind = NotFoundError if status == 404 else UnavailableError
            raise kind(f"{said} with {status}{f': {reason}' if reason else ''}.")
        try:
            return orjson.loads(body) if body else {}
        except ValueError:
            raise UnavailableError(f"{said} with something that is not JSON: is this Flink's REST port?") from None

    def _call(self, method: str, path: str, payload: bytes | None, deadline: float) -> tuple[int, bytes]:
        try:
            url = urlsplit(self._base)
            kept = self._kept()
            if kept is not None:
                try:
                    return self._exchange(kept, method, url.path + path, payload, deadline)
                except (ConnectionError, http.client.BadStatusLine):
                    if method != "GET":
                        raise
            return self._exchange(self._connected(url, deadline), method, url.path + path, payload, deadline)
        except TimeoutError:
            raise UnavailableError(f"{self._where} did not answer within {self._timeout_s:g} s.") from None
        except ssl.SSLError as error:
            raise UnavailableError(f"{self._where} {tls_cause(error, 'flink_ca')}.") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            advice = "start it with `lakehouse-tui up`" if self._access.managed else "check the address"
            raise UnavailableError(f"{self._where} does not answer ({_cause(error)}): {advice}.") from None

    def _refused(self, status: int) -> str:
        access = self._access
        if status == 403:
            return f"{self._where} says 403, forbidden: the user or token is known but may not do this."
        if access.token:
            return f"{self._where} says 401: it does not accept the token; check flink_token."
        if access.username:
            return f"{self._where} says 401: it does not accept the user; check flink_username and flink_password."
        return f"{self._where} says 401: it wants a user or a token; set flink_username or flink_token."

    def _kept(self) -> Connection | None:
        """A connection that was kept and is still open as far as this side can tell."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if not _closed(connection):
                return connection
            connection.close()
        return None

    def _connected(self, url: SplitResult, deadline: float) -> Connection:
        if not url.hostname or url.scheme not in {"http", "https"}:
            raise ValueError("no http address")
        timeout_s = _left(deadline)
        if url.scheme == "https":
            context = self._context()
            connection: Connection = http.client.HTTPSConnection(
                url.hostname, url.port, timeout=timeout_s, context=context
            )
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout_s)
        connection.connect()
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._access.ca)
        return self._tls

    def _exchange(
        self, connection: Connection, method: str, target: str, payload: bytes | None, deadline: float
    ) -> tuple[int, bytes]:
        keep = False
        try:
            sock = connection.sock
            sock.settimeout(_left(deadline))
            connection.request(method, target, payload, self._headers)
            response = connection.getresponse()
            body = bytearray()
            while chunk := response.read1(1 << 20):
                body += chunk
                if len(body) > _LONGEST:
                    raise http.client.HTTPException("the answer has no end")
                sock.settimeout(_left(deadline))
            if response.length:
                raise http.client.IncompleteRead(bytes(body), response.length)
            response.close()  # gives the connection free for the next request
            keep = not response.will_close
        finally:
            if keep and len(self._idle) < _KEPT:
                self._idle.append(connection)
            else:
                connection.close()
        return response.status, bytes(body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def tls_context(ca: str) -> ssl.SSLContext:
    """Trust in the authorities of the PEM file `ca`, without one in the system's; raises `UnavailableError`."""
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise UnavailableError(f"The authority's file {ca} cannot be used: {why}.") from None


def tls_cause(error: ssl.SSLError, ca: str | None) -> str:
    """What is wrong with the other side's TLS, to end a sentence with; `ca` is the setting that names an authority."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message.rstrip(".")
        if "mismatch" in said:
            return f"has a certificate for another name ({said}): use the name that it is made for"
        if "expired" in said or "not yet valid" in said:
            return f"has a certificate that is not valid now ({said}): renew it, and check the clock"
        cure = f"name the PEM file of its authority in {ca}" if ca else "add its authority to the system's"
        return f"has a certificate that is not trusted ({said}): {cure}"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"):
        return "does not speak TLS there: check the port, or use http://"
    return f"does not agree on TLS with this machine ({(error.reason or str(error)).lower().replace('_', ' ')})"


def _closed(connection: Connection) -> bool:
    """Whether the other side has closed a connection that nothing is expected on."""
    sock = connection.sock
    try:
        sock.settimeout(0)
        sock.recv(1)  # the end, or bytes that nobody asked for
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _error_text(body: bytes) -> str | None:
    """The root cause from Flink's own error body, or `None` for any other body."""
    try:
        return root_cause(orjson.loads(body)["errors"][0])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _cause(error: Exception) -> str:
    """A few words about why the request never got an answer."""
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection"
    if isinstance(error, http.client.BadStatusLine | http.client.UnknownProtocol):
        return "it does not speak HTTP"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) if isinstance(error, ValueError | http.client.HTTPException) else type(error).__name__
