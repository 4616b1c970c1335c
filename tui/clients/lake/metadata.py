"""Finds and parses the current metadata of a Hadoop-catalog table.

A Hadoop catalog keeps `metadata/vN.metadata.json` and a hint of the newest N in `version-hint.text`
(Iceberg specification, "File System Tables"). The hint is written after the metadata, so it may be missing,
stale or half-written: it is only where the search starts.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tui.clients.lake.growing import GrowingDocument
from tui.clients.lake.schema import bounded_ids, describe, integer, text
from tui.clients.lake.storage import Storage, path_of
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.iceberg import Snapshot, TableHistory, TableSchema

_VERSION = re.compile(r"^v([0-9]{1,19})(\.gz)?\.metadata\.json(\.gz)?$")
_DIGITS = re.compile(r"[0-9]{1,19}")
_PROBES = 8  # versions to probe beyond the hint before listing the folder instead
_END_OF_INPUT = 2**63 - 1  # the stamp of a bounded job's last commit, which belongs to no checkpoint
_RETRIES, _RETRY_S = 3, 0.1  # a metadata file that is just being written
_FORMATS = (1, 2)
_DAMAGE = (
    KeyError, TypeError, ValueError, AttributeError, StopIteration, IndexError, OverflowError, OSError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One top-level column; `type` is Iceberg's name of a primitive type, `None` for a nested one."""

    id: int
    name: str
    type: str | None


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """One version of a table's metadata, reduced to what readers need.

    `fields` are the columns as they are now; `schemas` has those of every schema by its id, newest last, and
    `identities` the columns that a partition spec takes over unchanged: spec id → field id → place in the partition.
    """

    name: str
    version: int
    root: str
    location: str
    uuid: str
    fields: tuple[Field, ...]
    schema: TableSchema
    bounded: frozenset[int]
    unpartitioned_specs: frozenset[int]
    identities: Mapping[int, Mapping[int, int]]
    schemas: Mapping[int, tuple[Field, ...]]
    current_id: int | None
    history: TableHistory
    by_id: Mapping[int, Snapshot] = field(repr=False)
    manifest_lists: Mapping[int, str] = field(repr=False)
    schema_ids: Mapping[int, int] = field(repr=False)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The snapshots, oldest first."""
        return self.history.snapshots

    @property
    def current(self) -> Snapshot | None:
        """The current snapshot, `None` while the table is empty."""
        return None if self.current_id is None else self.by_id.get(self.current_id)

    def path(self, uri: str) -> str:
        """Where the file `uri` is: inside the table's folder, even when that was copied to another place."""
        path, declared = path_of(uri), path_of(self.location)
        return self.root + path.removeprefix(declared) if path.startswith(declared + "/") else path

    def column(self, name: str) -> Field:
        """The column of that name; raises `NotFoundError`."""
        found = next((f for f in self.fields if f.name == name), None)
        if found is None:
            known = ", ".join(f.name for f in self.fields)
            raise NotFoundError(f"Table {self.name} has no column {name!r}; it has {known}.")
        return found

    def field_of(self, field_id: int) -> Field | None:
        """The column with that id, also one that was dropped; `None` when no schema has it at its top level.

        A dropped column has a name that no other column can have: its own may have been given away since.
        """
        found = next((f for f in self.fields if f.id == field_id), None)
        if found is not None:
            return found
        former = [f for fields in self.schemas.values() for f in fields if f.id == field_id]
        return replace(former[-1], name=f"\0{field_id}") if former else None

    def as_of(self, snapshot_id: int) -> TableMetadata:
        """This table with the columns that it had when the snapshot was written (`schema-id` of the snapshot)."""
        schema_id = self.schema_ids.get(snapshot_id, self.schema.schema_id)
        return replace(self, fields=self.schemas.get(schema_id, self.fields))


@dataclass(frozen=True, slots=True)
class Located:
    """The file of the newest metadata version; `hinted` whether the hint names just this version."""

    version: int
    path: str
    hinted: bool


