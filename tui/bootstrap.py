"""The only place that chooses concrete classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tui.model.errors import LakehouseError
from tui.settings import Settings

if TYPE_CHECKING:
    from tui.clients.flink import FlinkClient
    from tui.clients.kafka import KafkaClient
    from tui.clients.lake import LakeClient
    from tui.core.control import Control
    from tui.model.checks import Check
    from tui.model.stack import ProducerStatus
    from tui.ports import ProgressSink
    from tui.stack.local.backend import LocalBackend
    from tui.stack.local.producer import LocalProducer
    from tui.stack.provision import Provisioned


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one lakehouse's services."""

    kafka: KafkaClient
    flink: FlinkClient
    lake: LakeClient


@lru_cache(maxsize=8)
def backend(settings: Settings) -> LocalBackend:
    """What runs the services."""
    from tui.stack.local.backend import LocalBackend

    return LocalBackend(settings)


@lru_cache(maxsize=8)
def clients(settings: Settings) -> Clients:
    """Clients of Kafka, Flink and the tables; nothing is connected yet."""
    from tui.clients.flink import FlinkClient
    from tui.clients.kafka import KafkaClient
    from tui.clients.lake import LakeClient
    from tui.stack.local import credentials
    from tui.stack.local.layout import Layout

    keys = credentials.load(Layout(settings.home))
    if keys is None:
        raise LakehouseError(f"There is no lakehouse in {settings.home} yet; run `lakehouse-tui up` first.")
    return Clients(
        kafka=KafkaClient(settings.kafka, settings.topic, settings.group),
        flink=FlinkClient(settings.flink, settings.topic),
        lake=LakeClient(
            warehouse=settings.warehouse,
            database=settings.database,
            endpoint=settings.s3_endpoint,
            access_key=keys.s3_access_key,
            secret_key=keys.s3_secret_key,
        ),
    )


@lru_cache(maxsize=8)
def control(settings: Settings) -> Control:
    """The actions on the job."""
    from tui.core.control import Control
    from tui.stack.local.job import LocalJobs

    found = clients(settings)
    return Control(found.flink, found.flink, found.kafka, found.lake, LocalJobs(settings))


def producer(settings: Settings) -> LocalProducer:
    """The home's background producer."""
    from tui.stack.local.producer import LocalProducer

    return LocalProducer(settings, backend(settings))


def producer_status(settings: Settings) -> ProducerStatus | None:
    """What the background producer does; `None` where there is none."""
    return producer(settings).status()


def provision(settings: Settings, progress: ProgressSink) -> Provisioned:
    """Download and make what is missing in the cache."""
    from tui.stack.provision import provision

    return provision(settings, progress)


def verify(settings: Settings) -> Iterator[Check]:
    """Every check of `verify`, as it finishes."""
    from tui.clients.lake.audit import LakeAudit
    from tui.core.verify import Verifier

    found = clients(settings)
    verifier = Verifier(
        services=backend(settings).services,
        kafka=found.kafka,
        flink=found.flink,
        lake=LakeAudit(found.lake),
        topic=settings.topic,
        partitions=settings.partitions,
    )
    return verifier.checks()
