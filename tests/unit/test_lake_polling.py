"""Asking again is cheap, and never shows what is no longer so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.lake_writer import Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.cache import Lru
from tui.clients.lake.metadata import Field
from tui.clients.lake.storage import Stamp, Storage, open_storage
from tui.clients.lake.tables import PROBE_S, SETTLE_S, Tables
from tui.model.errors import NotFoundError

FIELDS = (Field(1, "k", "string"),)


class Counting(Storage):
    """Tells which calls reach the storage; times of files are cut to whole seconds, as on S3."""

    def __init__(self, warehouse: str) -> None:
        super().__init__(open_storage(warehouse)._fs, "here")
        self.calls: list[str] = []

    def read(self, path: str) -> bytes:
        self.calls.append("read")
        return super().read(path)

    def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
        self.calls.append("existing")
        return super().existing(paths)

    def names(self, folder: str) -> tuple[str, ...]:
        self.calls.append("names")
        return super().names(folder)

    def stamps(self, paths: Iterable[str]) -> tuple[Stamp | None, ...]:
        self.calls.append("stamps")
        found = super().stamps(paths)
        return tuple(None if s is None else Stamp(s.size_bytes, s.modified_ns // 10**9) for s in found)


class Polled:
    """One table, and a reader with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = f"{folder}/db/t"
        self.writer = Writer.create(self.root, FIELDS)
        self.writer.commit(data=[[{"k": "a"}]])
        self.storage = Counting(str(folder))
        self.now = 100.0
        self.tables = Tables(self.storage, f"{folder}/db", lambda: self.now)
        self.second = 1_700_000_000
        self.touch()

    def touch(self) -> None:
        """Give all metadata the same second."""
        for file in Path(self.root, "metadata").iterdir():
            os.utime(file, (self.second, self.second))

    def commit(self, second: int | None = None) -> int:
        """One more snapshot, in the same second unless told; returns its metadata version."""
        self.writer.commit(data=[[{"k": "b"}]])
        self.second = second or self.second
        self.touch()
        return self.writer.version

    def poll(self, after_s: float) -> int:
        """The metadata version that is seen so much later."""
        self.now += after_s
        self.storage.calls.clear()
        return self.tables.newest("t").version

    def settle(self) -> None:
        self.poll(0)
        self.poll(SETTLE_S)


@pytest.fixture
def polled(tmp_path: Path) -> Polled:
    return Polled(tmp_path)


def test_an_unchanged_table_costs_one_look_at_two_files(polled: Polled) -> None:
    polled.settle()
    before = polled.tables.newest("t")
    for _ in range(5):
        assert polled.poll(1.0) == 2
        assert polled.storage.calls == ["stamps"]
    assert polled.tables.newest("t") is before


def test_a_change_is_seen_at_once(polled: Polled) -> None:
    polled.settle()
    version = polled.commit(second=polled.second + 1)
    assert polled.poll(0.1) == version
    polled.settle()
    assert polled.poll(1.0) == version
    assert polled.storage.calls == ["stamps"]


@pytest.mark.parametrize("wait_s", [0.0, SETTLE_S / 2, SETTLE_S])
def test_a_change_that_no_stamp_tells_is_seen_because_young_stamps_are_not_trusted(
    polled: Polled, wait_s: float
) -> None:
    assert polled.poll(0) == 2
    version = polled.commit()
    assert polled.poll(wait_s) == version


def test_metadata_replaced_within_a_second_is_read_again(polled: Polled) -> None:
    polled.poll(0)
    first = polled.tables.newest("t").uuid
    path = Path(polled.root, "metadata/v2.metadata.json")
    other = first[:-1] + ("0" if first[-1] != "0" else "1")
    path.write_text(path.read_text().replace(first, other))
    polled.touch()
    polled.poll(0.5)
    assert polled.tables.newest("t").uuid == other


def test_a_version_without_its_hint_is_found_by_and_by(polled: Polled) -> None:
    """The writer died, or failed, between the two files."""
    polled.settle()
    hint = Path(polled.root, "metadata/version-hint.text")
    old = hint.read_bytes()
    version = polled.commit()
    hint.write_bytes(old)
    polled.touch()
    assert polled.poll(1.0) == version - 1
    assert polled.poll(PROBE_S) == version
    version = polled.commit()
    hint.write_bytes(old)
    polled.touch()
    assert polled.poll(0.1) == version  # a hint that was wrong is not trusted again


@pytest.mark.parametrize("hint", [None, b"", b"seven"])
def test_without_a_good_hint_every_look_searches(polled: Polled, hint: bytes | None) -> None:
    def spoil() -> None:
        path = Path(polled.root, "metadata/version-hint.text")
        if hint is None:
            path.unlink()
        else:
            path.write_bytes(hint)
        polled.touch()

    spoil()
    polled.settle()
    version = polled.commit()
    spoil()
    assert polled.poll(0.1) == version


def test_a_dropped_table_is_gone_and_a_new_one_is_new(polled: Polled) -> None:
    polled.settle()
    old = polled.tables.newest("t")
    shutil.rmtree(polled.root)
    with pytest.raises(NotFoundError):
        polled.poll(0.1)
    polled.writer = Writer.create(polled.root, FIELDS)
    polled.commit()
    assert polled.poll(0.1) == 2
    new = polled.tables.newest("t")
    assert new.uuid != old.uuid
    assert not set(new.by_id) & set(old.by_id)


def test_a_table_made_anew_behind_the_readers_back_shows_no_old_rows(tmp_path: Path) -> None:
    lake = LakeClient(str(tmp_path), "db")

    def rows() -> list[str]:
        return [v for b in lake.scan("t") for v in b.column(0).to_pylist()]

    for value in ("old", "new"):
        Writer.create(f"{tmp_path}/db/t", FIELDS).commit(data=[[{"k": value}]])
        assert rows() == [value]
        shutil.rmtree(tmp_path / "db" / "t")


def test_snapshots_are_kept_from_one_version_to_the_next(polled: Polled) -> None:
    polled.settle()
    before = polled.tables.newest("t").history.snapshots
    polled.commit(second=polled.second + 1)
    polled.poll(0.1)
    after = polled.tables.newest("t").history.snapshots
    assert len(after) == len(before) + 1
    assert all(a is b for a, b in zip(after, before, strict=False))


def test_the_cache_stays_within_its_budget() -> None:
    cache: Lru[str, str] = Lru(10, len)
    cache.put("a", "aaaa")
    cache.put("b", "bbbb")
    assert cache.get("a") == "aaaa"  # now `b` is the one unused for the longest time
    cache.put("c", "cccc")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("aaaa", None, "cccc")
    cache.put("c", "c")
    assert cache.weight == 5
    assert cache.put("d", "d" * 11) == "d" * 11
    assert cache.get("d") is None
    assert cache.weight == 5
