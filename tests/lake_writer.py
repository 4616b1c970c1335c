"""Writes Iceberg tables (format version 2 or 1, Hadoop layout) commit by commit, also onto tables that Flink wrote.

For tests only: it lets a test put any row, any delete file and any stamp into a table.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyiceberg.io import InputFile, OutputFile
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriter,
    ManifestWriterV1,
    ManifestWriterV2,
    read_manifest_list,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record

from tui.clients.lake.metadata import Field
from tui.clients.lake.parquet import DELETED_PATH, DELETED_POSITION, arrow_type
from tui.clients.lake.storage import path_of

_IDS = itertools.count(time.time_ns())
Row = Mapping[str, Any]
Scope = tuple[int, tuple[Any, ...]]
"""Spec id and partition."""

RAW = (
    Field(1, "symbol", "string"), Field(2, "ts", "long"), Field(3, "price", "double"), Field(4, "qty", "double"),
    Field(5, "side", "string"), Field(6, "event_time", "timestamptz"), Field(7, "kafka_partition", "int"),
    Field(8, "kafka_offset", "long"),
)  # fmt: skip
BAD = (
    Field(1, "raw", "string"), Field(2, "reason", "string"), Field(3, "kafka_partition", "int"),
    Field(4, "kafka_offset", "long"), Field(5, "kafka_time", "timestamptz"),
)  # fmt: skip
CANDLES = (
    Field(1, "symbol", "string"), Field(2, "window_start", "timestamptz"), Field(3, "window_end", "timestamptz"),
    Field(4, "open_price", "double"), Field(5, "high_price", "double"), Field(6, "low_price", "double"),
    Field(7, "close_price", "double"), Field(8, "total_qty", "double"), Field(9, "trade_count", "long"),
    Field(10, "buy_qty", "double"), Field(11, "sell_qty", "double"),
)  # fmt: skip


@dataclass
class Writer:
    """One table; `commit` adds a snapshot.

    `specs` are the identity partitions by spec id, the last one is the default; `scopes` says where each data file is,
    and `deletes` what delete files the last commit added.
    """

    filesystem: fs.FileSystem
    root: str
    location: str
    fields: Sequence[Field]
    partition_by: str | None = None
    version: int = 0
    document: dict[str, Any] = field(default_factory=dict)
    specs: list[str | None] = field(default_factory=list)
    scopes: dict[str, Scope] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)
    reserved: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, root: str, fields: Sequence[Field], partition_by: str | None = None) -> Writer:
        """A new, empty table in a local folder."""
        writer = cls(fs.LocalFileSystem(), root, f"file:{root}", fields, partition_by)
        writer.document = {
            "format-version": 2,
            "table-uuid": f"00000000-0000-0000-0000-{next(_IDS) % 10**12:012}",
            "location": writer.location,
            "last-sequence-number": 0,
            "last-updated-ms": time.time_ns() // 1_000_000,
            "last-column-id": max(f.id for f in fields),
            "last-partition-id": 1999,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
            "current-schema-id": 0,
            "schemas": [writer.schema_json()],
            "partition-specs": [],
            "current-snapshot-id": -1,
            "snapshots": [],
        }
        writer.filesystem.create_dir(f"{root}/metadata")
        writer.filesystem.create_dir(f"{root}/data")
        writer.partition(partition_by)
        writer.save()
        return writer

    @classmethod
    def open(cls, filesystem: fs.FileSystem, root: str, version: int, fields: Sequence[Field]) -> Writer:
        """An unpartitioned table that something else wrote, as of metadata version `version`."""
        with filesystem.open_input_file(f"{root}/metadata/v{version}.metadata.json") as stream:
            document = json.loads(stream.readall())
        return cls(
            filesystem, root, document["location"], fields, version=version, document=document, specs=[None]
        )  # fmt: skip

    def partition(self, column: str | None) -> None:
        """Partition by the column from now on (`None`: not at all); saved with the next commit."""
        self.partition_by = column
        source = {f.name: f.id for f in self.fields}.get(column or "", 0)
        parts = [{"name": column, "transform": "identity", "source-id": source, "field-id": 1000 + source}]
        self.document["partition-specs"].append({"spec-id": len(self.specs), "fields": parts if column else []})
        self.document["default-spec-id"] = len(self.specs)
        self.specs.append(column)

    def reserve(self, count: int) -> list[str]:
        """What the next data files will be called."""
        self.reserved = [self._uri() for _ in range(count)]
        return list(self.reserved)

    def _uri(self) -> str:
        return f"{self.location}/data/{next(_IDS)}.parquet"

    def evolve(self, fields: Sequence[Field]) -> None:
        """Give the table another schema."""
        self.fields = fields
        self.document["current-schema-id"] = len(self.document["schemas"])
        self.document["last-column-id"] = max(self.document["last-column-id"], *(f.id for f in fields))
        self.document["schemas"].append(self.schema_json(self.document["current-schema-id"]))
        self.save()

    def schema_json(self, schema_id: int = 0) -> dict[str, Any]:
        columns = [{"id": f.id, "name": f.name, "required": False, "type": f.type} for f in self.fields]
        return {"type": "struct", "schema-id": schema_id, "fields": columns}

    def commit(
        self,
        data: Sequence[Sequence[Row]] = (),
        equality: Sequence[tuple[Sequence[str], Sequence[Row]]] = (),
        positions: Sequence[tuple[str | int, int]] = (),
        checkpoint: int | None = None,
        job: str = "a" * 32,
        drop: Sequence[str] = (),
        operation: str = "append",
        position_scope: Scope | None = None,
        wide: bool = False,
        lacking: Sequence[str] = (),
        kind: FileFormat = FileFormat.PARQUET,
    ) -> list[str]:
        """One snapshot: data files, equality delete files (columns, rows), position delete files; returns data URIs.

        A position delete names its data file by URI, or by its index in `data`; there is a file for each scope of
        those data files, or one in `position_scope`. `drop` removes earlier files of any kind from the table. `wide`
        writes whole rows into equality delete files, `lacking` are columns that the data files are written without,
        `kind` is the format that the files are said to have.
        """
        snapshot, sequence = next(_IDS), self.document["last-sequence-number"] + 1
        files = [self._file(DataFileContent.DATA, [f for f in self.fields if f.name not in lacking], r) for r in data]
        self.scopes |= {f.file_path: (f.spec_id, tuple(f.partition[i] for i in range(len(f.partition)))) for f in files}
        deletes = []
        for columns, rows in equality:
            keys = [f for f in self.fields if f.name in columns]
            written = self.fields if wide else keys
            deletes.append(self._file(DataFileContent.EQUALITY_DELETES, written, rows, [k.id for k in keys]))
        named = [(files[f].file_path if isinstance(f, int) else f, pos) for f, pos in positions]
        scoped: dict[str, tuple[Scope, list[Row]]] = {}
        for path, pos in sorted(named):
            scope = position_scope or self.scopes.get(path, (0, (None,) if self.specs[0] else ()))
            scoped.setdefault(repr(scope), (scope, []))[1].append({"file_path": path, "pos": pos})
        for scope, rows in scoped.values():
            fields = [DELETED_PATH, DELETED_POSITION]
            deletes.append(self._file(DataFileContent.POSITION_DELETES, fields, rows, scope=scope))
        self.deletes = [f.file_path for f in deletes]
        for file in (*files, *deletes):
            file[2] = kind
        manifests = self._earlier(drop, snapshot)
        manifests += self._manifests(files, ManifestContent.DATA, snapshot)
        manifests += self._manifests(deletes, ManifestContent.DELETES, snapshot)
        self._list(snapshot, sequence, manifests, checkpoint, job, operation)
        return [f.file_path for f in files]

    def _list(
        self,
        snapshot: int,
        sequence: int,
        manifests: list[ManifestFile],
        checkpoint: int | None,
        job: str,
        operation: str,
    ) -> None:
        parent = self.document["current-snapshot-id"]
        path = f"{self.location}/metadata/snap-{snapshot}.avro"
        version = self.document["format-version"]
        with write_manifest_list(version, _Out(self, path), snapshot, parent, sequence, "deflate") as out:
            out.add_manifests(manifests)
        stamps = {} if checkpoint is None else {
            "flink.max-committed-checkpoint-id": str(checkpoint), "flink.job-id": job
        }  # fmt: skip
        self.document["snapshots"].append(
            {
                "snapshot-id": snapshot,
                **({"sequence-number": sequence} if version > 1 else {}),
                "timestamp-ms": time.time_ns() // 1_000_000,
                "manifest-list": path,
                "schema-id": self.document["current-schema-id"],
                "summary": {"operation": operation, **stamps},
                **({} if parent in (None, -1) else {"parent-snapshot-id": parent}),
            }
        )
        self.document |= {"last-sequence-number": sequence if version > 1 else 0, "current-snapshot-id": snapshot}
        self.save()

    def save(self) -> None:
        """Write the next metadata version and the hint."""
        self.version += 1
        self._put(f"v{self.version}.metadata.json", json.dumps(self.document))
        self._put("version-hint.text", str(self.version))

    def _put(self, name: str, text: str) -> None:
        with self.filesystem.open_output_stream(f"{self.root}/metadata/{name}") as stream:
            stream.write(text.encode())

    def _path(self, uri: str) -> str:
        return self.root + path_of(uri).removeprefix(path_of(self.location))

    def _file(
        self,
        content: DataFileContent,
        fields: Sequence[Field],
        rows: Sequence[Row],
        ids: list[int] | None = None,
        scope: Scope | None = None,
    ) -> DataFile:
        columns = [pa.array([r.get(f.name) for r in rows], arrow_type(f)) for f in fields]
        uri = self.reserved.pop(0) if self.reserved and content == DataFileContent.DATA else self._uri()
        with self.filesystem.open_output_stream(self._path(uri)) as stream:
            pq.write_table(pa.table(columns, schema=arrow_schema(fields)), stream)
        own = (rows[0].get(self.partition_by),) if self.partition_by else ()
        spec, partition = scope or (len(self.specs) - 1, own)
        file = DataFile.from_args(
            content=content,
            file_path=uri,
            file_format=FileFormat.PARQUET,
            partition=Record(*partition),
            record_count=len(rows),
            file_size_in_bytes=self.filesystem.get_file_info(self._path(uri)).size,
            lower_bounds=_bounds(fields, rows, min),
            upper_bounds=_bounds(fields, rows, max),
            equality_ids=ids,
        )
        file.spec_id = spec
        return file

    def _spec(self, spec_id: int) -> PartitionSpec:
        column = self.specs[spec_id]
        parts = [
            PartitionField(f.id, 1000 + f.id, IdentityTransform(), f.name) for f in self.fields if f.name == column
        ]
        return PartitionSpec(*parts, spec_id=spec_id)

    def _manifests(self, files: Sequence[DataFile], content: ManifestContent, snapshot: int) -> list[ManifestFile]:
        """One manifest for each partition spec."""
        found = []
        for spec in sorted({f.spec_id for f in files}):
            entries = [
                ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot, data_file=f)
                for f in files
                if f.spec_id == spec
            ]
            found.append(self._entries(entries, content, snapshot, spec))
        return found

    def _entries(
        self, entries: Sequence[ManifestEntry], content: ManifestContent, snapshot: int, spec: int
    ) -> ManifestFile:
        out = _Out(self, f"{self.location}/metadata/{next(_IDS)}-m0.avro")
        schema = Schema.model_validate(self.schema_json())
        writer: ManifestWriter
        if self.document["format-version"] == 1:
            writer = ManifestWriterV1(self._spec(spec), schema, out, snapshot, "deflate")
        else:
            writer = _Manifest(self._spec(spec), schema, out, snapshot, content)
        with writer:
            for entry in entries:
                writer.add_entry(entry)
        return writer.to_manifest_file()

    def _earlier(self, drop: Sequence[str], snapshot: int) -> list[ManifestFile]:
        """The manifests of the current snapshot, without the data files in `drop`."""
        current = next(
            (s for s in self.document["snapshots"] if s["snapshot-id"] == self.document["current-snapshot-id"]), None
        )
        if current is None:
            return []
        found = list(read_manifest_list(_In(self, current["manifest-list"])))
        return [self._without(m, drop, snapshot) for m in found] if drop else found

    def _without(self, manifest: ManifestFile, drop: Sequence[str], snapshot: int) -> ManifestFile:
        entries = manifest.fetch_manifest_entry(_FileIO(self))
        if not any(e.data_file.file_path in drop for e in entries):
            return manifest
        for entry in entries:
            gone = entry.data_file.file_path in drop
            entry.status = ManifestEntryStatus.DELETED if gone else ManifestEntryStatus.EXISTING
        return self._entries(entries, manifest.content, snapshot, manifest.partition_spec_id)


def arrow_schema(fields: Sequence[Field]) -> pa.Schema:
    """The columns as Arrow writes them into Parquet, with their field ids."""
    return pa.schema([pa.field(f.name, arrow_type(f), metadata={"PARQUET:field_id": str(f.id)}) for f in fields])


def _bounds(fields: Sequence[Field], rows: Sequence[Row], pick: Any) -> dict[int, bytes]:
    """As writers give them: of the values that are not null, none when all are."""
    bounds = {}
    for f in fields:
        values = [r[f.name] for r in rows if r.get(f.name) is not None]
        if f.type not in ("string", "int", "long", "timestamptz") or not values:
            continue
        scalar = pa.scalar(pick(values), arrow_type(f))
        if f.type == "string":
            bounds[f.id] = scalar.as_py().encode()
        else:
            number = scalar.cast(pa.int64()).as_py()
            bounds[f.id] = number.to_bytes(4 if f.type == "int" else 8, "little", signed=True)
    return bounds


class _Manifest(ManifestWriterV2):
    def __init__(
        self, spec: PartitionSpec, schema: Schema, out: OutputFile, snapshot: int, content: ManifestContent
    ) -> None:
        super().__init__(spec, schema, out, snapshot, "deflate")
        self._content = content

    def content(self) -> ManifestContent:
        return self._content

    def _with_partition(self, format_version: Any) -> Schema:
        """Equality ids as int, as in the specification: PyIceberg writes long, which Iceberg cannot read."""
        text = super()._with_partition(format_version).model_dump_json()
        return Schema.model_validate_json(
            text.replace('"element-id":136,"element":"long"', '"element-id":136,"element":"int"')
        )


class _In(InputFile):
    def __init__(self, table: Writer, location: str) -> None:
        super().__init__(location)
        self.table = table

    def __len__(self) -> int:
        return self.table.filesystem.get_file_info(self.table._path(self.location)).size

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> Any:
        return self.table.filesystem.open_input_file(self.table._path(self.location))


class _Out(OutputFile):
    def __init__(self, table: Writer, location: str) -> None:
        super().__init__(location)
        self.table = table

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return False

    def to_input_file(self) -> InputFile:
        return _In(self.table, self.location)

    def create(self, overwrite: bool = False) -> Any:
        return self.table.filesystem.open_output_stream(self.table._path(self.location))


class _FileIO:
    def __init__(self, table: Writer) -> None:
        self.table = table

    def new_input(self, location: str) -> InputFile:
        return _In(self.table, location)
