"""The status file: what the producer does now, as JSON that a reader never sees half-written."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

State = Literal["starting", "waiting", "running", "stopping", "stopped", "finished", "failed"]
ENDED_IN_ORDER = ("stopped", "finished")


@dataclass(slots=True)
class Status:
    """Counts are messages since this process started; times are ISO 8601 in UTC; `rate` 0 is without bound.

    `state`: starting, waiting (Kafka does not answer), running, stopping (asked to end, still delivering),
    stopped (ended by a signal), finished (all of `--count` delivered), failed (`detail` says why).
    `backfill` is `None` where none was asked for. `counted` is what was acknowledged of `--count`, by the runs before
    that broke off as well.
    """

    pid: int
    rate: float
    started_at: str
    updated_at: str
    state: State = "starting"
    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    counted: int = 0
    backfill: Literal["running", "done"] | None = None
    detail: str | None = None


def timestamp() -> str:
    """Now, in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_status(path: Path, status: Status) -> None:
    """Replace the file at once (write beside it, then rename); raises `OSError`, and then leaves it as it was."""
    status.updated_at = timestamp()
    beside = path.with_name(f"{path.name}.{status.pid}.new")
    try:
        beside.write_text(json.dumps(asdict(status)) + "\n", encoding="utf-8")
        os.replace(beside, path)  # noqa: PTH105
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def history_was_written(path: Path) -> bool:
    """Whether the run that left this file had written its history and then crashed (so it must not be repeated)."""
    left = _left(path)
    return left.get("backfill") == "done" and left.get("state") not in ENDED_IN_ORDER


def counted_before(path: Path) -> int:
    """How many messages of its `--count` the run that left this file had delivered, if it was killed; else 0.

    The file is up to a second old then: this is a lower bound.
    """
    left = _left(path)
    counted = left.get("counted")
    if left.get("state") in (*ENDED_IN_ORDER, "failed") or not isinstance(counted, int):
        return 0
    return max(0, counted)


def _left(path: Path) -> dict[str, object]:
    try:
        left = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return left if isinstance(left, dict) else {}
