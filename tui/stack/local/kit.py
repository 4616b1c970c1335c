"""Everything that the local backend is made of; implements `tui.ports.StackKit`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from time import monotonic

from tui.model.access import S3Access
from tui.model.checks import Check
from tui.settings import Settings
from tui.stack import doctor
from tui.stack.local import credentials, place, sql_client
from tui.stack.local.backend import LocalBackend
from tui.stack.local.job import LocalJobs
from tui.stack.local.layout import Layout
from tui.stack.local.log_tail import LocalLogs
from tui.stack.local.producer import LocalProducer
from tui.stack.wished import WishFile

_LOOK_S = 2.0


class LocalKit:
    """The parts for one home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._access: S3Access | None = None
        self._looked_at = 0.0

    @cached_property
    def backend(self) -> LocalBackend:
        """What runs the services."""
        return LocalBackend(self._settings)

    @cached_property
    def producer(self) -> LocalProducer:
        """The background producer."""
        return LocalProducer(self._settings, self.backend)

    @cached_property
    def logs(self) -> LocalLogs:
        """The logs."""
        return LocalLogs(Layout(self._settings.home))

    @cached_property
    def jobs(self) -> LocalJobs:
        """What brings the job to the cluster."""
        return LocalJobs(self._settings)

    @cached_property
    def wish(self) -> WishFile:
        """Whether the job is to run."""
        return WishFile(self._settings)

    def s3(self) -> S3Access | None:
        """How the object store is reached; `None` before the first `up`. Asked all the time, it looks every `_LOOK_S`.

        Raises `LakehouseError` where the ports are those of another home's stack, and this one's is down.
        """
        now = monotonic()
        if self._access is None or now - self._looked_at >= _LOOK_S:
            place.refuse_others(self._settings, Layout(self._settings.home))
            self._access, self._looked_at = credentials.s3_access(self._settings), now
        return self._access

    def examine(self) -> Iterator[Check]:
        """Is this machine fit for it? One check after the other."""
        return doctor.examine(self._settings)

    def secrets(self) -> tuple[str, ...]:
        """Texts that no recording may hold."""
        keys = credentials.load(Layout(self._settings.home))
        return () if keys is None else (keys.s3_access_key, keys.s3_secret_key, keys.supervisor_password)

    def sql(self, file: Path | None) -> tuple[list[str], dict[str, str]]:
        """The SQL client as a command line and an environment."""
        place.refuse_others(self._settings, Layout(self._settings.home))
        return sql_client.command(self._settings, file)
