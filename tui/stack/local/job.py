"""Brings the job to the local cluster; implements `tui.ports.JobPort`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui.model.errors import LakehouseError
from tui.model.flink import Lineage, RestorePoint
from tui.ports import ProgressSink
from tui.resources import resource
from tui.settings import Settings
from tui.stack import restore_points, submitting
from tui.stack.local import client_jvm, fence, flink, place, spec, submission
from tui.stack.local.layout import Layout
from tui.stack.local.programs import Programs
from tui.stack.provision import Provisioned, provisioned


class LocalJobs:
    """Submits `jobs/kafka_to_iceberg.py`, and knows what it can continue from.

    Checkpoints and savepoints of one database lie in folders of their own, so that a pipeline that writes to
    another database never continues from them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.home)
        self._state = self._layout.data / "flink"
        self._lineage = restore_points.LineageFile(self._state / "lineage.jsonl")
        self._lock: int | None = None

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """Every complete checkpoint and savepoint, oldest first."""
        return restore_points.find(self._folder("checkpoints"), self._folder("savepoints"))

    def lineage(self) -> Lineage:
        """Which job continued from which."""
        return self._lineage.read()

    def savepoint_directory(self) -> str:
        """Where savepoints go."""
        return restore_points.flink_uri(self._folder("savepoints"))

    def _folder(self, kind: str) -> Path:
        return self._state / kind / self._settings.database

    def start(self, point: RestorePoint | None, progress: ProgressSink) -> str:
        """Compile the job in a Python process of PyFlink's environment, submit it, and return its id."""
        found = provisioned(self._settings)
        if found is None:
            raise LakehouseError("Something the job needs is missing; run `lakehouse-tui up` first.")
        command = [*self.program(found), *self.arguments(point)]
        jvm = client_jvm.environment(self._settings.cache, found, self._layout.flink_home / "lib")
        environment = spec.environment(self._layout, {**flink.client_environment(self._layout, found), **jvm})
        job_id = submission.run(command, environment, self._layout.logs / "submit.log", progress, lock=self._lock)
        self._lineage.append(job_id, point)
        restore_points.prune(self._folder("checkpoints"), spared=point.job_id if point else None)
        return job_id

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """Held from the look whether a job runs until the new one does, and as long as a client of ours lives."""
        place.refuse_moved(self._layout)
        with submitting.alone(self._layout.run) as lock:
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    def fence(self) -> str | None:
        """End a TaskManager that may still run a lost job."""
        return fence.fence(Programs(self._layout))

    def program(self, found: Provisioned, /) -> list[str]:
        """The interpreter and the script."""
        return [str(found.flink_python), str(resource("jobs") / "kafka_to_iceberg.py")]

    def arguments(self, point: RestorePoint | None) -> list[str]:
        """The job's settings as flags; `point` is where it continues."""
        place = {
            "jobmanager": f"127.0.0.1:{self._settings.flink_port}",
            "bootstrap-servers": self._settings.kafka,
            "checkpoint-dir": restore_points.flink_uri(self._folder("checkpoints")),
        }
        return submitting.flags(self._settings, place, point)
