"""Where the files that travel with the program are: jobs, jar locks and the producer."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The folder or file `name` (`jobs`, `jars`, `producer`), in a checkout or in an installed wheel."""
    bundled = _PACKAGE / "_bundle" / name
    return bundled if bundled.exists() else _PACKAGE.parent / name
