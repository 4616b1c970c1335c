"""The trades of the last hours, at a steady rate of their own time, sent in fewer minutes; ends when all are there.

    python benchmarks/day_feed.py BOOTSTRAP TOPIC HOURS MINUTES RATE

Made and delivered by the product's own code, so that its memory is the producer's. RATE is per second of the trades'
own time. Prints how many messages were acknowledged.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "producer"))

from delivery import Delivery
from events import Faults, Market
from pacing import Pacer

BATCH = 256
FAULTS = Faults(late=0.01, bad=0.001, duplicates=0.01)


def main(bootstrap: str, topic: str, hours: float, minutes: float, rate: float) -> None:
    """Send them all."""
    count, step_ms = int(hours * 3600 * rate), 1000 / rate
    start_ms = time.time() * 1000 - count * step_ms
    market = Market(faults=FAULTS)
    delivery = Delivery(bootstrap, topic, lambda: True)
    delivery.connect()
    pacer, sent = Pacer(count / (minutes * 60), time.monotonic), 0
    while sent < count:
        due = pacer.due(min(BATCH, count - sent))
        for number in range(sent, sent + due):
            delivery.send(market.next(round(start_ms + number * step_ms)))
        sent += due
        delivery.serve(0.0 if due == BATCH else min(0.2, max(0.02, pacer.wait_s())))
    delivery.drain()
    print(delivery.acknowledged)


if __name__ == "__main__":
    main(*sys.argv[1:3], *(float(argument) for argument in sys.argv[3:6]))
