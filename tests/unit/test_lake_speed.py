"""What a look at the candles reads: what is new, however long the table is, and what is kept stays within bounds."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from tests.lake_writer import CANDLES, Row, Writer
from tui.clients.lake import LakeClient, growing, scan, tables
from tui.clients.lake.growing import GrowingDocument
from tui.clients.lake.metadata import TableMetadata, load, locate
from tui.clients.lake.scan import Between
from tui.clients.lake.storage import Stamp, Storage, open_storage
from tui.model.access import S3Access

START = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
KEY = ("symbol", "window_start")


class Counting(Storage):
    """Tells which objects are read, and at how many it is looked."""

    def __init__(self, warehouse: Path) -> None:
        super().__init__(open_storage(str(warehouse))._fs, "here")
        self.paths: list[str] = []
        self.looks = 0

    def read(self, path: str) -> bytes:
        self.paths.append(path)
        return super().read(path)

    def open(self, path: str) -> pa.NativeFile:
        self.paths.append(path)
        return super().open(path)

    def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
        wanted = list(paths)
        self.looks += len(wanted)
        return super().existing(wanted)

    def stamps(self, paths: Iterable[str]) -> tuple[Stamp | None, ...]:
        wanted = list(paths)
        self.looks += len(wanted)
        return super().stamps(wanted)


class Candles:
    """A table of candles written as the job does, and a reader that counts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tables, "SETTLE_S", -1.0)
        self.writer = Writer.create(f"{folder}/db/agg_1m", CANDLES)
        self.minute = 0
        self.lake = LakeClient(str(folder), "db")
        self.storage = Counting(folder)
        self.lake._storage = self.lake._tables._storage = self.storage

    def candle(self, symbol: str, minute: int, count: int) -> Row:
        start = START + timedelta(minutes=minute)
        values = {f.name: 1.0 for f in CANDLES if f.type == "double"}
        return {"symbol": symbol, "window_start": start, "window_end": start, "trade_count": count, **values}

    def commit(self) -> None:
        """One checkpoint: the minute before again, a new one, each first deleted; one row is deleted by position."""
        rows = [self.candle(s, m, 2 if m < self.minute else 1) for m in self.minutes() for s in SYMBOLS]
        doubled = [self.candle(SYMBOLS[0], self.minute, 0), *rows]
        self.writer.commit(data=[doubled], equality=[(KEY, [{k: r[k] for k in KEY} for r in rows])], positions=[(0, 0)])
        self.minute += 1

    def minutes(self) -> range:
        return range(max(0, self.minute - 1), self.minute + 1)

    def refresh(self, limit: int = 5) -> list[str]:
        """The candles are right; the paths read for it, hint and metadata aside."""
        self.storage.paths.clear()
        self.storage.looks = 0
        found = self.lake.candles("BTCUSDT", limit).candles
        first = max(0, self.minute - limit)
        assert [(c.window_start, c.trade_count) for c in found] == [
            (START + timedelta(minutes=m), 1 if m == self.minute - 1 else 2) for m in range(first, self.minute)
        ]
        return [p for p in self.storage.paths if not p.endswith((".text", ".json"))]


@pytest.fixture
def candles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Candles:
    return Candles(tmp_path, monkeypatch)


def test_an_unchanged_table_is_one_look(candles: Candles) -> None:
    for _ in range(3):
        candles.commit()
    candles.refresh()
    candles.refresh()
    assert candles.refresh() == []
    assert (candles.storage.paths, candles.storage.looks) == ([], 1)


@pytest.mark.parametrize("commits", [6, 24])
def test_a_commit_costs_what_it_added(candles: Candles, commits: int) -> None:
    for _ in range(commits):
        candles.commit()
    candles.refresh()
    for _ in range(3):
        known = set(Path(candles.writer.root).rglob("*"))
        candles.commit()
        added = {str(p) for p in set(Path(candles.writer.root).rglob("*")) - known if p.suffix != ".json"}
        assert sorted(candles.refresh()) == sorted(added)
        assert len(added) == 1 + 2 + 3  # manifest list; manifests of data, of deletes; data and delete files
        assert candles.refresh() == []


def test_the_last_minutes_are_read_of_recent_files_only(tmp_path: Path, candles: Candles) -> None:
    for _ in range(40):
        candles.commit()
    read = [p for p in candles.refresh(limit=5) if p.endswith(".parquet")]
    assert len(read) <= 3 * 7  # five minutes and those that overlap them


