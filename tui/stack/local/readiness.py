"""Questions that only a service which really works can answer; each has a deadline and says what is wrong."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from tui.model.errors import UnavailableError

HOST = "127.0.0.1"


def require_listening(port: int, timeout_s: float) -> None:
    """Raise `UnavailableError` unless something accepts connections on 127.0.0.1:`port`."""
    try:
        socket.create_connection((HOST, port), timeout_s).close()
    except OSError:
        raise UnavailableError(f"nothing answers on port {port}") from None


def http_request(
    port: int, method: str, path: str, timeout_s: float, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of one HTTP request to 127.0.0.1:`port`; raises `UnavailableError` if there is no answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    except TimeoutError:
        raise UnavailableError(f"no answer on port {port} within {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException):
        raise UnavailableError(f"nothing answers on port {port}") from None
    finally:
        connection.close()


def http_json(port: int, path: str, timeout_s: float) -> dict[str, Any]:
    """The JSON object at `path`; raises `UnavailableError` for anything else."""
    status, body = http_request(port, "GET", path, timeout_s)
    try:
        answer = json.loads(body) if status == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnavailableError(f"no usable answer to {path} yet (HTTP {status})")
    return answer
