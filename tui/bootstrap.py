"""The only place that chooses concrete classes."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tui.model.errors import LakehouseError
from tui.settings import Settings

if TYPE_CHECKING:
    from tui.clients.flink_detail import FlinkDetailClient
    from tui.clients.kafka import KafkaClient
    from tui.clients.kafka_browse import TopicBrowser
    from tui.clients.lake import LakeClient
    from tui.clients.lake.detail import LakeDetail
    from tui.clients.lake.front import LakeFront
    from tui.clients.query import QueryEngine
    from tui.clients.recording_file import Recorder
    from tui.core.cockpit import Cockpit
    from tui.core.control import Control
    from tui.core.live import LiveCandles
    from tui.core.recording import Header, Recording
    from tui.model.access import S3Access
    from tui.model.checks import Check
    from tui.model.keeping import Keeping
    from tui.model.stack import ProducerStatus
    from tui.ports import LogPort, ProducerPort, StackBackend, StackKit

HOME = "$LAKEHOUSE_HOME"
"""What recordings say instead of the home's path."""
_ERRORS_MAX = 2**20
"""Bytes after which a new log of unexpected errors is begun; the one before it is kept."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one lakehouse's services."""

    kafka: KafkaClient
    flink: FlinkDetailClient
    lake: LakeClient


@lru_cache(maxsize=8)
def kit(settings: Settings) -> StackKit:
    """Everything that depends on where the stack runs; raises `LakehouseError` for a home of a newer format."""
    from tui.stack import home_format

    home_format.refuse_newer(settings.home)
    if settings.backend == "compose":
        from tui.stack.compose.kit import ComposeKit

        return ComposeKit(settings)
    if settings.backend == "remote":
        from tui.stack.remote.kit import RemoteKit

        return RemoteKit(settings)
    from tui.stack.local.kit import LocalKit

    return LocalKit(settings)


def backend(settings: Settings) -> StackBackend:
    """What runs the services."""
    return kit(settings).backend


def clients(settings: Settings) -> Clients:
    """Clients of Kafka, Flink and the tables; nothing is connected yet.

    Raises `LakehouseError` where there is no lakehouse, or another one has its ports.
    """
    s3 = kit(settings).s3()
    if s3 is None:
        raise LakehouseError(f"There is no lakehouse in {settings.home} yet; run `lakehouse-tui up` first.")
    return _clients(settings, s3)


@lru_cache(maxsize=8)
def _clients(settings: Settings, s3: S3Access) -> Clients:
    from tui.clients.kafka import KafkaClient
    from tui.clients.lake import LakeClient

    return Clients(
        kafka=KafkaClient(settings.kafka_access, settings.topic, settings.group),
        flink=flink(settings),
        lake=LakeClient(settings.warehouse, settings.database, s3, names=settings.table_names),
    )


def flink(settings: Settings) -> FlinkDetailClient:
    """A client of Flink alone: the others take a hundred megabytes."""
    from tui.clients.flink_detail import FlinkDetailClient

    return FlinkDetailClient(settings.flink_access, settings.topic)


def keeping(settings: Settings) -> Keeping | None:
    """What the keeper does about a lost job; `None` while there is nothing to mend."""
    from tui.stack.wished import KeepingFile

    return KeepingFile(settings.home).read()


@lru_cache(maxsize=8)
def front(settings: Settings) -> LakeFront:
    """Where the tables end, checkpoint by checkpoint."""
    from tui.clients.lake.front import LakeFront

    return LakeFront(clients(settings).lake)


@lru_cache(maxsize=8)
def live(settings: Settings) -> LiveCandles:
    """The tables and the topic's tail as one; it starts to read when it is first asked."""
    from tui.clients.kafka_tail import KafkaTail
    from tui.core.live import LiveCandles

    late_after_ms = (settings.watermark_delay_s + settings.allowed_lateness_s) * 1000
    tail = KafkaTail(clients(settings).kafka, settings.topic, late_after_ms)
    return LiveCandles(tail, front(settings))


@lru_cache(maxsize=8)
def lake_detail(settings: Settings) -> LakeDetail:
    """A closer look at the tables."""
    from tui.clients.lake.detail import LakeDetail

    return LakeDetail(clients(settings).lake)


@lru_cache(maxsize=8)
def query(settings: Settings, *, exports: bool = True) -> QueryEngine:
    """SQL over the tables; DuckDB is loaded with the first query."""
    from tui.clients.query import QueryEngine

    return QueryEngine(clients(settings).lake, exports=exports)


def control(settings: Settings) -> Control:
    """The actions on the job."""
    from tui.core.control import Control

    found = clients(settings)
    own = kit(settings)
    return Control(found.flink, found.flink, found.kafka, found.lake, own.jobs, own.wish)


@lru_cache(maxsize=8)
def topic(settings: Settings) -> TopicBrowser:
    """A look into the topic; nothing is connected yet."""
    from tui.clients.kafka_browse import TopicBrowser

    return TopicBrowser(settings.kafka_access, settings.topic, settings.group)


