"""Columns of Parquet files by Iceberg field id, in batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tui.clients.lake.files import DATA, FileEntry
from tui.clients.lake.metadata import Field, TableMetadata
from tui.clients.lake.storage import Storage
from tui.model.errors import NotFoundError, UnavailableError

SMALL_BYTES = 8 * 1024 * 1024  # such files are fetched with one request
BATCH_ROWS = 131_072
DELETED_PATH = Field(2147483546, "file_path", "string")  # reserved field ids of position delete files
DELETED_POSITION = Field(2147483545, "pos", "long")
_DECIMAL = re.compile(r"decimal\(([0-9]{1,2}),\s*([0-9]{1,2})\)")
_FIXED = re.compile(r"fixed\[([0-9]{1,9})\]")
_TYPES = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "binary": pa.binary(),
    "uuid": pa.binary(16),
}


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of an Iceberg primitive type; raises `UnavailableError` for another one."""
    kind = field.type or ""
    if kind in _TYPES:
        return _TYPES[kind]
    if (match := _DECIMAL.fullmatch(kind)) and int(match[2]) <= int(match[1]) and 1 <= int(match[1]) <= 38:
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := _FIXED.fullmatch(kind):
        return pa.binary(int(match[1]))
    raise UnavailableError(f"Column {field.name} has a nested or unknown type; only primitive types can be read.")


def read_batches(
    storage: Storage, table: TableMetadata, file: FileEntry, fields: Sequence[Field]
) -> Iterator[pa.RecordBatch]:
    """The file's rows in order, with exactly these columns; one that the file lacks is null.

    Raises `UnavailableError`, also for a file that is gone.
    """
    try:
        yield from _batches(storage, table, file, fields)
    except NotFoundError:
        raise UnavailableError(f"Table {table.name} lacks its file {table.path(file.uri)}.") from None


def _batches(
    storage: Storage, table: TableMetadata, file: FileEntry, fields: Sequence[Field]
) -> Iterator[pa.RecordBatch]:
    path = table.path(file.uri)
    schema = pa.schema([(f.name, arrow_type(f)) for f in fields])
    with storage.failures(path), _open(storage, path, file.size_bytes) as parquet:
        names = _names_by_id(parquet.schema_arrow)
        if not names:
            raise UnavailableError(f"Table {table.name} has files without field ids ({path}); this reader needs them.")
        present = [names[f.id] for f in fields if f.id in names]
        for batch in parquet.iter_batches(BATCH_ROWS, columns=present, use_threads=True):
            columns = [
                batch.column(names[f.id]).cast(t.type)
                if f.id in names
                else _absent(table, file, f.id, t.type, batch.num_rows)
                for f, t in zip(fields, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _names_by_id(schema: pa.Schema) -> dict[int, str]:
    key = b"PARQUET:field_id"
    return {int(f.metadata[key]): f.name for f in schema if f.metadata and key in f.metadata}


def _absent(table: TableMetadata, file: FileEntry, field_id: int, kind: pa.DataType, rows: int) -> pa.Array:
    """A column that the file lacks: the value of its partition, else null (specification, "Column Projection")."""
    if file.content != DATA:
        raise UnavailableError(f"Table {table.name} has a delete file without the columns it goes by: {file.uri}.")
    if file.scope is not None:
        spec, partition = file.scope
        place = table.identities.get(spec, {}).get(field_id)
        if place is not None and place < len(partition) and partition[place] is not None:
            return pa.repeat(pa.scalar(partition[place], kind), rows)
    return pa.nulls(rows, kind)


def _open(storage: Storage, path: str, size_bytes: int) -> pq.ParquetFile:
    if size_bytes <= SMALL_BYTES:
        return pq.ParquetFile(pa.BufferReader(storage.read(path)), page_checksum_verification=True)
    return pq.ParquetFile(storage.open(path), pre_buffer=True, page_checksum_verification=True)
