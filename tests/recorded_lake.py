"""Tables that a real job has written, recorded as they lay in their bucket."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tui.clients.lake import LakeClient

_FILE = Path(__file__).parent / "payloads" / "lake-iceberg-1.7.0.zip"


def unpacked(folder: Path) -> Path:
    """The folder, with the warehouse in it."""
    with zipfile.ZipFile(_FILE) as file:
        file.extractall(folder)
    return folder


def opened(folder: Path) -> LakeClient:
    """A reader of the tables, which are unpacked into the folder."""
    return LakeClient(str(unpacked(folder)), "lakehouse")