def producer(settings: Settings) -> ProducerPort:
    """The home's background producer."""
    return kit(settings).producer


def logs(settings: Settings) -> LogPort:
    """The logs of the home's services and programs."""
    return kit(settings).logs


def producer_status(settings: Settings) -> ProducerStatus | None:
    """What the background producer does; `None` where there is none."""
    return producer(settings).status()


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


@dataclass(frozen=True, slots=True)
class Actors:
    """Who does what the keys ask for; implements `tui.core.actions.Actors`."""

    settings: Settings

    def stack(self) -> StackBackend:
        """What runs the services."""
        return backend(self.settings)

    def producer(self) -> ProducerPort:
        """The background producer."""
        return producer(self.settings)

    def control(self) -> Control:
        """The job."""
        return control(self.settings)

    def written(self) -> int:
        """How many messages the topic has ever held."""
        return sum(p.high or 0 for p in clients(self.settings).kafka.lag().partitions)


def report(settings: Settings, error: BaseException) -> str:
    """Write the traceback of an unexpected error to the home's `logs/errors.log`; returns a sentence about it."""
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    path = settings.home / "logs" / "errors.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _ERRORS_MAX:
            path.replace(path.with_name(f"{path.name}.1"))
        with path.open("a", encoding="utf-8") as log:
            log.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"Unexpected error ({what}); its traceback could not be written to {path}."
    return f"Unexpected error ({what}); please report it with the traceback at the end of {path}."


def save(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Write `texts`, by suffix, beside each other at `path`; returns their paths."""
    from tui.stack.reports import save

    return save(path, texts)


def cockpit(settings: Settings, *, read_only: bool = False) -> Cockpit:
    """Everything the dashboard shows and does; nothing is imported or connected before it is used."""
    from tui.core.actions import actions
    from tui.core.cockpit import Cockpit
    from tui.core.feeds import Feeds
    from tui.stack.query_notes import QueryNotes

    feeds = Feeds(
        services=lambda: backend(settings).services(),
        producer=lambda: producer_status(settings),
        kafka=lambda: clients(settings).kafka,
        flink=lambda: clients(settings).flink,
        lake=lambda: clients(settings).lake,
        keeper=lambda: keeping(settings),
    )
    return Cockpit(
        home=str(settings.home),
        backend=settings.backend,
        topic=settings.topic,
        symbols=settings.symbols,
        report=lambda error: report(settings, error),
        sources=feeds.sources(),
        actions=actions(Actors(settings), str(settings.home)),
        capabilities=_capabilities(settings),
        read_only=read_only,
        theme=settings.theme,
        refresh_interval_s=settings.refresh_interval_s,
        logs=lambda: logs(settings),
        verify=lambda: verify(settings),
        save=save,
        flink_detail=lambda: clients(settings).flink,
        front=lambda: front(settings),
        live=lambda: live(settings),
        lake_detail=lambda: lake_detail(settings),
        query=lambda: query(settings, exports=not read_only),
        query_notes=QueryNotes(None if read_only else settings.home / "data" / "queries.json"),
        keys=dict(settings.keys),
        topic_port=lambda: topic(settings),
    )


def _capabilities(settings: Settings) -> frozenset[str]:
    """Nothing can be done in a home that is refused; why stands where its sources would be shown."""
    try:
        return backend(settings).capabilities()
    except LakehouseError:
        return frozenset()


def recorder(settings: Settings, path: Path) -> Recorder:
    """Writes what the dashboard reads to a new file; neither secrets nor the home's place get in."""
    from tui.clients.recording_file import Recorder
    from tui.core.recording import Header

    header = Header(
        started_at=datetime.now(UTC),
        backend=settings.backend,
        home=str(settings.home),
        topic=settings.topic,
        symbols=settings.symbols,
        capabilities=tuple(sorted(backend(settings).capabilities())),
        interval_s=settings.refresh_interval_s,
    )
    return Recorder(path, header, lambda: _hidden(settings))


def _hidden(settings: Settings) -> dict[str, str]:
    places = {str(settings.home): HOME, str(settings.cache): "$LAKEHOUSE_CACHE", str(Path.home()): "~"}
    found = {**places, **{quote(place): name for place, name in places.items()}}
    try:
        secrets = kit(settings).secrets()
    except LakehouseError:
        secrets = ()
    return {**found, **dict.fromkeys(secrets, "•••")}


def recording(path: Path) -> Recording:
    """Read a recording."""
    from tui.clients.recording_file import load

    return load(path)


def replay_cockpit(settings: Settings, header: Header) -> Cockpit:
    """The cockpit of a recording: nobody is asked and nothing can be done; looks and keys are the user's."""
    from tui.core.cockpit import Cockpit

    return Cockpit(
        home=header.home,
        backend=header.backend,
        topic=header.topic,
        symbols=header.symbols,
        report=lambda error: report(settings, error),
        capabilities=frozenset(header.capabilities),
        read_only=True,
        theme=settings.theme,
        refresh_interval_s=header.interval_s,
        keys=dict(settings.keys),
    )
