"""The compose backend: builds the images, brings the containers up, looks after them, and takes them down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from tui.model.errors import LakehouseError, NotFoundError
from tui.model.stack import Progress, Service
from tui.ports import ProgressSink
from tui.settings import Settings
from tui.stack import home_format, recorded, wished
from tui.stack.compose import engine, names, status, tool
from tui.stack.compose.recipe import recipe
from tui.stack.local import credentials, logs, ports, processes
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.programs import Programs
from tui.stack.local.supervision import NotRunningError, Supervisor

if TYPE_CHECKING:
    from docker.models.containers import Container

_POLL_S = 0.3
_ENDED = ("exited", "dead")
PORTS = {
    "kafka": ("kafka_port",),
    "s3": ("s3_port", "s3_console_port"),
    "jobmanager": ("flink_port",),
    "taskmanager": (),
}


class ComposeBackend(Programs):
    """Runs the lakehouse in containers; implements `tui.ports.StackBackend`.

    The home holds what does not belong into a container: the keys, the producer, the record of jobs, and the keeper.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(Layout(settings.home))
        self._settings = settings

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
        """Build the images that are missing or made of something else; returns what there is to say about it."""
        wanted = recipe()
        stale = [image for image in names.images(self._settings) if engine.recipe_of(image) != wanted]
        if not stale:
            return "images are there"
        began = time.monotonic()
        self._layout.create()
        self._compose(("build",), credentials.ensure(self._layout), progress, "images")
        took = f"images built in {time.monotonic() - began:.0f} s"
        progress(Progress("images", took, finished=True))
        return took

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:
        """Build and start what is missing; returns when every service is ready.

        Raises `LakehouseError`: no engine, a taken port or name, a failed build, a service that is late.
        """
        found = engine.containers(self._settings)
        home_format.refuse_newer(self._layout.home)
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            home_format.upgrade(self._layout, running=bool(found))
            if found:
                recorded.refuse_other(self._settings)
            keys = self._keys(found)
            services = self.services()
            if not all(s.healthy for s in services):
                self._require_free(found)
                self.prepare(progress)
                recorded.write(self._settings)
                self._start(keys, progress, fresh=not found)
                services = self._wait(progress)
            recorded.write(self._settings)
            self._keep(keys)
            return services

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:
        """End the home's programs, then all containers in order; with `purge` delete the volumes too."""
        found = engine.containers(self._settings)
        if not found and not purge and not self._layout.home.exists():
            return
        home_format.refuse_newer(self._layout.home)
        self._layout.create()
        with self._layout.lock(lambda: progress(Progress("home", "waiting for another command to finish"))):
            wished.WishFile(self._settings).end_all()
            self._end_programs(progress)
            keys = credentials.ensure(self._layout)
            self._compose(("down", *(("--volumes",) if purge else ())), keys, progress, "containers")
            self._layout.clear_run()
            if purge:
                self._layout.delete_data()
                progress(Progress("data", "volumes and the record of jobs are deleted", finished=True))

    def services(self) -> tuple[Service, ...]:
        """The state of every service, asked side by side with short deadlines."""
        found = engine.containers(self._settings)
        if not found:
            return status.stopped(self._settings)
        return status.Prober(self._settings, self._layout, credentials.load(self._layout)).services(found)

    def log(self, service: str, *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The last `lines` log lines of a container or program; with `follow` new ones as they come."""
        if service in names.CONTAINERS:
            return self._container_log(engine.container(self._settings, service), follow=follow, lines=lines)
        path = self._layout.logs / f"{service}.log"
        if not path.exists():
            known = sorted({*names.CONTAINERS, *(p.stem for p in self._layout.logs.glob("*.log"))})
            raise NotFoundError(f"There is no service {service}; there are {', '.join(known)}.")
        return logs.follow(path, lines) if follow else iter(logs.last_lines(path, lines))

    def revive(self) -> tuple[str, ...]:
        """Start containers that have ended: after `docker kill` no engine does; returns their services."""
        ended = [name for name, c in engine.containers(self._settings).items() if c.status in _ENDED]
        for name in ended:
            with engine.failures():
                engine.container(self._settings, name).start()
            status.note_revival(self._layout, name)
        return tuple(ended)

    def _container_log(self, found: Container, *, follow: bool, lines: int) -> Iterator[str]:
        with engine.failures():
            if not follow:
                yield from found.logs(tail=lines).decode("utf-8", "replace").splitlines()
                return
            rest = b""
            for piece in found.logs(tail=lines, follow=True, stream=True):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)

    def _keys(self, found: Mapping[str, Container]) -> Credentials:
        """The home's keys; those of a stack that was started by hand are taken over."""
        known = credentials.ensure(self._layout)
        minio = found.get("s3")
        access = minio and engine.variable(minio, "MINIO_ROOT_USER")
        secret = minio and engine.variable(minio, "MINIO_ROOT_PASSWORD")
        if not access or not secret or (access, secret) == (known.s3_access_key, known.s3_secret_key):
            return known
        return credentials.adopt(self._layout, access, secret)

    def _require_free(self, found: Mapping[str, Container]) -> None:
        if taken := engine.strangers(self._settings):
            raise LakehouseError(
                f"Containers named {', '.join(taken)} belong to somebody else: remove them, or choose another "
                "project with LAKEHOUSE_PROJECT."
            )
        missing = [name for name in names.CONTAINERS if name not in found or found[name].status != "running"]
        problems = [
            f"port {port} ({setting.replace('_', ' ')}) is held by {ports.holder(port)}"
            for name in missing
            for setting in PORTS[name]
            if not ports.is_free(port := getattr(self._settings, setting))
        ]
        if problems:
            text = "; ".join(problems)
            raise LakehouseError(f"{text[0].upper()}{text[1:]}: end it, or choose another port.")

    def _start(self, keys: Credentials, progress: ProgressSink, *, fresh: bool) -> None:
        try:
            self._compose(("up", "-d", "--no-build"), keys, progress, "containers")
        except KeyboardInterrupt:
            if fresh:
                progress(Progress("home", "interrupted, stopping what was started"))
                with suppress(LakehouseError):
                    self._compose(("down",), keys, progress, "containers")
                self._layout.clear_run()
            raise

    def _compose(self, arguments: tuple[str, ...], keys: Credentials, progress: ProgressSink, step: str) -> None:
        tool.run(
            tool.find(),
            arguments,
            names.folder(),
            names.environment(self._settings, keys, recipe()),
            lambda text: progress(Progress(step, text)),
        )

    def _wait(self, progress: ProgressSink) -> tuple[Service, ...]:
        began, told = time.monotonic(), set[str]()
        while True:
            services = self.services()
            seconds = time.monotonic() - began
            for service in services:
                if service.healthy and service.name not in told:
                    told.add(service.name)
                    progress(Progress(service.name, f"ready, {service.detail}", finished=True))
            ill = [s for s in services if not s.healthy]
            if not ill:
                return services
            if seconds > self._settings.ready_timeout_s:
                first = ill[0]
                raise LakehouseError(
                    f"{first.name} is not ready after {self._settings.ready_timeout_s} s "
                    f"({first.detail or first.state.value}); look at `lakehouse-tui logs {first.name}`."
                )
            time.sleep(_POLL_S)

    def _keep(self, keys: Credentials) -> None:
        """Let the home's supervisor run the keeper."""
        supervisor = Supervisor(self._layout, keys.supervisor_password)
        if not supervisor.alive():
            supervisor.start()
        supervisor.launch(wished.program(self._settings))

    def _end_programs(self, progress: ProgressSink) -> None:
        supervisor = self._supervisor()
        if supervisor is not None:
            with suppress(NotRunningError):
                for name in supervisor.programs():
                    progress(Progress(name, "stopping"))
                    supervisor.stop(name, 20.0)
        processes.end(processes.tagged(self._layout), term_wait_s=5.0)
