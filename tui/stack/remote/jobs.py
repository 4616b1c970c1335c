"""Brings the job to a cluster by Flink's client on this machine; implements `tui.ports.JobPort`."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from tui.clients.lake.storage import open_storage
from tui.model.flink import Lineage, RestorePoint
from tui.ports import ProgressSink
from tui.resources import resource
from tui.settings import Settings
from tui.stack import restore_points, s3_points, submitting
from tui.stack.local import submission
from tui.stack.local.layout import Layout
from tui.stack.provision import provision
from tui.stack.remote import aws, client

_PROPERTIES = "kafka-job.json"


class RemoteJobs:
    """Submits `jobs/kafka_to_iceberg.py`; its checkpoints and savepoints lie where both the cluster and we can look.

    Those of one database lie in folders of their own, so that a pipeline that writes to another database never
    continues from them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.home)
        self._lineage = restore_points.LineageFile(self._layout.data / "flink" / "lineage.jsonl")

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """Every complete checkpoint and savepoint, oldest first."""
        checkpoints, savepoints = self.folder("checkpoints"), self.folder("savepoints")
        if checkpoints.startswith("file:") and savepoints.startswith("file:"):
            return restore_points.find(*(Path(uri.removeprefix("file://")) for uri in (checkpoints, savepoints)))
        storage = open_storage(self._settings.warehouse, aws.access(self._settings.remote, os.environ))
        return s3_points.find(storage, checkpoints, savepoints)

    def lineage(self) -> Lineage:
        """Which job continued from which."""
        return self._lineage.read()

    def savepoint_directory(self) -> str:
        """Where savepoints go."""
        return self.folder("savepoints")

    def folder(self, kind: str) -> str:
        """Where `checkpoints` or `savepoints` of this database go, as a URI."""
        given = getattr(self._settings.remote, f"{kind.removesuffix('s')}_dir")
        return f"{given or f's3a://{self._settings.bucket}/flink/{kind}'}/{self._settings.database}"

    def submitting(self) -> AbstractContextManager[int]:
        """Held from the look whether a job runs until the new one does."""
        return submitting.alone(self._layout.run)

    def fence(self) -> str | None:
        """Nothing: the cluster's processes are somebody else's."""
        return None

    def start(self, point: RestorePoint | None, progress: ProgressSink) -> str:
        """Compile the job in a Python process of PyFlink's environment, submit it, and return its id."""
        settings, remote = self._settings, self._settings.remote
        self._layout.create()
        found = provision(settings, progress)
        s3 = aws.access(remote, os.environ)
        flink = remote.flink_access()
        address, rest = client.prepare(self._layout, found, flink, s3)
        place = {
            "jobmanager": address,
            "bootstrap-servers": settings.kafka,
            "checkpoint-dir": self.folder("checkpoints"),
        }
        kafka = client.kafka_properties(remote.kafka_access())
        if kafka:
            place["kafka-properties"] = client.write_properties(self._layout, _PROPERTIES, kafka)
        command = [str(found.flink_python), str(resource("jobs") / "kafka_to_iceberg.py")]
        command += submitting.flags(settings, place, point)
        command += [part for key, value in rest.items() for part in ("--flink-property", f"{key}={value}")]
        environment = client.environment(self._layout, settings.cache, found, flink)
        secrets = (*remote.secrets(), s3.secret_key, *flink.headers().values())
        try:
            log = self._layout.logs / "submit.log"
            job_id = submission.run(command, environment, log, progress, tuple(filter(None, secrets)))
        finally:
            (self._layout.conf / _PROPERTIES).unlink(missing_ok=True)
        self._lineage.append(job_id, point)
        return job_id
