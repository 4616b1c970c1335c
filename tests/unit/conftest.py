"""What several files of unit tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.stack.local.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The folders of an empty home."""
    found = Layout(tmp_path / "home")
    found.create()
    return found
