"""The remote backend: looks at services that somebody else runs; implements `tui.ports.StackBackend`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tui.clients.flink import FlinkClient
from tui.clients.kafka import KafkaClient
from tui.clients.lake.storage import Storage, open_storage
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError, UsageError
from tui.model.flink import ClusterInfo
from tui.model.stack import Service, ServiceState
from tui.ports import ProgressSink
from tui.settings import Settings
from tui.stack.local import flink, kafka, logs, s3
from tui.stack.local.layout import Layout
from tui.stack.remote import aws

NOT_OURS = "The remote backend starts and stops nothing: its services belong to somebody else"
SERVICES = (kafka.NAME, s3.NAME, flink.JOBMANAGER, flink.TASKMANAGER)
SUBMIT = "submit"
PROBE_S = 3.0
"""How long a service may take to answer before it counts as not reachable."""


@dataclass(frozen=True, slots=True)
class Probes:
    """One way to ask each service; connections are kept between questions."""

    kafka: KafkaClient
    flink: FlinkClient
    storage: Storage

    @classmethod
    def of(cls, settings: Settings, timeout_s: float = PROBE_S) -> Probes:
        """Those of `settings`; raises `LakehouseError` for an AWS profile without keys."""
        return cls(
            KafkaClient(settings.kafka_access, settings.topic, settings.group, timeout_s),
            FlinkClient(settings.flink_access, settings.topic, timeout_s),
            open_storage(settings.warehouse, aws.access(settings.remote, os.environ)),
        )


class RemoteBackend:
    """Knows the services of one cluster by their addresses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.home)
        self._probes: Probes | None = None

    def capabilities(self) -> frozenset[str]:
        """The job is ours, the services are not."""
        return frozenset({"submit"})

    def prepare(self, progress: ProgressSink) -> str:
        """Download and make what Flink's client needs on this machine; returns how much was downloaded."""
        from tui.stack.provision import provision

        return f"downloaded {provision(self._settings, progress).downloaded_bytes / 1e6:,.0f} MB"

    def up(self, progress: ProgressSink) -> tuple[Service, ...]:  # noqa: ARG002 - the port's signature
        """Refuse with `UsageError`."""
        raise UsageError(f"{NOT_OURS}; `lakehouse-tui doctor` checks each connection.")

    def down(self, progress: ProgressSink, *, purge: bool = False) -> None:  # noqa: ARG002 - the same
        """Refuse with `UsageError`."""
        raise UsageError(f"{NOT_OURS}; `lakehouse-tui cancel` ends the job.")

    def services(self) -> tuple[Service, ...]:
        """Whether each service can be reached, asked side by side."""
        self._probes = self._probes or Probes.of(self._settings)
        probes = self._probes
        with ThreadPoolExecutor(3) as pool:
            found = pool.submit(self._service, kafka.NAME, self._settings.kafka, lambda: self._topic(probes.kafka))
            bucket = pool.submit(self._service, s3.NAME, self._s3_endpoint(), lambda: self._bucket(probes.storage))
            cluster = pool.submit(self._flink, probes.flink)
            return found.result(), bucket.result(), *cluster.result()

    def log(self, service: str, *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The words of the last submission; every other log is where the service runs."""
        path = self._layout.logs / f"{service}.log"
        if service in SERVICES:
            raise NotFoundError(f"The log of {service} is where it runs; here is only that of the last {SUBMIT}.")
        if service != SUBMIT or not path.exists():
            raise NotFoundError(f"There is no service {service} with a log here; there is {SUBMIT}, after one.")
        return logs.follow(path, lines) if follow else iter(logs.last_lines(path, lines))

    def revive(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def _s3_endpoint(self) -> str:
        return self._settings.s3_endpoint or f"AWS, {self._settings.remote.s3_region}"

    def _topic(self, client: KafkaClient) -> str:
        count = len(client.partition_ids())
        return f"{self._settings.topic} with {count} partition{'s' if count != 1 else ''}"

    def _bucket(self, storage: Storage) -> str:
        bucket = self._settings.bucket
        if not storage.has_folder(bucket):
            raise UnavailableError(f"There is no bucket {bucket}, or these keys may not see it.")
        return f"bucket {bucket}"

    def _service(self, name: str, endpoint: str, ask: Callable[[], str]) -> Service:
        try:
            return Service(name, ServiceState.READY, endpoint=endpoint, detail=ask())
        except LakehouseError as error:
            return Service(name, ServiceState.UNHEALTHY, endpoint=endpoint, detail=str(error))

    def _flink(self, client: FlinkClient) -> tuple[Service, Service]:
        try:
            cluster = client.cluster()
        except LakehouseError as error:
            away = Service(flink.JOBMANAGER, ServiceState.UNHEALTHY, endpoint=self._settings.flink, detail=str(error))
            return away, Service(flink.TASKMANAGER, ServiceState.UNKNOWN, detail="Flink does not tell.")
        ready = Service(
            flink.JOBMANAGER, ServiceState.READY, endpoint=self._settings.flink, detail=f"Flink {cluster.version}"
        )
        return ready, _taskmanagers(cluster)


def _taskmanagers(cluster: ClusterInfo) -> Service:
    """All of them as one; Kubernetes and YARN start some only when a job asks for slots."""
    detail = (
        f"{cluster.taskmanagers} of them, {cluster.slots_available} of {cluster.slots_total} slots free"
        if cluster.taskmanagers
        else "none is registered (some clusters start them with the job)"
    )
    state = ServiceState.READY if cluster.taskmanagers else ServiceState.UNHEALTHY
    return Service(flink.TASKMANAGER, state, detail=detail)
