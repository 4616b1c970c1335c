"""`serve`: the dashboard in a browser, on loopback and read-only unless asked otherwise."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import tui
from tui.cli.output import say
from tui.model.errors import UnavailableError, UsageError
from tui.settings import Settings

_BOOT = "import sys; sys.path[0] = sys.argv.pop(1); from tui.__main__ import main; main()"
"""Runs this very package, whatever the working directory holds."""


def serve(settings: Settings, arguments: Namespace) -> int:
    """Serve until Ctrl-C; each browser gets a dashboard of its own."""
    family, address, loopback = _resolve(arguments.host, arguments.port)
    if not loopback and not arguments.allow_remote:
        raise UsageError(
            f"{arguments.host} is not the loopback interface: everybody who reaches this machine could look at the "
            "lakehouse. Add --allow-remote if that is meant."
        )
    if arguments.replay is not None:
        from tui import bootstrap

        bootstrap.recording(arguments.replay)  # what is wrong with it is said here, not in the browser
    listener = _listen(family, address, arguments)
    from tui.cli.web import Site

    read_only = not arguments.allow_actions
    what = f"the recording {arguments.replay}" if arguments.replay else f"{settings.home}"
    how = "read-only" if read_only else "with every action"
    host = f"[{address[0]}]" if family == socket.AF_INET6 else address[0]
    said = f"The dashboard of {what} is on http://{host}:{address[1]}/ ({how}); Ctrl-C ends it."
    Site(command(settings, vars(arguments)), loopback=loopback, began=lambda: _say_now(said)).run(listener)
    return 0


def _say_now(said: str) -> None:
    say(said)
    sys.stdout.flush()


def command(settings: Settings, given: Mapping[str, object]) -> list[str]:
    """What runs one dashboard: the same home, the same flags, and otherwise what environment and files say."""
    from tui.cli import SETTING_FLAGS

    flags = [f"--home={settings.home}"]
    flags += [f"--{name.removesuffix('_s').replace('_', '-')}={given[name]}" for name in SETTING_FLAGS if name in given]
    if not given["allow_actions"]:
        flags.append("--read-only")
    if given["replay"] is not None:
        flags.append(f"--replay={Path(str(given['replay'])).absolute()}")
        flags += [f"--speed={given['speed']}"] if given["speed"] is not None else []
    return [sys.executable, "-c", _BOOT, str(Path(tui.__file__).parent.parent), *flags]


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int], bool]:
    """Address family, address, and whether it is on loopback alone."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UsageError(f"--host {host!r} is no address of this machine.") from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port), ipaddress.ip_address(address[0]).is_loopback


def _listen(family: int, address: tuple[str, int], arguments: Namespace) -> socket.socket:
    try:
        return socket.create_server(address, family=family, backlog=16)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise UsageError(f"Port {arguments.port} of {arguments.host}: {os.strerror(error.errno or 0)}.") from None
    from tui.stack.local.ports import holder

    raise UnavailableError(
        f"Port {arguments.port} is taken by {holder(arguments.port)}: end that, or choose another with --port."
    )
