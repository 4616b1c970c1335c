"""Three themes: dark, light and high contrast."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

THEMES = (
    Theme(
        name="dark",
        primary="#6ea8fe",
        secondary="#8b9bb4",
        accent="#f0b35a",
        success="#4cc38a",
        warning="#f0b35a",
        error="#ff6b70",
        foreground="#d8dee9",
        background="#11151c",
        surface="#171c25",
        panel="#212836",
        dark=True,
    ),
    Theme(
        name="light",
        primary="#1f5fbf",
        secondary="#55617a",
        accent="#9a5b00",
        success="#0b7a43",
        warning="#9a5b00",
        error="#b3261e",
        foreground="#1c2330",
        background="#fbfbfd",
        surface="#f1f3f7",
        panel="#e2e6ee",
        dark=False,
    ),
    Theme(
        name="contrast",
        primary="#ffff00",
        secondary="#ffffff",
        accent="#00ffff",
        success="#00ff66",
        warning="#ffd500",
        error="#ff8080",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#202020",
        dark=True,
    ),
)
MAGENTA = {"dark": "#c792ea", "light": "#8e24aa", "contrast": "#ff80ff"}


@lru_cache(maxsize=8)
def ansi(name: str) -> TerminalTheme | None:
    """What the colour names of a `Text` (green, red, …) are in this theme; `None` for a theme of Textual's own."""
    theme = next((theme for theme in THEMES if theme.name == name), None)
    if theme is None:
        return None
    named = (
        theme.background,
        theme.error,
        theme.success,
        theme.warning,
        theme.primary,
        MAGENTA[theme.name],
        theme.accent if theme.name == "contrast" else theme.primary,
        theme.foreground,
    )
    colors = [tuple(Color.parse(name or "#000000").triplet or (0, 0, 0)) for name in named]
    return TerminalTheme(colors[0], colors[7], colors)  # type: ignore[arg-type]


NAMES = tuple(theme.name for theme in THEMES)


def following(name: str) -> str:
    """The theme after `name`."""
    return NAMES[(NAMES.index(name) + 1) % len(NAMES)] if name in NAMES else NAMES[0]
