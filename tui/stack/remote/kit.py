"""Everything that the remote backend is made of; implements `tui.ports.StackKit`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tui.model.access import S3Access
from tui.model.checks import Check
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack import doctor as machine
from tui.stack.local import sql_client
from tui.stack.local.layout import Layout
from tui.stack.provision import provision
from tui.stack.remote import aws, client, doctor
from tui.stack.remote.backend import RemoteBackend
from tui.stack.remote.jobs import RemoteJobs
from tui.stack.remote.logs import RemoteLogs
from tui.stack.remote.producer import RemoteProducer
from tui.stack.wished import NoWish


class RemoteKit:
    """The parts for one home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def backend(self) -> RemoteBackend:
        """What looks at the services."""
        return RemoteBackend(self._settings)

    @cached_property
    def producer(self) -> RemoteProducer:
        """No background producer."""
        return RemoteProducer(self._settings)

    @cached_property
    def logs(self) -> RemoteLogs:
        """The submission's log."""
        return RemoteLogs(Layout(self._settings.home))

    @cached_property
    def jobs(self) -> RemoteJobs:
        """What brings the job to the cluster."""
        return RemoteJobs(self._settings)

    @cached_property
    def wish(self) -> NoWish:
        """Nobody's: the cluster's own high availability looks after the job."""
        return NoWish()

    def s3(self) -> S3Access:
        """How the object store is reached; raises `LakehouseError` for a profile without keys."""
        return aws.access(self._settings.remote, os.environ)

    def examine(self) -> Iterator[Check]:
        """Is this machine fit for Flink's client, and can each service be reached? One check after the other."""
        yield from machine.client(self._settings)
        yield from doctor.examine(self._settings)

    def secrets(self) -> tuple[str, ...]:
        """Texts that no recording may hold."""
        try:
            s3 = self.s3()
        except LakehouseError:
            s3 = self._settings.remote.s3_access()
        keys = (s3.access_key, s3.secret_key, s3.session_token)
        return tuple(dict.fromkeys((*self._settings.remote.secrets(), *filter(None, keys))))

    def sql(self, file: Path | None) -> tuple[list[str], dict[str, str]]:
        """The SQL client as a command line and an environment."""
        layout = Layout(self._settings.home)
        layout.create()
        found = provision(self._settings, lambda _: None)
        flink = self._settings.flink_access
        client.prepare(layout, found, flink, self.s3())
        argv, _ = sql_client.command(self._settings, file)
        return argv, {**client.environment(layout, self._settings.cache, found, flink), "TERM": "xterm"}
