"""What the images are made of, as one hash: images with another one are made again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tui.resources import resource

_PATTERNS = (
    *(
        "compose/Dockerfile",
        "compose/.env",
        "compose/requirements.txt",
        "compose/*.py",
        "compose/*.sh",
        "compose/bin/*",
    ),
    *("jars/*.json", "jars/tools/*.txt", "jobs/requirements*.txt"),
    *("tui/stack/options.py", "tui/stack/fetch.py", "tui/stack/download.py"),
)


def recipe(root: Path | None = None) -> str:
    """SHA-256 over the files that `compose/Dockerfile` uses, in hex."""
    base = resource("compose").parent if root is None else root
    digest = hashlib.sha256()
    for path in sorted(found for pattern in _PATTERNS for found in base.glob(pattern)):
        digest.update(f"{path.relative_to(base)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
