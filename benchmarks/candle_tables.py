"""Tables of candles with as many commits as asked for, written by the product's job on a real stack.

A day at a checkpoint a minute is made in minutes: checkpoints are as short as commits allow, and each is fed with one
minute of event time. What a checkpoint gets is half of one minute and half of the next, so that every candle is
written by one commit and corrected by the next, as it is when checkpoints are not aligned with the clock.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks import lab
from producer.events import encode_json
from tui import bootstrap
from tui.core.control import Control
from tui.model.flink import RestorePoint
from tui.settings import Settings
from tui.stack.local.job import LocalJobs
from tui.stack.local.layout import Layout
from tui.stack.wished import NoWish

MINUTE_MS = 60_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
_A_MINUTE = 10  # trades of one symbol
_QUICK = ("--checkpoint-interval-s", "0.1", "--mini-batch-s", "0.05")
_AHEAD = 2  # minutes that are fed before their commit is seen
_STALL_S = 60.0


class QuickJobs(LocalJobs):
    """Submits the job with a checkpoint as soon as the one before it is done.

    Flink writes right into the folder that the S3 server serves: a commit by way of S3 takes five times as long.
    """

    def __init__(self, stack: Settings) -> None:
        super().__init__(stack)
        self._folder_uri = warehouse_folder(stack).as_uri()

    def arguments(self, point: RestorePoint | None) -> list[str]:
        """The job's own; the last one said of a name counts."""
        return [*super().arguments(point), "--warehouse", self._folder_uri, *_QUICK]


def warehouse_folder(stack: Settings) -> Path:
    """Where the local S3 server keeps the files of the warehouse."""
    return Layout(stack.home).data / "s3" / stack.s3 / stack.warehouse.split("://", 1)[1]


def table_folder(stack: Settings, table: str = "agg_1m") -> Path:
    """Where it keeps the files of a table."""
    return warehouse_folder(stack) / stack.database / table


def commits(stack: Settings) -> int:
    """How many commits the table of candles has: the versions of its metadata but the first."""
    try:
        return int((table_folder(stack) / "metadata" / "version-hint.text").read_text()) - 1
    except (FileNotFoundError, ValueError):
        return 0


def trades(minute: int, first_ms: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of the trades from the middle of one minute to the middle of the next."""
    for number in range(_A_MINUTE):
        ts = first_ms + minute * MINUTE_MS + MINUTE_MS // 2 + number * MINUTE_MS // _A_MINUTE
        for place, symbol in enumerate(SYMBOLS):
            price = round(100.0 * (place + 1) + (minute * 7 + number * 13) % 97 / 8, 3)
            side = "BUY" if (number + minute) % 2 else "SELL"
            trade = {"symbol": symbol, "ts": ts, "price": price, "qty": 0.5 + number / 8, "side": side}
            yield symbol.encode(), encode_json(trade)


class Growing:
    """A table of candles in a pipeline of its own on `stack`, that grows by one commit a minute of event time."""

    def __init__(self, stack: Settings, name: str, minutes: int) -> None:
        topic = f"{name}-{time.time_ns():x}"
        self.settings = replace(stack, topic=topic, group=topic, database=name)
        self._first_ms = (int(time.time() * 1000) // MINUTE_MS - minutes - 2) * MINUTE_MS
        self._fed = 0
        self._producer = Producer({"bootstrap.servers": stack.kafka, "acks": "all", "linger.ms": 2})
        admin = AdminClient({"bootstrap.servers": stack.kafka})
        admin.create_topics([NewTopic(topic, stack.partitions, 1)])[topic].result(30)
        found = bootstrap.clients(self.settings)
        self.control = Control(found.flink, found.flink, found.kafka, found.lake, QuickJobs(self.settings), NoWish())
        self.control.submit(lab.silent)

    def feed(self) -> None:
        """The trades of one more minute."""
        for key, value in trades(self._fed, self._first_ms):
            self._producer.produce(self.settings.topic, value, key)
        self._producer.flush(30)
        self._fed += 1

    def grow(self, count: int) -> None:
        """Feed and wait until the table has `count` commits."""
        seen, since = -1, time.monotonic()
        while (now := commits(self.settings)) < count:
            if now > seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > _STALL_S:
                raise SystemExit(f"{self.settings.database}: no commit for {_STALL_S:.0f} s after {now}")
            if self._fed < min(now + _AHEAD, count):
                self.feed()
            elif self._fed >= count and time.monotonic() - since > 5:
                self.feed()  # two minutes went into one commit
            else:
                time.sleep(0.02)


class Replay:
    """A table of candles as it was after `count` commits, in a folder of its own, and its later commits one by one.

    All that the newest metadata names is there already, so a commit is one new metadata file and the hint. The files
    are links to those of the table that Flink wrote.
    """

    def __init__(self, written: Settings, name: str, count: int) -> None:
        self.settings = replace(written, database=name)
        source, self.folder = table_folder(written), table_folder(self.settings)
        newest = (source / "metadata" / f"v{commits(written) + 1}.metadata.json").read_bytes()
        self._document: dict[str, Any] = json.loads(newest)
        shutil.rmtree(self.folder, ignore_errors=True)
        for kind in ("metadata", "data"):
            (self.folder / kind).mkdir(parents=True)
            for file in (source / kind).glob("[!.]*.avro" if kind == "metadata" else "[!.]*"):
                (self.folder / kind / file.name).hardlink_to(file)
        self._count = count - 1
        self.step()

    def step(self) -> None:
        """One commit."""
        self._count += 1
        snapshots = self._document["snapshots"][: self._count]
        last = snapshots[-1]
        main = {**self._document["refs"]["main"], "snapshot-id": last["snapshot-id"]}
        document = {
            **self._document,
            "last-sequence-number": last["sequence-number"],
            "last-updated-ms": last["timestamp-ms"],
            "current-snapshot-id": last["snapshot-id"],
            "refs": {"main": main},
            "snapshots": snapshots,
            "snapshot-log": self._document["snapshot-log"][: self._count],
            "metadata-log": [],  # its entries are of after the last commit, which Iceberg's own reader refuses
        }
        version = self._count + 1
        text = json.dumps(document, indent=2, separators=(",", " : "))
        (self.folder / "metadata" / f"v{version}.metadata.json").write_text(text)
        beside = self.folder / "metadata" / "hint.new"
        beside.write_text(str(version))
        beside.replace(self.folder / "metadata" / "version-hint.text")
