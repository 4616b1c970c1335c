"""The local backend: brings the four services up, looks after them, and takes them down without a trace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.model.stack import Progress, Service
from tui.ports import ProgressSink
from tui.settings import Settings
from tui.stack import home_format, recorded, wished
from tui.stack.local import credentials, flink, kafka, logs, place, processes, s3, status
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.programs import STOP_WAIT_S, Programs
from tui.stack.local.space import Shortage
from tui.stack.local.startup import Startup
from tui.stack.local.status import SERVICES, Prober
from tui.stack.local.supervision import NotRunningError, State, Supervisor

_STOP_ORDER = (flink.TASKMANAGER, flink.JOBMANAGER, kafka.NAME, s3.NAME)
_ORPHAN_WAIT_S = 5.0


class LocalBackend(Programs):
    """Runs the lakehouse as processes of this machine; implements `tui.ports.StackBackend`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(Layout(settings.home))
        self._settings = settings
        self._shortage = Shortage(settings.home)

    def capabilities(self) -> frozenset[str]:
        """Everything: the stack is ours."""
        return frozenset({"up", "down", "purge", "logs", "produce", "submit"})

    def credentials(self) -> Credentials:
        """Keys of the S3 server; raises `NotFoundError` before the first `up`."""
        known = credentials.load(self._layout)
        if known is None:
            raise NotFoundError(f"There is no stack in {self._layout.home} yet; run `lakehouse-tui up`.")
        return known

    def prepare(self, progress: ProgressSink) -> str:
        """Download and make what is missing in the cache; returns how much was downloaded."""
        from tui.stack.provision import provision

        return f"downloaded {provision(self._settings, progress).downloaded_bytes / 1e6:,.0f} MB"

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:
        """Provision and start what is missing; returns when every service is ready.

        Raises `LakehouseError` for a taken port, a service that fails or is late, or settings that differ from what
        runs. Interrupted, it stops what it has started itself.
        """
        home_format.refuse_newer(self._layout.home)
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            keys = credentials.ensure(self._layout)
            supervisor = Supervisor(self._layout, keys.supervisor_password)
            was_alive = supervisor.alive()
            home_format.upgrade(self._layout, running=was_alive)
            if not was_alive:
                place.refuse_moved(self._layout)
                place.refuse_copied(self._layout)
            startup = Startup(self._settings, self._layout, keys, supervisor, progress)
            try:
                self._start(startup, was_alive)
                services = startup.wait()
            except KeyboardInterrupt:
                progress(Progress("home", "interrupted, stopping what was started"))
                self._undo(startup, was_alive)
                raise
            except LakehouseError:
                if not startup.started and not was_alive:
                    self._undo(startup, was_alive)
                raise
            supervisor.launch(wished.program(self._settings))
            return services

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:
        """Stop programs, Flink, Kafka and S3 in this order and leave no process; with `purge` delete the data too.

        The job is wanted no more: the next `up` starts none. Raises `LakehouseError` if data is left.
        """
        if not self._layout.home.exists():
            return
        home_format.refuse_newer(self._layout.home)
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            wished.WishFile(self._settings).end_all()
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

    def revive(self) -> tuple[str, ...]:
        """Start again what gave up while there was no space, once there is; the supervisor starts what was killed."""
        supervisor = self._supervisor() if self._shortage.over() else None
        if supervisor is None:
            return ()
        given_up = [name for name, program in supervisor.programs().items() if program.state is State.FATAL]
        for name in given_up:
            supervisor.again(name)
        self._shortage.short = False
        return tuple(given_up)

    def _start(self, startup: Startup, was_alive: bool) -> None:
        if was_alive:
            recorded.refuse_other(self._settings)
        else:
            processes.end(processes.tagged(self._layout), term_wait_s=_ORPHAN_WAIT_S)
            self._layout.clear_run()
        missing = startup.missing()
        if not missing:
            return
        startup.check_ports(missing)
        startup.check_space()
        if s3.NAME in missing:
            s3.check_data(self._settings, self._layout)
        from tui.stack.provision import provision

        provisioned = provision(self._settings, startup.progress)
        specs = startup.specs(missing, provisioned)
        startup.record()
        if not was_alive:
            startup.supervisor.start()
        startup.launch(specs)

    def _undo(self, startup: Startup, was_alive: bool) -> None:
        if was_alive:
            for name in startup.started:
                with suppress(UnavailableError):
                    startup.supervisor.stop(name, STOP_WAIT_S)
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
                supervisor.stop(name, STOP_WAIT_S)
                progress(Progress(name, f"stopped in {time.monotonic() - began:.1f} s", finished=True))
        except NotRunningError:
            return False
        except UnavailableError as error:
            progress(Progress("supervisor", str(error)))
            return False
        return True
