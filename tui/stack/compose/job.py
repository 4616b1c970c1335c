"""Brings the job to the cluster in containers; implements `tui.ports.JobPort`."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tui.clients.lake.storage import Storage, open_storage
from tui.model.errors import LakehouseError
from tui.model.flink import Lineage, RestorePoint
from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.settings import Settings
from tui.stack import restore_points, s3_points, submitting
from tui.stack.compose import engine, names
from tui.stack.local import credentials, fence, flink
from tui.stack.local.layout import Layout

if TYPE_CHECKING:
    from docker.models.containers import Container

SCRIPT = "/opt/flink/usrlib/jobs/kafka_to_iceberg.py"
KAFKA = "kafka:19092"
_SUBMIT_TIMEOUT_S = 180.0


class ComposeJobs:
    """Submits by `flink run` in the JobManager's container; checkpoints and savepoints lie in the bucket."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.home)
        self._lineage = restore_points.LineageFile(self._layout.data / "flink" / "lineage.jsonl")

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """Every complete checkpoint and savepoint, oldest first."""
        return s3_points.find(self._storage(), self._uri("checkpoints"), self._uri("savepoints"))

    def lineage(self) -> Lineage:
        """Which job continued from which."""
        return self._lineage.read()

    def savepoint_directory(self) -> str:
        """Where savepoints go."""
        return self._uri("savepoints")

    def submitting(self) -> AbstractContextManager[int]:
        """Held from the look whether a job runs until the new one does."""
        return submitting.alone(self._layout.run)

    def start(self, point: RestorePoint | None, progress: ProgressSink) -> str:
        """Compile and submit the job in the JobManager's container, and return its id."""
        self._layout.create()
        log = self._layout.logs / "submit.log"
        status = self._execute(self.command(point), log, progress)
        if status != 0:
            raise LakehouseError(f"The job was not submitted: {submitting.reason(log)}; all of it is in {log}.")
        job_id = submitting.job_id(log)
        self._lineage.append(job_id, point)
        s3_points.prune(self._storage(), self._uri("checkpoints"), spared=point.job_id if point else None)
        return job_id

    def fence(self) -> str | None:
        """Start a TaskManager again that is older than the JobManager: it may still run a lost job."""
        taskmanager = engine.container(self._settings, flink.TASKMANAGER)
        jobmanager = engine.container(self._settings, flink.JOBMANAGER)
        if taskmanager.status != "running" or _started(taskmanager) >= _started(jobmanager):
            return None
        with engine.failures():
            taskmanager.restart(timeout=0)
        return fence.ENDED

    def command(self, point: RestorePoint | None) -> list[str]:
        """What runs in the container."""
        place = {"bootstrap-servers": KAFKA, "checkpoint-dir": self._uri("checkpoints")}
        return ["flink", "run", "-d", "-py", SCRIPT, *submitting.flags(self._settings, place, point)]

    def _execute(self, command: list[str], log: Path, progress: ProgressSink) -> int | None:
        """Run `command` in the container with its output in `log`; its exit status."""
        progress(Progress("job", "compiling and submitting"))
        found = engine.container(self._settings, flink.JOBMANAGER)
        began = time.monotonic()
        with engine.failures(), log.open("wb") as stream:
            api = engine.connect().api
            started = api.exec_create(found.id, command)["Id"]
            for piece in api.exec_start(started, stream=True):
                stream.write(piece)
                stream.flush()
                if time.monotonic() - began > _SUBMIT_TIMEOUT_S:
                    raise LakehouseError(
                        f"The job was not submitted within {_SUBMIT_TIMEOUT_S:.0f} s; its words are in {log}."
                    )
            status: int | None = api.exec_inspect(started)["ExitCode"]
        return status

    def _uri(self, kind: str) -> str:
        return names.state_uri(self._settings, kind)

    def _storage(self) -> Storage:
        s3 = credentials.s3_access(self._settings)
        if s3 is None:
            raise LakehouseError(f"There is no lakehouse in {self._settings.home} yet; run `lakehouse-tui up` first.")
        return open_storage(self._settings.warehouse, s3)


def _started(container: Container) -> datetime:
    """When its process was started."""
    return datetime.fromisoformat(str(container.attrs["State"]["StartedAt"]))
