"""An answer as a file: written beside its place under another name, and moved there when it is whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from tui.model.errors import CancelledError, LakehouseError, UsageError
from tui.model.query import ThereError

SUFFIXES = (".csv", ".parquet")


def check(path: Path, *, overwrite: bool) -> Path:
    """The absolute path, if an answer can be written there; raises `UsageError` with what is wrong."""
    target = path.expanduser().absolute()
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target.name} says no form: end the name with .csv or .parquet.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}.")
    if target.exists() and not overwrite:
        raise ThereError(f"{target} is there already.")
    return target


def write(reader: pa.RecordBatchReader, target: Path, ended: Callable[[], bool], *, overwrite: bool) -> int:
    """Write all batches; how many rows there were. What is half written is taken away, whatever happens."""
    part: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        part = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            rows = _written(reader, file, target.suffix.lower(), ended)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        _move(part, target, overwrite=overwrite)
    except OSError as error:
        if error.errno is None:  # not of this file: the reading failed
            raise
        raise LakehouseError(f"{target} cannot be written: {error.strerror or error}.") from None
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        if target.suffix.lower() != ".csv":
            raise
        raise LakehouseError(f"CSV has no form for a column of this answer ({error}): export to .parquet.") from None
    else:
        return rows
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _written(reader: pa.RecordBatchReader, file: object, suffix: str, ended: Callable[[], bool]) -> int:
    rows = 0
    made = csv.CSVWriter if suffix == ".csv" else pq.ParquetWriter
    with made(file, reader.schema) as writer:
        for batch in reader:
            if ended():
                raise CancelledError("The export was cancelled; no file is left.")
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _move(part: Path, target: Path, *, overwrite: bool) -> None:
    """Into place; where nothing may be overwritten, not even what came just now (link(2) fails then)."""
    if overwrite:
        part.replace(target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise ThereError(f"{target} is there already.") from None
    except OSError:  # a file system without links
        part.rename(target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