def hint_path(root: str) -> str:
    """Where the hint of the table in folder `root` is."""
    return f"{root}/metadata/version-hint.text"


def locate(storage: Storage, root: str, name: str) -> Located:
    """The newest metadata file of the table in folder `root`; raises `NotFoundError` when there is no table."""
    folder = f"{root}/metadata"
    hint = _hint(storage, root)
    found = _probe(storage, folder, hint) if hint is not None else None
    if found is None:
        listed = {int(m[1]): f"{folder}/{n}" for n in storage.names(folder) if (m := _VERSION.match(n))}
        if not listed:
            raise NotFoundError(f"Table {name} does not exist yet: submit the job first.")
        found = max(listed.items())
    return Located(*found, hinted=found[0] == hint)


def load(
    storage: Storage,
    root: str,
    name: str,
    located: Located,
    known: TableMetadata | None = None,
    growing: GrowingDocument | None = None,
) -> tuple[str, TableMetadata]:
    """The metadata in the `located` file, or in the one before it if that one is half-written; with its path.

    Snapshots that are in `known` too are taken from it. Raises `UnavailableError` when nothing can be read.
    """
    folder, version, path = f"{root}/metadata", located.version, located.path
    growing, ids = growing or GrowingDocument(), known.by_id if known is not None else {}
    document = _document(storage, path, growing, ids)
    if document is None and version > 1:  # half-written: the version before it is the last whole one
        version, path = version - 1, next(iter(storage.existing(_names(folder, version - 1))), "")
        document = _document(storage, path, growing, ids) if path else None
    if document is None:
        raise UnavailableError(f"The metadata of table {name} ({path or folder}) is damaged: it is not valid JSON.")
    try:
        return path, parse(document, name=name, version=version, root=root, known=known)
    except _DAMAGE as error:
        raise UnavailableError(f"The metadata of table {name} ({path}) is damaged: {error!r:.200}.") from None


def _hint(storage: Storage, root: str) -> int | None:
    try:
        hint = storage.read(hint_path(root)).strip().decode("ascii")
    except (NotFoundError, ValueError):
        return None
    return int(hint) if _DIGITS.fullmatch(hint) else None


def _probe(storage: Storage, folder: str, hint: int) -> tuple[int, str] | None:
    """The newest version at or after the hint, `None` when the hint leads nowhere or far too low."""
    best: tuple[int, str] | None = None
    for first in range(hint, hint + _PROBES, 2):
        found = storage.existing([name for version in (first, first + 1) for name in _names(folder, version)])
        for version in (first, first + 1):
            path = next((name for name in _names(folder, version) if name in found), None)
            if path is None:
                return best
            best = version, path
    return None


def _names(folder: str, version: int) -> list[str]:
    return [f"{folder}/v{version}{end}" for end in (".metadata.json", ".gz.metadata.json", ".metadata.json.gz")]


def _document(storage: Storage, path: str, growing: GrowingDocument, ids: Collection[int]) -> dict[str, Any] | None:
    for attempt in range(_RETRIES):
        if attempt:
            time.sleep(_RETRY_S)
        try:
            document = growing.read(storage, path, ids)
        except (ValueError, EOFError, gzip.BadGzipFile, NotFoundError):
            continue
        if isinstance(document, dict):
            return document
    return None


