"""Bringing a stack up: start what is missing, side by side, and wait until each service answers for itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import Progress, Service, ServiceState
from tui.ports import ProgressSink
from tui.settings import Settings
from tui.stack import recorded
from tui.stack.local import flink, kafka, logs, place, ports, s3
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.space import shortage
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.status import SERVICES, Prober
from tui.stack.local.supervision import ProgramState, State, Supervisor

if TYPE_CHECKING:
    from tui.stack.provision import Provisioned

_PROBE_S = 2.0
_POLL_S = 0.1
_SETUP_S = 15.0


@dataclass(slots=True)
class Startup:
    """One run of `up`; `started` names the services that it has started itself."""

    settings: Settings
    layout: Layout
    keys: Credentials
    supervisor: Supervisor
    progress: ProgressSink
    started: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """Services that have no process and will get none by themselves."""
        programs = self.supervisor.programs() if self.supervisor.alive() else {}
        return [name for name in SERVICES if name not in programs or programs[name].down]

    def check_ports(self, missing: list[str]) -> None:
        """Raise `LakehouseError` naming each port that a missing service needs and somebody else holds."""
        problems = [
            f"port {port} ({setting.replace('_', ' ')}) is held by {ports.holder(port)}"
            for name, setting, port in _needed_ports(self.settings)
            if name in missing and not ports.is_free(port)
        ]
        if problems:
            raise LakehouseError(f"{_begun('; '.join(problems))}: end it, or choose another port.")

    def check_space(self) -> None:
        """Raise `LakehouseError` where no space is left: what starts then ends at once."""
        words = shortage(self.layout.home)
        if words is not None:
            raise LakehouseError(f"{_begun(words)}.")

    def record(self) -> None:
        """Remember in the home what it was started with."""
        recorded.write(self.settings)
        place.record(self.layout)

    def launch(self, specs: dict[str, ProgramSpec]) -> None:
        """Start services all at once."""
        for name, spec in specs.items():
            self.progress(Progress(name, "starting"))
            self.started.append(name)
            self.supervisor.launch(spec)

    def wait(self) -> tuple[Service, ...]:
        """Return when all services are ready at once, and with what words.

        Raises `LakehouseError` about the first that fails or is late.
        """
        began = time.monotonic()
        prober = Prober(self.settings, self.layout, self.keys)
        problems: dict[str, str] = dict.fromkeys(SERVICES, "not started")
        while True:
            self._round(problems, prober, began)
            if not problems:
                found = prober.services(self.supervisor.programs(), _PROBE_S)
                problems = {s.name: s.detail or s.state.value for s in found if s.state is not ServiceState.READY}
                if not problems:
                    return found
            if time.monotonic() - began > self.settings.ready_timeout_s:
                name, problem = next(iter(problems.items()))
                raise self._failure(name, f"is not ready after {self.settings.ready_timeout_s} s ({problem})")
            time.sleep(_POLL_S)

    def _round(self, problems: dict[str, str], prober: Prober, began: float) -> None:
        """Ask every service that has a problem again, and prepare those that have none any more."""
        programs = self.supervisor.programs()
        for name, before in list(problems.items()):
            try:
                self._require_ready(name, programs.get(name), prober)
                detail = self._finish(name)
            except UnavailableError as error:
                problems[name] = str(error)
                if problems[name] != before:
                    self.progress(Progress(name, f"waiting ({error})"))
            else:
                del problems[name]
                self.progress(Progress(name, f"ready in {time.monotonic() - began:.1f} s, {detail}", finished=True))

    def _require_ready(self, name: str, program: ProgramState | None, prober: Prober) -> None:
        """Raise `UnavailableError` for a problem that may pass, `LakehouseError` for one that will not."""
        if program is None or program.state is State.STOPPED:
            raise self._failure(name, "was stopped while the stack came up")
        if program.state is State.FATAL:
            raise self._failure(name, "ended at every start")
        if program.pid is None or not program.runs:
            raise UnavailableError("crashed, starting again")
        prober.probe(name, program.pid, _PROBE_S)

    def _finish(self, name: str) -> str:
        setups: dict[str, Callable[[], str]] = {
            kafka.NAME: lambda: kafka.ensure_topic(self.settings, _SETUP_S),
            s3.NAME: lambda: s3.ensure_bucket(self.settings, self.keys, _SETUP_S),
            flink.JOBMANAGER: lambda: self.settings.flink,
            flink.TASKMANAGER: lambda: f"{self.settings.task_slots} slots",
        }
        return setups[name]()

    def _failure(self, name: str, what: str) -> LakehouseError:
        log = self.layout.logs / f"{name}.log"
        line = logs.telling_line(log)
        words = f"; its log says: {line}" if line else ""
        full = shortage(self.layout.home)
        if full is not None:
            words = f"; {full}{words}"
        return LakehouseError(f"{name} {what}{words} (whole log: {log}).")

    def specs(self, missing: list[str], provisioned: Provisioned) -> dict[str, ProgramSpec]:
        """Write the configuration of the missing services and say how to run them."""
        settings, layout = self.settings, self.layout
        flink_down = {flink.JOBMANAGER, flink.TASKMANAGER} <= set(missing)
        in_use = set() if kafka.NAME in missing else {"kafka_controller"}
        internal = ports.internal(
            layout,
            avoid={port for _, _, port in _needed_ports(settings)},
            in_use=frozenset(in_use if flink_down else in_use | {"jobmanager_rpc"}),
        )
        if flink_down:  # a running half reads its jars through the links
            flink.prepare(settings, layout, provisioned, self.keys, internal)
        makers: dict[str, Callable[[], ProgramSpec]] = {
            kafka.NAME: lambda: kafka.spec(settings, layout, provisioned, internal),
            s3.NAME: lambda: s3.spec(settings, layout, provisioned, self.keys),
            flink.JOBMANAGER: lambda: flink.jobmanager(layout, provisioned),
            flink.TASKMANAGER: lambda: flink.taskmanager(layout, provisioned),
        }
        return {name: makers[name]() for name in missing}


def _begun(words: str) -> str:
    """`words` as a sentence begins."""
    return words[0].upper() + words[1:]


def _needed_ports(settings: Settings) -> list[tuple[str, str, int]]:
    """(service, setting, port) of every port that is fixed by the settings."""
    console = [(s3.NAME, "s3_console_port", settings.s3_console_port)] if settings.s3 == "minio" else []
    return [
        (kafka.NAME, "kafka_port", settings.kafka_port),
        (s3.NAME, "s3_port", settings.s3_port),
        (flink.JOBMANAGER, "flink_port", settings.flink_port),
        *console,
    ]
