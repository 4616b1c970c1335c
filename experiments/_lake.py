"""An Iceberg table read by hand: nothing but the files that it consists of, as the specification lays them out.

    version-hint.text → v<N>.metadata.json → snap-….avro (manifest list) → ….avro (manifest) → ….parquet

The product's own reader (`tui.clients.lake`) does the same with caches, checks and refusals; here it is short.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from minio import Minio

from tui.settings import Settings

CONTENT = ("data", "position deletes", "equality deletes")
"""What the number `content` of a file means (Iceberg's specification, "Manifests")."""


@dataclass(frozen=True, slots=True)
class File:
    """One live file of a snapshot; a delete file applies by its sequence number, `keys` are field ids."""

    path: str
    content: str
    sequence: int
    records: int
    size_bytes: int
    keys: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The path below the table's `data` folder."""
        return self.path.split("/data/", 1)[1]


class HandReader:
    """Reads one table of a Hadoop catalog, file by file."""

    def __init__(self, store: Minio, found: Settings, database: str, table: str) -> None:
        self._store = store
        self.location = f"{found.warehouse}/{database}/{table}"

    def read(self, path: str) -> bytes:
        """The bytes of the object that `path` (s3a://bucket/key) names."""
        bucket, _, key = path.removeprefix("s3a://").partition("/")
        response = self._store.get_object(bucket, key)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    @property
    def metadata_path(self) -> str:
        """Where the current metadata file is: `version-hint.text` has its number."""
        version = self.read(f"{self.location}/metadata/version-hint.text").decode().strip()
        return f"{self.location}/metadata/v{version}.metadata.json"

    def metadata(self) -> dict[str, Any]:
        """The current metadata: schemas, partition specs, snapshots."""
        return dict(json.loads(self.read(self.metadata_path)))

    def snapshots(self) -> list[dict[str, Any]]:
        """All snapshots, oldest first."""
        return list(self.metadata().get("snapshots", []))

    def avro(self, path: str) -> list[dict[str, Any]]:
        """The records of a manifest list or a manifest."""
        return [dict(record) for record in fastavro.reader(io.BytesIO(self.read(path))) if isinstance(record, dict)]

    def parquet(self, path: str) -> pa.Table:
        """The rows of a data or delete file."""
        return pq.read_table(io.BytesIO(self.read(path)))

    def files(self, snapshot: dict[str, Any] | None = None) -> list[File]:
        """The live files of a snapshot (the newest one), in the order of their sequence numbers."""
        chosen = snapshot or self.snapshots()[-1]
        found = [
            _file(entry, manifest)
            for manifest in self.avro(chosen["manifest-list"])
            for entry in self.avro(manifest["manifest_path"])
            if entry["status"] != 2  # 0 was there before, 1 is new, 2 is deleted
        ]
        return sorted(found, key=lambda file: (file.sequence, CONTENT.index(file.content)))


def _file(entry: dict[str, Any], manifest: dict[str, Any]) -> File:
    file = entry["data_file"]
    own = entry.get("sequence_number")
    return File(
        path=file["file_path"],
        content=CONTENT[file["content"]],
        sequence=manifest["sequence_number"] if own is None else own,  # a new file has that of its manifest
        records=file["record_count"],
        size_bytes=file["file_size_in_bytes"],
        keys=tuple(file.get("equality_ids") or ()),
    )
