"""The local backend: brings the four services up, looks after them, and takes them down without a trace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.stack import Progress, Service
from tui.ports import ProgressSink
from tui.settings import RECORDED, Settings
from tui.stack.local import credentials, flink, kafka, logs, processes, s3, status
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.startup import Startup
from tui.stack.local.status import SERVICES, Prober
from tui.stack.local.supervision import NotRunningError, ProgramState, Supervisor

_STOP_ORDER = (flink.TASKMANAGER, flink.JOBMANAGER, kafka.NAME, s3.NAME)
_STOP_WAIT_S = 20.0
_ORPHAN_WAIT_S = 5.0
_STATUS_S = 1.0
_DOWN = "The stack is down; run `lakehouse-tui up` first."


class LocalBackend:
    """Runs the lakehouse as processes of this machine; implements `tui.ports.StackBackend`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.home)

    def capabilities(self) -> frozenset[str]:
        """Everything: the stack is ours."""
        return frozenset({"up", "down", "purge", "logs", "produce", "submit"})

    def credentials(self) -> Credentials:
        """Keys of the S3 server; raises `NotFoundError` before the first `up`."""
        known = credentials.load(self._layout)
        if known is None:
            raise NotFoundError(f"There is no stack in {self._layout.home} yet; run `lakehouse-tui up`.")
        return known

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:
        """Provision and start what is missing; returns when every service is ready.

        Raises `LakehouseError` for a taken port, a service that fails or is late, or settings that differ from what
        runs. Interrupted, it stops what it has started itself.
        """
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            keys = credentials.ensure(self._layout)
            supervisor = Supervisor(self._layout, keys.supervisor_password)
            was_alive = supervisor.alive()
            startup = Startup(self._settings, self._layout, keys, supervisor, progress)
            try:
                self._start(startup, was_alive)
                return startup.wait()
            except KeyboardInterrupt:
                progress(Progress("home", "interrupted, stopping what was started"))
                self._undo(startup, was_alive)
                raise
            except LakehouseError:
                if not startup.started and not was_alive:
                    self._undo(startup, was_alive)
                raise

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:
        """Stop programs, Flink, Kafka and S3 in this order and leave no process; with `purge` delete the data too.

        Raises `LakehouseError` if data is left.
        """
        if not self._layout.home.exists():
            return
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            supervisor = self._supervisor()
            stopped = supervisor is not None and self._stop_all(supervisor, progress)
            left = processes.tagged(self._layout)
            processes.end(left, term_wait_s=0 if stopped else _ORPHAN_WAIT_S)  # a supervisor alone has nothing to lose
            if left and not stopped:
                progress(Progress("supervisor", f"ended {len(left)} left processes", finished=True))
            self._layout.clear_run()
            if purge:
                self._layout.delete_data()
                progress(Progress("data", f"deleted {self._layout.data}", finished=True))

    def services(self) -> tuple[Service, ...]:
        """The state of every service, asked side by side with short deadlines."""
        keys = credentials.load(self._layout)
        try:
            programs = self._programs()
        except UnavailableError as error:
            return status.unknown(self._settings, str(error))
        if programs is None or keys is None:
            return status.stopped(self._settings)
        return Prober(self._settings, self._layout, keys).services(programs)

    def log(self, service: str, *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The last `lines` log lines of a service or program; with `follow` new ones as they come."""
        path = self._layout.logs / f"{service}.log"
        if service not in SERVICES and not path.exists():
            known = sorted({*SERVICES, *(p.stem for p in self._layout.logs.glob("*.log"))})
            raise NotFoundError(f"There is no service {service}; there are {', '.join(known)}.")
        return logs.follow(path, lines) if follow else iter(logs.last_lines(path, lines))

    def start_program(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        autorestart: bool = False,
        forget: Sequence[Path] = (),
    ) -> ProgramState:
        """Run one more supervised program; with `autorestart` it is started again when it was killed.

        `forget` are files of an earlier run that the new one must not find.

        Raises `LakehouseError` if the stack is down or the program runs already. Waits while another command holds
        the home.
        """
        spec = ProgramSpec(name, tuple(argv), env or {}, restart="killed" if autorestart else "never")
        supervisor = self._supervisor()
        if supervisor is None:
            raise LakehouseError(_DOWN)
        with self._layout.lock(lambda: None):
            if not supervisor.alive():
                raise LakehouseError(_DOWN)
            known = supervisor.programs().get(name)
            if known is not None and not known.down:
                raise LakehouseError(f"{name} runs already (process {known.pid}); stop it first.")
            for file in (self._layout.run / f"{name}.starts", *forget):
                file.unlink(missing_ok=True)
            supervisor.launch(spec)
            return supervisor.programs()[name]

    def stop_program(self, name: str) -> None:
        """Stop a program that `start_program` has started; nothing happens if it does not run."""
        supervisor = self._supervisor()
        if supervisor is None:
            return
        with self._layout.lock(lambda: None):
            if supervisor.alive():
                supervisor.stop(name, _STOP_WAIT_S)
                supervisor.forget(name)

    def program_status(self, name: str) -> ProgramState | None:
        """What the supervisor knows of a program; `None` if it was never started or the stack is down."""
        programs = self._programs()
        return None if programs is None else programs.get(name)

    def _supervisor(self) -> Supervisor | None:
        keys = credentials.load(self._layout)
        return None if keys is None else Supervisor(self._layout, keys.supervisor_password)

    def _programs(self) -> dict[str, ProgramState] | None:
        supervisor = self._supervisor()
        try:
            return None if supervisor is None else supervisor.programs(_STATUS_S)
        except NotRunningError:
            return None

    def _start(self, startup: Startup, was_alive: bool) -> None:
        if was_alive:
            self._refuse_other_settings()
        else:
            processes.end(processes.tagged(self._layout), term_wait_s=_ORPHAN_WAIT_S)
            self._layout.clear_run()
        missing = startup.missing()
        if not missing:
            return
        startup.check_ports(missing)
        if s3.NAME in missing:
            s3.check_data(self._settings, self._layout)
        from tui.stack.provision import provision

        provisioned = provision(self._settings, startup.progress)
        specs = startup.specs(missing, provisioned)
        startup.record()
        if not was_alive:
            startup.supervisor.start()
        startup.launch(specs)

    def _refuse_other_settings(self) -> None:
        try:
            stored = json.loads(self._settings.stack_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        different = [
            f"{name} {stored[name]} (asked: {getattr(self._settings, name)})"
            for name in RECORDED
            if name in stored and stored[name] != getattr(self._settings, name)
        ]
        if different:
            raise LakehouseError(f"The stack runs with {', '.join(different)}; run `lakehouse-tui down` first.")

    def _undo(self, startup: Startup, was_alive: bool) -> None:
        if was_alive:
            for name in startup.started:
                with suppress(UnavailableError):
                    startup.supervisor.stop(name, _STOP_WAIT_S)
            return
        with suppress(UnavailableError):
            startup.supervisor.shutdown()
        processes.end(processes.tagged(self._layout), term_wait_s=_ORPHAN_WAIT_S)
        self._layout.clear_run()

    def _stop_all(self, supervisor: Supervisor, progress: ProgressSink) -> bool:
        """Stop all programs in order; whether that worked."""
        try:
            programs = supervisor.programs()
            others = [name for name in programs if name not in SERVICES]
            for name in (*others, *(n for n in _STOP_ORDER if n in programs)):
                progress(Progress(name, "stopping"))
                began = time.monotonic()
                supervisor.stop(name, _STOP_WAIT_S)
                progress(Progress(name, f"stopped in {time.monotonic() - began:.1f} s", finished=True))
        except NotRunningError:
            return False
        except UnavailableError as error:
            progress(Progress("supervisor", str(error)))
            return False
        return True
