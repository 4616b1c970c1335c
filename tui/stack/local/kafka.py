"""Kafka: one KRaft node, broker and controller in one process."""

from __future__ import annotations

import base64
import shutil
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING

from tui.model.errors import LakehouseError, UnavailableError
from tui.settings import Settings
from tui.stack import options
from tui.stack.local.layout import Layout, write_private
from tui.stack.local.readiness import require_listening
from tui.stack.local.spec import ProgramSpec, java, properties

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from tui.stack.provision import Provisioned

NAME = "kafka"
_NODE_ID = options.KAFKA["node.id"]
_FLAGS = ["-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50"]


def spec(settings: Settings, layout: Layout, provisioned: Provisioned, internal: dict[str, int]) -> ProgramSpec:
    """Write Kafka's configuration, format its storage once, and say how to run it."""
    file = layout.conf / "kafka.properties"
    log4j = layout.conf / "kafka-log4j.properties"
    write_private(file, _properties(settings, layout, internal["kafka_controller"]))
    write_private(log4j, options.KAFKA_LOG4J)
    _format_storage(layout)
    temporary = layout.data / "kafka" / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # a broker that is killed leaves its native libraries there
    temporary.mkdir(mode=0o700, exist_ok=True)
    flags = [*_FLAGS, f"-Dlog4j.configuration={log4j.as_uri()}", f"-Djava.io.tmpdir={temporary}"]
    jars = list(provisioned.kafka_jars)
    argv = java(layout, NAME, provisioned.java.home, flags, jars, ["kafka.Kafka", str(file)])
    return ProgramSpec(NAME, argv, stop_wait_s=15)


def _properties(settings: Settings, layout: Layout, controller_port: int) -> str:
    values = {
        "controller.quorum.voters": f"{_NODE_ID}@127.0.0.1:{controller_port}",
        "listeners": f"CLIENT://127.0.0.1:{settings.kafka_port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{settings.kafka_port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "log.dirs": layout.data / "kafka" / "log",
        "num.partitions": settings.partitions,
        **options.KAFKA,
    }
    return properties(values)


def _format_storage(layout: Layout) -> None:
    """What `kafka-storage format` leaves: `meta.properties` (KIP-858); features then start at the release's own."""
    meta = layout.data / "kafka" / "log" / "meta.properties"
    if not meta.exists():
        write_private(
            meta,
            f"version=1\ncluster.id={_kafka_uuid()}\nnode.id={_NODE_ID}\ndirectory.id={_kafka_uuid()}\n",
        )


def _kafka_uuid() -> str:
    """A random UUID the way Kafka writes it: base64, URL-safe, unpadded, not starting with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


def probe(settings: Settings, timeout_s: float) -> str:
    """Ask for the topic's metadata; raises `UnavailableError` if no broker answers within `timeout_s`."""
    require_listening(settings.kafka_port, timeout_s)
    from confluent_kafka import KafkaException

    try:
        metadata = _asked_again(settings.kafka).list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise UnavailableError(f"no answer to a metadata request ({error.args[0].str()})") from None
    topic = metadata.topics.get(settings.topic)
    if topic is None:
        return f"topic {settings.topic} does not exist"
    leaderless = sorted(p.id for p in topic.partitions.values() if p.leader < 0)
    if leaderless:
        raise UnavailableError(f"partitions {leaderless} of {settings.topic} have no leader")
    return f"topic {settings.topic}, {len(topic.partitions)} partitions"


def ensure_topic(settings: Settings, timeout_s: float) -> str:
    """Create the topic if it is missing; returns what there is to say about it.

    Raises `UnavailableError` for what may pass by itself, `LakehouseError` for a name or number Kafka cannot accept.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = AdminClient(_client_config(settings.kafka))
    wanted = NewTopic(settings.topic, num_partitions=settings.partitions, replication_factor=1)
    try:
        future = admin.create_topics([wanted], operation_timeout=timeout_s, request_timeout=timeout_s)[settings.topic]
        future.result(timeout=timeout_s)
    except TimeoutError:
        raise UnavailableError(f"topic {settings.topic} was not made within {timeout_s:g} s") from None
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.TOPIC_ALREADY_EXISTS:
            return _existing_topic(admin, settings, timeout_s)
        kind = (
            LakehouseError if code in (KafkaError.TOPIC_EXCEPTION, KafkaError.INVALID_PARTITIONS) else UnavailableError
        )
        raise kind(
            f"Topic {settings.topic} cannot be made: {error.args[0].str()}; see `lakehouse-tui logs kafka`."
        ) from None
    return f"topic {settings.topic} made with {settings.partitions} partitions"


def _existing_topic(admin: AdminClient, settings: Settings, timeout_s: float) -> str:
    from confluent_kafka import KafkaException

    try:
        topic = admin.list_topics(settings.topic, timeout=timeout_s).topics.get(settings.topic)
    except KafkaException as error:
        raise UnavailableError(f"no answer to a metadata request ({error.args[0].str()})") from None
    if topic is None or not topic.partitions:
        raise UnavailableError(f"topic {settings.topic} exists, but its partitions are not known yet")
    if len(topic.partitions) != settings.partitions:
        return f"topic {settings.topic} exists with {len(topic.partitions)} partitions, not {settings.partitions}"
    return f"topic {settings.topic} is there"


@lru_cache(maxsize=2)
def _asked_again(address: str) -> AdminClient:
    """A client that is kept: making one, with its threads, costs ten times what it is asked."""
    from confluent_kafka.admin import AdminClient

    return AdminClient({**_client_config(address), "reconnect.backoff.max.ms": 500})


def _client_config(address: str) -> dict[str, str | int | float | bool]:
    return {"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": 5000}
