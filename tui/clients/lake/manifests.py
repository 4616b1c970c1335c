"""The data and delete files of a snapshot, from its manifest list and manifests (specification, "Manifests")."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fastavro

from tui.clients.lake.cache import Lru
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, ExactFloat, FileEntry
from tui.clients.lake.metadata import TableMetadata
from tui.clients.lake.parquet import DELETED_PATH
from tui.clients.lake.shelf import Shelf
from tui.clients.lake.storage import Storage
from tui.model.errors import NotFoundError, UnavailableError

ENTRIES = 60_000
"""How many files the cached manifests may name: about 40 MB."""
_SIDE_BY_SIDE = 8
_ADDED, _DELETED = 1, 2
_DAMAGE = (
    ValueError, EOFError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError, struct.error,
    zlib.error, fastavro.schema.SchemaParseException, RecursionError,
)  # fmt: skip
_NO_BOUNDS: Mapping[int, bytes] = {}

Manifests = Lru[str, Shelf]
"""Parsed manifests by path; they never change, so only new ones are read."""


def manifest_cache() -> Manifests:
    """An empty cache."""
    return Lru(ENTRIES, lambda shelf: len(shelf.files) + 1)


def shelves(storage: Storage, table: TableMetadata, snapshot_id: int, cache: Manifests) -> tuple[Shelf, ...]:
    """Every live file of the snapshot, by manifest; raises `UnavailableError`."""
    try:
        manifests = list(_records(storage, table, table.manifest_lists[snapshot_id]))
        return tuple(_shelves(manifests, storage, table, cache))
    except NotFoundError as error:
        raise UnavailableError(f"Table {table.name} lacks a manifest: {error}") from None
    except _DAMAGE as error:
        raise UnavailableError(f"A manifest of table {table.name} is damaged: {error!r:.200}.") from None


def _records(storage: Storage, table: TableMetadata, uri: str) -> Iterator[dict[str, Any]]:
    for record in fastavro.reader(io.BytesIO(storage.read(table.path(uri)))):
        if not isinstance(record, dict):
            raise TypeError(f"{uri} holds no records")
        yield record


def _shelves(manifests: list[dict[str, Any]], storage: Storage, table: TableMetadata, cache: Manifests) -> list[Shelf]:
    """What each manifest names; those that are new are read side by side."""

    def read(manifest: Mapping[str, Any]) -> Shelf:
        path = manifest["manifest_path"]
        found = cache.get(path)
        return cache.put(path, Shelf(_entries(manifest, storage, table))) if found is None else found

    unread = sum(cache.get(m["manifest_path"]) is None for m in manifests)
    if unread < 2:
        return [read(m) for m in manifests]
    pool = ThreadPoolExecutor(min(_SIDE_BY_SIDE, unread), thread_name_prefix="lake-manifest")
    try:
        return list(pool.map(read, manifests))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _entries(manifest: Mapping[str, Any], storage: Storage, table: TableMetadata) -> Iterator[FileEntry]:
    wanted = table.bounded | {DELETED_PATH.id}
    seen: dict[bytes, bytes] = {}  # equal bounds are kept once
    for entry in _records(storage, table, manifest["manifest_path"]):
        if entry["status"] == _DELETED:
            continue
        file = entry["data_file"]
        content = int(file.get("content") or 0)
        _must_be_parquet(table, content, str(file["file_format"]).upper())
        yield FileEntry(
            content=content,
            uri=file["file_path"],
            sequence=_sequence(entry, manifest),
            records=file["record_count"],
            size_bytes=file["file_size_in_bytes"],
            scope=_scope(content, file, manifest["partition_spec_id"], table),
            lower=_bounds(file.get("lower_bounds"), wanted, seen),
            upper=_bounds(file.get("upper_bounds"), wanted, seen),
            equality_ids=tuple(sorted(file.get("equality_ids") or ())),
        )


def _must_be_parquet(table: TableMetadata, content: int, kind: str) -> None:
    if kind == "PUFFIN":
        raise UnavailableError(
            f"Table {table.name} marks deleted rows in deletion vectors (format version 3), which this reader does not "
            "apply; a table of version 2 has delete files instead."
        )
    if kind != "PARQUET":
        what = "data" if content == DATA else "delete"
        raise UnavailableError(f"Table {table.name} has {what} files in {kind}; this reader reads Parquet only.")


def _scope(
    content: int, file: Mapping[str, Any], spec: int, table: TableMetadata
) -> tuple[int, tuple[Any, ...]] | None:
    """Where the file is, or where its deletes apply (specification, "Scan Planning").

    A position delete file that names one data file is not asked for its partition, as in Iceberg's own reader
    (`DeleteFileIndex`).
    """
    if content == EQUALITY_DELETES and spec in table.unpartitioned_specs:
        return None
    if content == POSITION_DELETES and _names_one(file):
        return None
    return spec, tuple(ExactFloat(v) if isinstance(v, float) else v for v in file["partition"].values())


def _names_one(file: Mapping[str, Any]) -> bool:
    if file.get("referenced_data_file") is not None:
        return True
    low, high = (
        next((p["value"] for p in file.get(side) or () if p["key"] == DELETED_PATH.id), None)
        for side in ("lower_bounds", "upper_bounds")
    )
    return low is not None and low == high


def _sequence(entry: Mapping[str, Any], manifest: Mapping[str, Any]) -> int:
    """The data sequence number; one left out is the manifest's (specification, "Sequence Number Inheritance")."""
    own = entry.get("sequence_number")
    if own is not None:
        return int(own)
    inherited = int(manifest.get("sequence_number") or 0)
    if entry["status"] != _ADDED and inherited != 0:
        raise ValueError(f"no sequence number for {entry['data_file']['file_path']}")
    return inherited


def _bounds(
    pairs: list[dict[str, Any]] | None, wanted: frozenset[int], seen: dict[bytes, bytes]
) -> Mapping[int, bytes]:
    found = {p["key"]: seen.setdefault(p["value"], p["value"]) for p in pairs or () if p["key"] in wanted}
    return found or _NO_BOUNDS
