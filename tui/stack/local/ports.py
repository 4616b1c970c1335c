"""TCP ports on loopback: is one free, who holds it, and which internal ones this home has chosen."""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from tui import state_file
from tui.stack.local import processes
from tui.stack.local.layout import Layout, write_private

INTERNAL = ("kafka_controller", "jobmanager_rpc")
"""Ports nobody but the services use; Flink chooses its others itself each time it starts."""
_RANGE = range(20_000, 32_000)  # below every system's range for outgoing connections
_COMMAND_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port; unknown parts are `None` (another user's process).

    `home` is where the lakehouse is that it is a process of, if it is one of any.
    """

    pid: int | None
    command: str | None
    home: Path | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        whose = f" of the lakehouse in {self.home}" if self.home else ""
        return f"process {self.pid} ({self.command or 'unknown command'}){whose}"


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder(port: int) -> Holder:
    """Who listens on `port`."""
    try:
        found = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port]
    except psutil.AccessDenied:  # macOS shows other processes' sockets to root only
        found = []
    pid = next((c.pid for c in found if c.pid), None)
    if pid is None:
        return Holder(None, None)
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
    except psutil.Error:
        return Holder(pid, None)
    command = " ".join([Path(words[0]).name, *words[1:]]) if words else ""
    shown = command if len(command) <= _COMMAND_LENGTH else f"{command[: _COMMAND_LENGTH - 1]}…"
    return Holder(pid, shown, processes.home_of(process))


def internal(layout: Layout, *, avoid: set[int], in_use: frozenset[str]) -> dict[str, int]:
    """The home's internal ports: remembered ones stay while they are free or `in_use` by its services."""
    path = layout.run / "ports.json"
    stored = state_file.load(path) or {}
    known = {name: port for name in INTERNAL if type(port := stored.get(name)) is int and 0 < port < 65536}
    chosen: dict[str, int] = {}
    for name in INTERNAL:
        port = known.get(name)
        taken = avoid | set(chosen.values())
        if port is None or (name not in in_use and (port in taken or not is_free(port))):
            port = _choose(taken)
        chosen[name] = port
    if chosen != known:
        write_private(path, json.dumps(chosen))
    return chosen


def _choose(taken: set[int]) -> int:
    choice = random.SystemRandom()
    while True:
        port = choice.choice(_RANGE)
        if port not in taken and is_free(port):
            return port
