"""Writes `docs/screens.md`, how each screen's numbers are computed, from the help: `uv run python docs/screens.py`."""

from __future__ import annotations

from pathlib import Path

from tui.view import registry
from tui.view.app import SCREENS
from tui.view.explained import Explained
from tui.view.screens.base import CockpitScreen
from tui.view.screens.sql import SqlScreen

PAGE = Path(__file__).with_name("screens.md")


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# How each screen's numbers are computed",
        "",
        "Made by `docs/screens.py` from the texts of the dashboard's help (`?`); a test holds it to that.",
        "Each panel has the step of an [experiment](learning-path.md) that shows the same for real.",
        "",
    ]
    keys = {c.id: c.shown_key for c in registry.SCREENS}
    for name, screen in SCREENS.items():
        title = name.upper() if name == SqlScreen.NAME else name.capitalize()
        lines += [f"## {title}, `{keys[name]}`", ""]
        for panel in screen.PANELS:
            lines += _panel(panel)
        lines += _words(screen)
    return "\n".join(lines).rstrip() + "\n"


def _panel(panel: Explained) -> list[str]:
    lessons = (f"[`{path}`](../{path}), step {steps}" for path, steps in panel.lessons.items())
    return [f"### {panel.title}", "", *panel.sentences, "", f"See it: {'; '.join(lessons)}.", ""]


def _words(screen: type[CockpitScreen]) -> list[str]:
    words = [f"- {line}" for line in screen.ABOUT.strip().splitlines()]
    return ["### Words and signs", "", *words, ""] if words else []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
