"""What stands in the border of a widget.

Textual's own setters read markup, and paint the whole widget anew each time, also where nothing differs.
"""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from tui.view import format as fmt

_LEAST = 4
"""Columns of a title in a widget that was not laid out yet."""


def write(widget: Widget, title: str, subtitle: str) -> None:
    """Set both as they are, cut to the widget's width; only the two border lines are painted, where they differ."""
    width, height = widget.size
    room = max(_LEAST, width - 4)
    wanted = [Content(fmt.clip(text, room)) if text else None for text in (title, subtitle)]
    if wanted == [widget._border_title, widget._border_subtitle]:
        return
    widget._border_title, widget._border_subtitle = wanted
    widget.refresh(Region(-1, -1, width + 2, 1), Region(-1, height, width + 2, 1))
