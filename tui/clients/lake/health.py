"""How well the files of a snapshot suit readers, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry
from tui.model.iceberg import FileCount, FileHealth

MANY = 100
"""More small files or delete files than this are worth a rewrite: each costs a reader a request."""
_TARGET = "write.target-file-size-bytes"
_DEFAULT_TARGET = 512 * 1024 * 1024
_SMALL = 0.75  # of the target: what Iceberg's rewrite_data_files takes for too small unless told


def counted(files: Iterable[FileEntry]) -> FileCount:
    """Some files together."""
    found = list(files)
    return FileCount(len(found), sum(f.records for f in found), sum(f.size_bytes for f in found))


def judge(files: Iterable[FileEntry], properties: Mapping[str, str]) -> FileHealth:
    """The health of all live files of a snapshot of a table with these properties."""
    everything = list(files)
    data = counted(f for f in everything if f.content == DATA)
    positions = counted(f for f in everything if f.content == POSITION_DELETES)
    equalities = counted(f for f in everything if f.content == EQUALITY_DELETES)
    small_bytes = int(_target(properties) * _SMALL)
    small = sum(f.content == DATA and f.size_bytes < small_bytes for f in everything)
    deletes = positions.files + equalities.files
    advice, poor = _advice(data, small, deletes)
    return FileHealth(
        data=data,
        position_deletes=positions,
        equality_deletes=equalities,
        small_bytes=small_bytes,
        small_files=small,
        average_bytes=data.size_bytes / data.files if data.files else None,
        small_share=small / data.files if data.files else None,
        deletes_per_data_file=deletes / data.files if data.files else None,
        advice=advice,
        poor=poor,
    )


def _target(properties: Mapping[str, str]) -> int:
    try:
        return int(properties[_TARGET])
    except (KeyError, ValueError):
        return _DEFAULT_TARGET


def _advice(data: FileCount, small: int, deletes: int) -> tuple[str, bool]:
    if not data.files:
        return "No data file yet.", False
    many = [f"{small:,} small data files"] if small > MANY else []
    many += [f"{deletes:,} delete files"] if deletes > MANY else []
    if many:
        return (
            f"Many files: a reader of the whole table opens {' and '.join(many)}. Iceberg's rewrite_data_files puts "
            "them together; run it while the job is stopped, for a Hadoop catalog takes one writer at a time.",
            True,
        )
    if small:
        return "Small files are what frequent commits leave; so few of them cost a reader little.", False
    return "The files are of good size.", False