def test_what_is_kept_of_files_stays_within_its_budget(
    tmp_path: Path, candles: Candles, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = 60_000
    monkeypatch.setattr(scan, "CACHED_BYTES", budget)
    for _ in range(30):
        candles.commit()
        candles.refresh(limit=25)
        assert candles.lake._batches is not None
        assert candles.lake._batches.weight <= budget
    assert candles.lake._batches.weight > budget / 2


@pytest.mark.parametrize("seed", range(5))
def test_a_lower_limit_finds_what_a_whole_scan_finds(tmp_path: Path, seed: int) -> None:
    """Late corrections: an old file may hold new minutes, and a new delete old ones; a null leaves a file unbounded."""
    draw = random.Random(seed)
    writer = Writer.create(f"{tmp_path}/db/agg_1m", CANDLES)
    make = Candles.candle
    for number in range(20):
        minutes = draw.sample(range(40), draw.randrange(2, 6))
        rows = [make(None, "BTCUSDT", m, number) for m in minutes]  # type: ignore[arg-type]
        drop = [(0, draw.randrange(len(rows)))] if draw.random() < 0.8 else []
        keys = [{k: r[k] for k in KEY} for r in rows]
        unbounded = [{**rows[0], "window_start": None}] if draw.random() < 0.2 else []
        equality = [(KEY, keys)] if draw.random() < 0.15 else []
        writer.commit(data=[[*rows, *unbounded]], equality=equality, positions=drop)
    lake = LakeClient(str(tmp_path), "db")

    def rows_of(*where: Between) -> list[tuple[object, ...]]:
        batches = lake.scan("agg_1m", ["window_start", "trade_count"], where=where)
        rows = [(r["window_start"], r["trade_count"]) for b in batches for r in b.to_pylist()]
        return sorted(r for r in rows if r[0] is not None)

    everything = rows_of()
    assert len(everything) > 15
    for minute in range(-1, 42):
        low = START + timedelta(minutes=minute)
        assert rows_of(Between("window_start", low)) == [r for r in everything if r[0] >= low]  # type: ignore[operator]


class Document:
    """A table's metadata, read as it grows and as a whole."""

    def __init__(self, folder: Path) -> None:
        self.root = f"{folder}/db/agg_1m"
        self.writer = Writer.create(self.root, CANDLES)
        self.storage = Counting(folder)
        self.growing = GrowingDocument()
        self.known: TableMetadata | None = None

    def look(self) -> bool:
        """Both ways give the same; whether what was known already was not read again."""
        located = locate(self.storage, self.root, "agg_1m")
        _, whole = load(self.storage, self.root, "agg_1m", located)
        read = self.storage.paths.count(located.path)
        calls: list[str] = []
        original, self.storage.read = self.storage.read, lambda path: calls.append(path) or original(path)  # type: ignore[method-assign, func-returns-value]
        try:
            _, found = load(self.storage, self.root, "agg_1m", located, self.known, self.growing)
        finally:
            self.storage.read = original  # type: ignore[method-assign]
        assert read
        assert found == whole
        self.known = found
        return not calls


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.setattr(growing, "LONG_BYTES", 0)
    return Document(tmp_path)


def test_a_document_that_grows_is_not_read_again(document: Document) -> None:
    for number in range(12):
        document.writer.commit(data=[[{"symbol": "A"}]], checkpoint=number)
        assert document.look() is (number > 0)
        assert document.look()


def test_a_document_that_does_not_grow_is_read_as_a_whole(document: Document) -> None:
    writer = document.writer
    for _ in range(4):
        writer.commit(data=[[{"symbol": "A"}]])
    document.look()
    writer.document["snapshots"] = writer.document["snapshots"][1:]  # one has expired
    writer.commit(data=[[{"symbol": "A"}]])
    assert not document.look()
    last = writer.document["snapshots"].pop()  # rolled back, and another one in its place
    writer.document |= {"last-sequence-number": last["sequence-number"] - 1, "current-snapshot-id": -1}
    writer.commit(data=[[{"symbol": "A"}]])
    assert not document.look()
    writer.document["snapshots"].pop(1)
    writer.save()
    assert not document.look()
    writer.document = {"properties": {"long": "x" * 5_000}, **writer.document}
    writer.commit(data=[[{"symbol": "A"}]])
    assert not document.look()
    writer.commit(data=[[{"symbol": "A"}]])
    assert document.look()
    shutil.rmtree(document.root)
    document.writer = Writer.create(document.root, CANDLES)
    document.writer.commit(data=[[{"symbol": "A"}]])
    assert not document.look()


@pytest.mark.parametrize("text", ['"snapshots" : [ {', '"manifest-list" : "x" }', '"snapshots": []'])
@pytest.mark.parametrize("where", ["first", "last"])
def test_words_of_the_format_within_a_document_mislead_nobody(document: Document, text: str, where: str) -> None:
    writer, odd = document.writer, {"properties": {"odd": text, text: "odd"}}
    for _ in range(3):
        writer.commit(data=[[{"symbol": "A"}]])
        rest = {k: v for k, v in writer.document.items() if k not in odd}
        writer.document = {**odd, **rest} if where == "first" else {**rest, **odd}
        writer.save()
        document.look()


class NoListing(BaseHTTPRequestHandler):
    """An S3 server without any object, that notes what it is asked."""

    asked: list[str] = []  # noqa: RUF012 - of the class, as handlers are made anew

    def do_HEAD(self) -> None:
        type(self).asked.append(f"HEAD {self.path}")
        self.send_response(404)
        self.end_headers()

    def do_GET(self) -> None:
        type(self).asked.append(f"GET {self.path}")
        self.send_response(404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


def test_a_look_for_files_that_are_not_there_lists_nothing() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), NoListing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        storage = open_storage("s3a://warehouse/x", S3Access(endpoint, access_key="k", secret_key="s"))
        assert storage.existing(["warehouse/x/a", "warehouse/x/b"]) == ()
        assert sorted(NoListing.asked) == ["HEAD /warehouse/x/a", "HEAD /warehouse/x/b"]
        server.shutdown()
