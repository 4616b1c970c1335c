"""The supervisor (supervisord) of a home: its configuration, its start, and a client with deadlines.

Paths in its configuration are relative to the home, which is its working folder: a home's name may hold anything.
"""

from __future__ import annotations

import http.client
import json
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, cast
from xml.parsers.expat import ExpatError

from tui.model.errors import LakehouseError, UnavailableError
from tui.stack.local import launcher
from tui.stack.local.layout import Layout, write_private
from tui.stack.local.spec import ProgramSpec, environment

_USER = "lakehouse"
_NO_ANSWER = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)
"""Nothing, or half of an answer: so is one amid which the supervisor was killed."""
_START_DEADLINE_S = 10.0
_LOG_MB = 10
_LOG_BACKUPS = 3
_STABLE_S = 5
"""A program that ends sooner after its start is started again with growing pauses, and given up after some tries."""


class State(IntEnum):
    """Process states as supervisord numbers them (its documentation, "Subprocesses")."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class _Fault(IntEnum):
    BAD_NAME = 10
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70
    ALREADY_ADDED = 90


class NotRunningError(UnavailableError):
    """There is no supervisor (as opposed to one that does not answer in time)."""


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What the supervisor says of one program; `uptime_s` counts from its last start."""

    name: str
    state: State
    pid: int | None
    uptime_s: float
    problem: str

    @property
    def runs(self) -> bool:
        """Whether it has a process."""
        return self.state in (State.STARTING, State.RUNNING)

    @property
    def down(self) -> bool:
        """Whether it has no process and will get none by itself."""
        return self.state in (State.STOPPED, State.EXITED, State.FATAL)


