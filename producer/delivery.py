"""Delivery to Kafka: idempotent, every message counted from `produce()` to its delivery report."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException, Producer
from events import Event

STALLED_S = 3.0
"""With messages under way and no delivery report for so long, Kafka counts as away."""
_NOISE = re.compile(r"^\S+/(?:bootstrap|\d+): | \(after \d+ms in state [^)]*\)$")
_TOPIC_GRACE_S = 10.0  # a broker that has only just started may not know its topics yet


class DeliveryError(Exception):
    """Nothing more can be delivered; the text is one sentence."""


def producer_config(bootstrap: str) -> dict[str, str | int | bool]:
    """librdkafka's settings: never give up on a message, never write one twice, and keep memory bounded."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "lakehouse-producer",
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 0,  # no limit: a broker that is away is waited out
        "compression.type": "lz4",
        "partitioner": "murmur2_random",  # where Kafka's own Java clients put a key
        "linger.ms": 20,
        "batch.size": 500_000,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 262_144,
        "reconnect.backoff.max.ms": 2_000,
        "log_level": 0,
    }


class Delivery:
    """Sends events to one topic. `pause` is called while it has to wait; when it returns `False`, waiting ends."""

    def __init__(
        self, bootstrap: str, topic: str, pause: Callable[[], bool], properties: Mapping[str, str] | None = None
    ) -> None:
        """`properties` are more of librdkafka's, such as those for TLS and login.

        Raises `DeliveryError` when the address cannot be used at all."""
        self.sent = 0
        self.acknowledged = 0
        self.failed = 0
        self.last_error: str | None = None
        self.connected = False
        self._bootstrap = bootstrap
        self._topic = topic
        self._pause = pause
        self._fatal: str | None = None
        self._progress = (0, time.monotonic())
        try:
            self._kafka = Producer({**producer_config(bootstrap), **(properties or {}), "error_cb": self._on_error})
        except (KafkaException, ValueError) as error:
            raise DeliveryError(f"The address {bootstrap!r} cannot be used for Kafka: {_text(error)}.") from None

    @property
    def outstanding(self) -> int:
        """Messages without a delivery report yet."""
        return self.sent - self.acknowledged - self.failed

    def connect(self) -> bool:
        """Wait until Kafka answers and has the topic; `False` when `pause` ended it, `DeliveryError` without topic."""
        missing_since: float | None = None
        while True:
            try:
                topics = self._kafka.list_topics(timeout=1.0).topics
            except KafkaException as error:
                self.last_error = _text(error)
                missing_since = None
            else:
                if self._topic in topics and topics[self._topic].error is None:
                    self.connected = True
                    return True
                now = time.monotonic()
                missing_since = missing_since or now
                if now - missing_since > _TOPIC_GRACE_S:
                    raise DeliveryError(f"Kafka at {self._bootstrap} has no topic {self._topic!r}: create it first.")
            if not self._pause():
                return False
            self._kafka.poll(0.2)

    def send(self, event: Event) -> bool:
        """Queue one message, waiting while the queue is full; `False` when `pause` ended the wait (not queued)."""
        while True:
            try:
                self._kafka.produce(self._topic, event.value, event.key, on_delivery=self._on_delivery)
            except BufferError:
                self.serve(0.1)
                if not self._pause():
                    return False
            except KafkaException as error:
                self.serve(0.0)  # a fatal error leaves here, with its own reason
                self.sent += 1
                self.failed += 1
                self.last_error = _text(error)
                return True
            else:
                self.sent += 1
                return True

    def serve(self, timeout_s: float) -> None:
        """Take in delivery reports for up to `timeout_s`; raises `DeliveryError` after a fatal error."""
        self._kafka.poll(timeout_s)
        if self._fatal is not None:
            raise DeliveryError(
                f"Kafka at {self._bootstrap} refuses to go on ({self._fatal}): it may have lost or changed its data; "
                "start the producer again."
            )

    def drain(self) -> bool:
        """Wait for every delivery report; `False` when `pause` ended the wait."""
        while self.outstanding:
            self._kafka.flush(0.1)  # sends at once what still lingers
            self.serve(0.0)
            if self.outstanding and not self._pause():
                return False
        return True

    def stalled(self) -> bool:
        """Whether messages are under way and none was reported on for `STALLED_S`."""
        done, since = self._progress
        now = time.monotonic()
        if self.acknowledged + self.failed != done or not self.outstanding:
            self._progress = (self.acknowledged + self.failed, now)
            return False
        return now - since > STALLED_S

    def _on_delivery(self, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.failed += 1
            self.last_error = _text(error)

    def _on_error(self, error: KafkaError) -> None:
        self.last_error = _text(error)
        if error.fatal():
            self._fatal = _text(error)


def _text(error: Exception | KafkaError) -> str:
    """The reason alone: without the broker's name in front of it and the connection's age behind it."""
    first = error.args[0] if isinstance(error, Exception) and error.args else error
    text = first.str() if isinstance(first, KafkaError) else str(first)
    return _NOISE.sub("", text).rstrip(".")
