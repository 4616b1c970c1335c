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
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise UnavailableError(f"no usable answer to {path} yet (HTTP {status})")
    return answer


def taskmanagers(port: int, timeout_s: float) -> list[dict[str, Any]]:
    """The registered TaskManagers as the JobManager on 127.0.0.1:`port` lists them; raises `UnavailableError`."""
    listed = http_json(port, "/taskmanagers", timeout_s).get("taskmanagers")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise UnavailableError("no usable answer to /taskmanagers")
    return listed


def slots(taskmanager: dict[str, Any]) -> str:
    """How many of its slots are free; raises `UnavailableError` where it does not tell."""
    free, total = taskmanager.get("freeSlots"), taskmanager.get("slotsNumber")
    if type(free) is not int or type(total) is not int:
        raise UnavailableError("it does not tell its slots")
    return f"{free} of {total} slots free"
