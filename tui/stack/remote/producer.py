"""A producer for somebody else's topic: in the foreground only; implements `tui.ports.ProducerPort`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from tui.model.errors import LakehouseError
from tui.model.stack import ProducerStatus
from tui.resources import resource
from tui.settings import Settings
from tui.stack.local.layout import Layout
from tui.stack.remote import client

_PROPERTIES = "kafka-producer.json"


class RemoteProducer:
    """Nothing runs in the background: the topic is fed by those it belongs to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, options: Mapping[str, str]) -> int:  # noqa: ARG002 - the port's signature
        """Refuse with `LakehouseError`."""
        raise LakehouseError(
            "The topic of a remote Kafka is fed by others; `lakehouse-tui produce --foreground` writes trades to it."
        )

    def runs(self) -> bool:
        """Never."""
        return False

    def command(self, options: Mapping[str, str], *, background: bool) -> list[str]:  # noqa: ARG002 - the same
        """Its command line; how Kafka is reached is in a file of the home, readable by its owner only."""
        s = self._settings
        fixed = {"bootstrap": s.kafka, "topic": s.topic, "symbols": ",".join(s.symbols)}
        properties = {k: v for k, v in s.kafka_access.properties().items() if k != "bootstrap.servers"}
        if properties:
            fixed["kafka-properties"] = client.write_properties(Layout(s.home), _PROPERTIES, properties)
        flags = [part for name, value in {**fixed, **options}.items() for part in (f"--{name}", value)]
        return [sys.executable, str(resource("producer") / "producer.py"), *flags]

    def stop(self) -> int | None:
        """Nothing ran."""
        return None

    def status(self) -> ProducerStatus | None:
        """There is none."""
        return None
