"""Values read from Iceberg's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of a table; counts come from its summary and are `None` where the writer gave none.

    `checkpoint_id` and `job_id` are Flink's own stamp (`flink.max-committed-checkpoint-id`, `flink.job-id`).
    """

    id: int
    parent_id: int | None
    sequence_number: int
    committed_at: datetime
    operation: str
    checkpoint_id: int | None
    job_id: str | None
    added_records: int | None
    added_files: int | None
    added_delete_files: int | None
    total_records: int | None
    total_files: int | None
    total_delete_files: int | None


@dataclass(frozen=True, slots=True)
class TableHistory:
    """The snapshots of one table, oldest first, and which of them is current (`None`: no data yet)."""

    table: str
    location: str
    metadata_version: int
    current_id: int | None
    snapshots: tuple[Snapshot, ...]

    @property
    def current(self) -> Snapshot | None:
        """The current snapshot, or `None` while the table is empty."""
        return next((s for s in self.snapshots if s.id == self.current_id), None)
