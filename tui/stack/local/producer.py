"""The home's background producer: a supervised program that tells its progress in a status file."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from tui import state_file
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import ProducerStatus
from tui.resources import resource
from tui.settings import Settings
from tui.stack.local import logs, place
from tui.stack.local.layout import Layout
from tui.stack.local.programs import Programs
from tui.stack.local.supervision import ProgramState

NAME = "producer"
_ENDED = ("finished", "failed", "stopped")
_START_TIMEOUT_S = 20.0
_EXIT_TIMEOUT_S = 10.0
"""The supervisor alone takes up to a second to see that a process has ended."""
_NEVER = 2**63
"""No count and no rate is that high."""


class LocalProducer:
    """Starts, stops and reads the one background producer of a home."""

    def __init__(self, settings: Settings, backend: Programs) -> None:
        self._settings = settings
        self._backend = backend
        self._layout = Layout(settings.home)
        self._status_file = self._layout.run / "producer.json"
        self._log = self._layout.logs / f"{NAME}.log"

    def command(self, options: Mapping[str, str], *, background: bool) -> list[str]:
        """The producer's command line; `options` are its own flags without dashes."""
        s = self._settings
        if not background:
            place.refuse_others(s, self._layout)
        fixed = {"bootstrap": s.kafka, "topic": s.topic, "symbols": ",".join(s.symbols)}
        if background:
            fixed["status-file"] = str(self._status_file)
        flags = [part for name, value in {**fixed, **options}.items() for part in (f"--{name}", value)]
        return [sys.executable, str(resource("producer") / "producer.py"), *flags]

    def start(self, options: Mapping[str, str]) -> int:
        """Start it in the background and return its process id once it says that it produces."""
        self._refuse_second()
        argv = tuple(self.command(options, background=True))
        self._backend.start_program(NAME, argv, autorestart=True, forget=[self._status_file])
        deadline = time.monotonic() + _START_TIMEOUT_S
        down = False
        while time.monotonic() < deadline:
            pid = _number(self._read().get("pid"))
            if pid:
                return int(pid)
            if down:
                break
            program = self._backend.program_status(NAME)
            down = program is None or program.down  # its last words may have come in between: look once more
            time.sleep(0 if down else 0.05)
        words = logs.telling_line(self._log)
        reason = f" ({words})" if words else ""
        raise UnavailableError(f"The producer did not start{reason}; look at `lakehouse-tui logs producer`.")

    def _refuse_second(self) -> None:
        """Raise `LakehouseError` if one runs. One that has said its last is let go first: its process ends soon."""
        deadline = time.monotonic() + _EXIT_TIMEOUT_S
        while True:
            program = self._backend.program_status(NAME)
            if program is None:
                return
            running = self._status(program)
            if running.state not in _ENDED:
                raise LakehouseError(
                    f"A producer already runs (process {running.pid}); `lakehouse-tui produce --stop` ends it."
                )
            if program.down or time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def runs(self) -> bool:
        """Whether it runs now."""
        running = self.status()
        return running is not None and running.state not in _ENDED

    def stop(self) -> int | None:
        """Stop it; how many of its messages were acknowledged, `None` where none ran.

        Raises `LakehouseError` with its reason where it failed, so that no lost message stays unsaid.
        """
        before = self.status()
        self._backend.stop_program(NAME)
        told = self._read()
        if before is None or before.state in ("finished", "stopped"):
            return None
        acknowledged = int(_number(told.get("acknowledged")) or 0)
        if told.get("state") == "failed":
            raise LakehouseError(f"The producer is stopped, but it failed: {told.get('detail')}")
        if told.get("state") not in _ENDED and told.get("sent"):
            raise LakehouseError(
                f"The producer was killed before it was done: {acknowledged:,} messages were acknowledged for certain, "
                "others may or may not be in Kafka."
            )
        return acknowledged

    def status(self) -> ProducerStatus | None:
        """What it does now, or `None` where none was started since the stack came up."""
        program = self._backend.program_status(NAME)
        return None if program is None else self._status(program)

    def _status(self, program: ProgramState) -> ProducerStatus:
        told = self._read()
        state = str(told.get("state", "starting")) if program.runs else _ended(told)
        sent = _number(told.get("acknowledged"))
        rate = _number(told.get("rate"))
        return ProducerStatus(state, program.pid if program.runs else None, rate, None if sent is None else int(sent))

    def _read(self) -> dict[str, object]:
        return state_file.load(self._status_file) or {}


def _ended(told: Mapping[str, object]) -> str:
    """A producer whose process is gone either said how it ended, or was killed."""
    state = told.get("state")
    return str(state) if state in _ENDED else "stopped"


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _NEVER
    return value if known else None  # type: ignore[return-value]
