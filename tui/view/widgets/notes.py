"""Texts that change in place."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


def put(line: Static, text: Text) -> None:
    """Show `text`; the screen is laid out anew only where that takes another number of lines."""
    line.update(text, layout=False)
    if line.get_content_height(line.container_size, line.app.size, line.size.width) != line.size.height:
        line.refresh(layout=True)
