"""What every way of submitting the job shares: one at a time, the job's flags, and what its output says."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tui.model.errors import BusyError, LakehouseError
from tui.model.flink import RestorePoint
from tui.settings import Settings

_SUBMITTED = re.compile(r"Job has been submitted with JobID ([0-9a-f]{32})")


@contextmanager
def alone(run: Path) -> Iterator[int]:
    """Held while a job is submitted; raises `BusyError` if another submission of this home holds it.

    Gives the lock's file descriptor (flock(2)): a client that inherits it holds the lock until its own end, even when
    whoever started it was killed.
    """
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (run / "submit.lock").open("w")
    except OSError as error:
        raise LakehouseError(f"The home {run.parent} cannot be written: {error.strerror}.") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another submit is under way; wait for its end.") from None
        yield handle.fileno()


def flags(settings: Settings, place: Mapping[str, str], point: RestorePoint | None) -> list[str]:
    """The job's flags; `place` has those that depend on where the cluster is, `point` is where the job continues."""
    values = {
        "topic": settings.topic,
        "group": settings.group,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "raw-table": settings.raw_table,
        "candle-table": settings.candle_table,
        "bad-table": settings.bad_table,
        "parallelism": settings.parallelism,
        "checkpoint-interval-s": settings.checkpoint_interval_s,
        "watermark-delay-s": settings.watermark_delay_s,
        "allowed-lateness-s": settings.allowed_lateness_s,
        **place,
    }
    if point is not None:
        values["restore"] = point.path
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def job_id(log: Path) -> str:
    """The id of the job that the output in `log` tells; raises `LakehouseError` where it tells none."""
    found = _SUBMITTED.search(log.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise LakehouseError(f"The submission ended without a job id; its words are in {log}.")
    return found[1]


def reason(log: Path) -> str:
    """The deepest cause that Java or Python named, else the last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if line != "Stderr:" and "Python process exits with code" not in line]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes or lines or ["no word was said"])[-1].rstrip(".")