class Supervisor:
    """Controls one home's supervisord; every call raises `UnavailableError` if it does not answer in time."""

    def __init__(self, layout: Layout, password: str, timeout_s: float = 5.0) -> None:
        self._layout = layout
        self._password = password
        self._timeout_s = timeout_s

    def alive(self) -> bool:
        """Whether there is a supervisor of this home; raises `UnavailableError` if one is there but does not answer."""
        try:
            return bool(self._call("supervisor.getIdentification") == self._layout.id)
        except NotRunningError:
            return False
        except UnavailableError as error:
            raise UnavailableError(
                f"{str(error)[:-1]}; try again, or end all of it with `lakehouse-tui down`."
            ) from None

    def start(self, deadline_s: float = _START_DEADLINE_S) -> None:
        """Start supervisord in a session of its own; raises `LakehouseError` with its words if it does not come up."""
        self._write_config()
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", "run/supervisord.conf"]
        try:
            result = subprocess.run(
                command,
                cwd=self._layout.home,
                env=environment(self._layout, {}),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                capture_output=True,
                text=True,
                check=False,
                timeout=deadline_s,
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"The supervisor did not start within {deadline_s:g} s; is the machine busy? Try again."
            ) from None
        deadline = time.monotonic() + deadline_s
        while result.returncode == 0 and time.monotonic() < deadline:
            with suppress(UnavailableError):
                if self.alive():
                    return
            time.sleep(0.02)
        words = (result.stderr or result.stdout).strip().splitlines()
        told = next((line for line in words if line.startswith("Error")), words[-1] if words else None)
        reason = told or f"see {self._layout.logs / 'supervisord.log'}"
        raise LakehouseError(f"The supervisor did not start: {reason}")

    def programs(self, timeout_s: float | None = None) -> dict[str, ProgramState]:
        """All known programs by name."""
        found = cast("list[dict[str, Any]]", self._call("supervisor.getAllProcessInfo", timeout_s=timeout_s))
        return {p["name"]: _program_state(p) for p in found}

    def program(self, name: str, timeout_s: float | None = None) -> ProgramState | None:
        """One of them; `None` where it is not known."""
        found = self._call("supervisor.getProcessInfo", name, ignore=(_Fault.BAD_NAME,), timeout_s=timeout_s)
        return None if found is None else _program_state(cast("dict[str, Any]", found))

    def define(self, spec: ProgramSpec) -> None:
        """Write a program's files; a running supervisor takes them over at `launch`."""
        run = self._layout.run
        content = {
            "argv": spec.argv,
            "env": environment(self._layout, spec.env),
            "cwd": str(self._layout.home),
            "starts": str(run / f"{spec.name}.starts"),
            "supervisor": str(run / "supervisord.pid"),
        }
        write_private(run / "programs" / f"{spec.name}.json", json.dumps(content, indent=1))
        write_private(run / "programs" / f"{spec.name}.conf", _program_config(spec))
        self._write_config()

    def launch(self, spec: ProgramSpec) -> None:
        """Define a program anew and start it, without waiting; one that runs already is left alone."""
        known = self.program(spec.name)
        if known is not None and (known.runs or known.state is State.BACKOFF):
            return
        self.define(spec)
        if known is not None and known.state is State.STOPPING:
            self.stop(spec.name, spec.stop_wait_s + 5.0)
        if known is not None:
            self._call("supervisor.removeProcessGroup", spec.name)
        self._call("supervisor.reloadConfig")
        self._call("supervisor.addProcessGroup", spec.name, ignore=(_Fault.ALREADY_ADDED,))
        self._call("supervisor.startProcess", spec.name, False, ignore=(_Fault.ALREADY_STARTED,))

    def again(self, name: str) -> None:
        """Start a program that gave up, as it was defined, without waiting."""
        self._call("supervisor.startProcess", name, False, ignore=(_Fault.ALREADY_STARTED,))

    def stop(self, name: str, wait_s: float) -> None:
        """Stop a program (TERM, then KILL after its own deadline) and wait until it is gone, at most `wait_s`."""
        ignored = (_Fault.BAD_NAME, _Fault.NOT_RUNNING)
        self._call("supervisor.stopProcess", name, False, ignore=ignored)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            known = self.program(name)
            if known is None or known.down:
                return
            time.sleep(0.05)
        raise UnavailableError(f"{name} did not stop within {wait_s:g} s.")

    def forget(self, name: str) -> None:
        """Remove a stopped program's definition."""
        for suffix in ("conf", "json"):
            (self._layout.run / "programs" / f"{name}.{suffix}").unlink(missing_ok=True)
        self._write_config()
        with suppress(UnavailableError):
            self._call("supervisor.removeProcessGroup", name, ignore=(_Fault.BAD_NAME,))

    def shutdown(self) -> None:
        """Ask the supervisor to stop what still runs and to end; it takes a second or two."""
        self._call("supervisor.shutdown")

    def _call(self, method: str, *args: Any, ignore: tuple[int, ...] = (), timeout_s: float | None = None) -> object:
        path = self._layout.socket
        transport = _UnixTransport(path, self._timeout_s if timeout_s is None else timeout_s)
        url = f"http://{_USER}:{self._password}@localhost/RPC2"
        try:
            with xmlrpc.client.ServerProxy(url, transport=transport) as proxy:
                return cast("object", getattr(proxy, method)(*args))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in ignore:
                return None
            raise UnavailableError(f"The supervisor refused {method}{args}: {fault.faultString}.") from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError(f"No supervisor runs in {self._layout.home}.") from None
        except xmlrpc.client.ProtocolError as error:  # its own text quotes the address with the password
            told = f"HTTP {error.errcode} {error.errmsg}"
            raise UnavailableError(f"The supervisor of {self._layout.home} refused {method} ({told}).") from None
        except _NO_ANSWER as error:
            raise UnavailableError(f"The supervisor of {self._layout.home} does not answer ({error}).") from None

    def _write_config(self) -> None:
        programs = sorted((self._layout.run / "programs").glob("*.conf"))
        parts = [self._config(), *(p.read_text(encoding="utf-8") for p in programs)]
        write_private(self._layout.run / "supervisord.conf", "".join(parts))

    def _config(self) -> str:
        sock = self._layout.socket
        file = "run/supervisor.sock" if sock.parent == self._layout.run else str(sock)
        return (
            "[unix_http_server]\n"
            f"file={file}\nchmod=0700\nusername={_USER}\npassword={self._password}\n"
            "[supervisord]\n"
            f"identifier={self._layout.id}\npidfile=run/supervisord.pid\nlogfile=logs/supervisord.log\n"
            "logfile_maxbytes=1MB\nlogfile_backups=1\nloglevel=info\numask=077\nchildlogdir=logs\n"
            "nocleanup=true\nstrip_ansi=false\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        )


def _program_config(spec: ProgramSpec) -> str:
    python = shlex.quote(sys.executable)
    script = shlex.quote(launcher.__file__)
    command = f"{python} -I -S {script} run/programs/{spec.name}.json".replace("%", "%%")
    restart = {"always": "true", "killed": "unexpected", "never": "false"}[spec.restart]
    stable_s = _STABLE_S if spec.restart == "always" else 0  # else a quick success would count as a failed start
    return (
        f"[program:{spec.name}]\ncommand={command}\nautostart=false\nautorestart={restart}\n"
        f"exitcodes=0,1,2\nstartsecs={stable_s}\nstartretries={spec.start_tries}\n"
        f"stopsignal=TERM\nstopwaitsecs={spec.stop_wait_s}\nstopasgroup=true\nkillasgroup=true\n"
        f"redirect_stderr=true\nstdout_logfile=logs/{spec.name}.log\n"
        f"stdout_logfile_maxbytes={_LOG_MB}MB\nstdout_logfile_backups={_LOG_BACKUPS}\n"
    )


def _program_state(found: dict[str, Any]) -> ProgramState:
    try:
        state = State(found["state"])
    except ValueError:
        state = State.UNKNOWN
    uptime = max(0, found["now"] - found["start"])
    return ProgramState(found["name"], state, found["pid"] or None, uptime, found["spawnerr"])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        _, self._extra_headers, _ = self.get_host_info(host)
        return _UnixConnection(self._path, self._timeout_s)
