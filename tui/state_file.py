"""State that one process leaves for the next, as a JSON object in a file of the home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load(path: Path) -> dict[str, Any] | None:
    """The object in the file; `None` where there is no such file, or it is damaged and tells nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
