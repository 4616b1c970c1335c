"""What the keeper does about a lost job, in words."""

from __future__ import annotations

from datetime import datetime

from tui.model.keeping import Keeping
from tui.view import format as fmt


def headline(keeping: Keeping, now: datetime) -> str:
    """A few words for a line that holds more."""
    match keeping.phase:
        case "submitting":
            return f"keeper: attempt {keeping.attempt} runs"
        case "gave up":
            return f"keeper: gave up after {keeping.attempt} attempts"
    return f"keeper: attempt {keeping.attempt}{_when(keeping, now)}"


def sentences(keeping: Keeping, now: datetime) -> str:
    """All of it."""
    reason = f" ({keeping.reason.rstrip('.')})" if keeping.reason else ""
    match keeping.phase:
        case "submitting":
            return f"The job is lost; the keeper submits it again, attempt {keeping.attempt}{reason}."
        case "gave up":
            return f"The job is lost; the keeper gave up after {keeping.attempt} attempts{reason}: submit it yourself."
    return f"The job is lost; the keeper submits it again, attempt {keeping.attempt}{_when(keeping, now)}{reason}."


def _when(keeping: Keeping, now: datetime) -> str:
    """How long until it begins, where that is known."""
    if keeping.next_at is None:
        return ""
    return f" in {fmt.duration(max(0.0, (keeping.next_at - now).total_seconds()))}"
