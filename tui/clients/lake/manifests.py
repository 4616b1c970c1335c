"""The data and delete files of a snapshot, from its manifest list and manifests (PyIceberg reads the Avro)."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile, read_manifest_list

from tui.clients.lake.files import FileEntry, ManifestCache
from tui.clients.lake.metadata import TableMetadata
from tui.clients.lake.storage import Storage
from tui.model.errors import NotFoundError, UnavailableError

_AVRO = b"Obj\x01"
_SIDE_BY_SIDE = 8


def live_files(storage: Storage, table: TableMetadata, snapshot_id: int, cache: ManifestCache) -> tuple[FileEntry, ...]:
    """Every live file of the snapshot, in the order of sequence numbers; raises `UnavailableError`."""
    reader = _Reader(storage, table)
    uri = table.manifest_lists[snapshot_id]
    try:
        manifests = list(read_manifest_list(_Input(uri, reader)))
        entries = [e for found in _all_entries(manifests, reader, table, cache) for e in found]
    except NotFoundError as error:
        raise UnavailableError(f"Table {table.name} lacks a manifest: {error}") from None
    except (ValueError, EOFError, TypeError, KeyError, IndexError, AssertionError, SystemError) as error:
        raise UnavailableError(f"A manifest of table {table.name} is damaged: {error}.") from None
    return tuple(sorted(entries, key=lambda e: (e.sequence, e.uri)))


def _all_entries(
    manifests: list[ManifestFile], reader: _Reader, table: TableMetadata, cache: ManifestCache
) -> list[tuple[FileEntry, ...]]:
    """The entries of every manifest; those that are new are read side by side."""

    def read(manifest: ManifestFile) -> tuple[FileEntry, ...]:
        found = cache.get(manifest.manifest_path)
        if found is None:
            found = _entries(manifest, reader, table)
            cache.put(manifest.manifest_path, found)
        return found

    unread = sum(cache.get(m.manifest_path) is None for m in manifests)
    if unread < 2:
        return [read(m) for m in manifests]
    pool = ThreadPoolExecutor(min(_SIDE_BY_SIDE, unread), thread_name_prefix="lake-manifest")
    try:
        return list(pool.map(read, manifests))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _entries(manifest: ManifestFile, reader: _Reader, table: TableMetadata) -> tuple[FileEntry, ...]:
    return tuple(_entry(e, table) for e in manifest.fetch_manifest_entry(reader, discard_deleted=True))


def _entry(entry: ManifestEntry, table: TableMetadata) -> FileEntry:
    file: DataFile = entry.data_file
    if str(file.file_format.value).upper() != "PARQUET":
        raise UnavailableError(f"Table {table.name} holds {file.file_format.value} files; only Parquet can be read.")
    if entry.sequence_number is None:
        raise ValueError(f"no sequence number for {file.file_path}")
    partition = tuple(file.partition[i] for i in range(len(file.partition)))
    return FileEntry(
        content=int(file.content),
        uri=file.file_path,
        sequence=entry.sequence_number,
        records=file.record_count,
        size_bytes=file.file_size_in_bytes,
        scope=None if file.spec_id in table.unpartitioned_specs else (file.spec_id, partition),
        lower=dict(file.lower_bounds or {}),
        upper=dict(file.upper_bounds or {}),
        equality_ids=tuple(sorted(file.equality_ids or ())),
    )


class _Input(InputFile):
    """One whole file in memory: manifests are small."""

    def __init__(self, location: str, reader: _Reader) -> None:
        super().__init__(location)
        self._reader = reader

    def __len__(self) -> int:
        return len(self._reader.bytes_of(self.location))

    def exists(self) -> bool:
        """Not asked for when reading."""
        raise NotImplementedError

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002
        """The file's bytes as a stream."""
        data = self._reader.bytes_of(self.location)
        if not data.startswith(_AVRO):  # PyIceberg's decoder trusts its input
            raise ValueError(f"{self.location} is not an Avro file")
        return io.BytesIO(data)


class _Reader(FileIO):
    """PyIceberg's way to our storage; read only."""

    def __init__(self, storage: Storage, table: TableMetadata) -> None:
        super().__init__()
        self._storage = storage
        self._table = table

    def bytes_of(self, location: str) -> bytes:
        return self._storage.read(self._table.path(location))

    def new_input(self, location: str) -> InputFile:
        """The file at `location`."""
        return _Input(location, self)

    def new_output(self, location: str) -> OutputFile:
        """Never: a reader writes nothing."""
        raise NotImplementedError

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Never: a reader deletes nothing."""
        raise NotImplementedError