def parse(
    document: Mapping[str, Any], *, name: str, version: int, root: str, known: TableMetadata | None = None
) -> TableMetadata:
    """Table metadata (format versions 1 and 2) from its JSON; raises `UnavailableError` for another format."""
    document = _as_version_2(document, name)
    schema = next(s for s in document["schemas"] if s["schema-id"] == document["current-schema-id"])
    schemas = {s["schema-id"]: _fields(s) for s in sorted(document["schemas"], key=lambda s: integer(s["schema-id"]))}
    specs = {integer(s["spec-id"]): s["fields"] for s in document["partition-specs"]}
    current = document.get("current-snapshot-id")
    current = None if current in (None, -1) else integer(current)
    raw = sorted(document.get("snapshots") or (), key=lambda s: (integer(s["sequence-number"]), s["timestamp-ms"]))
    before = known.by_id if known is not None and known.uuid == document["table-uuid"] else {}
    snapshots = tuple(before.get(s["snapshot-id"]) or _snapshot(s) for s in raw)
    return TableMetadata(
        name=name,
        version=version,
        root=root,
        location=document["location"],
        uuid=document["table-uuid"],
        fields=schemas[schema["schema-id"]],
        schema=describe(document, schema, name),
        bounded=bounded_ids(schema),
        unpartitioned_specs=frozenset(
            i for i, fields in specs.items() if all(f["transform"] == "void" for f in fields)
        ),
        identities={i: _identities(fields) for i, fields in specs.items()},
        schemas=schemas,
        current_id=current,
        history=TableHistory(name, document["location"], version, current, snapshots),
        by_id={s.id: s for s in snapshots},
        manifest_lists={s["snapshot-id"]: text(s["manifest-list"]) for s in raw},
        schema_ids={s["snapshot-id"]: integer(s["schema-id"]) for s in raw if s.get("schema-id") is not None},
    )


def _as_version_2(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What version 1 leaves out or calls otherwise, by the rules for reading it (specification, "Version 2")."""
    version = document["format-version"]
    if version not in _FORMATS:
        raise UnavailableError(
            f"Table {name} has format version {version}, which this reader does not know; it reads versions 1 and 2."
        )
    if version != 1:
        return document
    snapshots = [{"sequence-number": 0, **s} for s in document.get("snapshots") or ()]
    if any("manifest-list" not in s for s in snapshots):
        raise UnavailableError(
            f"Table {name} has snapshots without a manifest list, as writers of 2018 left them; this reader needs one."
        )
    return {
        "table-uuid": document["location"],
        "schemas": [{"schema-id": 0, **document["schema"]}] if "schemas" not in document else (),
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": document.get("partition-spec") or []}],
        **document,
        "snapshots": snapshots,
    }


def _fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(
        Field(integer(f["id"]), text(f["name"]), f["type"] if isinstance(f["type"], str) else None)
        for f in schema["fields"]
    )


def _identities(spec: list[Mapping[str, Any]]) -> dict[int, int]:
    return {integer(f["source-id"]): place for place, f in enumerate(spec) if f["transform"] == "identity"}


def _snapshot(raw: Mapping[str, Any]) -> Snapshot:
    summary: Mapping[str, Any] = raw.get("summary") or {}
    parent, job = raw.get("parent-snapshot-id"), summary.get("flink.job-id")
    stamp = _count(summary, "flink.max-committed-checkpoint-id")
    deleted = [_count(summary, f"total-{kind}-deletes") for kind in ("position", "equality")]
    return Snapshot(
        id=integer(raw["snapshot-id"]),
        parent_id=None if parent is None else integer(parent),
        sequence_number=integer(raw["sequence-number"]),
        committed_at=datetime.fromtimestamp(integer(raw["timestamp-ms"]) / 1000, UTC),
        operation=text(summary.get("operation", "unknown")),
        checkpoint_id=stamp if stamp != _END_OF_INPUT else None,
        job_id=None if job is None else text(job),
        added_records=_count(summary, "added-records"),
        added_files=_count(summary, "added-data-files"),
        added_delete_files=_count(summary, "added-delete-files"),
        total_records=_count(summary, "total-records"),
        total_files=_count(summary, "total-data-files"),
        total_delete_files=_count(summary, "total-delete-files"),
        total_bytes=_count(summary, "total-files-size"),
        total_deleted_rows=sum(d or 0 for d in deleted) if any(d is not None for d in deleted) else None,
    )


def _count(summary: Mapping[str, Any], key: str) -> int | None:
    """A count of the summary, which has them as text; `None` where there is none."""
    told = summary.get(key)
    return int(told) if isinstance(told, str) and _DIGITS.fullmatch(told) else None
