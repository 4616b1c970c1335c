"""A screen on top of another one, which is seen dimmed around it."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.color import Color
from textual.events import ScreenResume
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import _RenderCache

T = TypeVar("T")


class Overlay(ModalScreen[T]):
    """Dims the lines below as they are; Textual's own way through Rich takes twice as long."""

    def on_screen_resume(self, event: ScreenResume) -> None:
        """On top again: styled anew only where the rules have changed since."""
        newest = self.app._css_update_count
        event.refresh_styles = self._css_update_count != newest
        self._css_update_count = newest

    def _render_content(self) -> None:
        """Render all lines."""
        stack = visible_screen_stack.get([])
        if not stack:
            super()._render_content()
            return
        shade = self.styles.background
        below = stack.pop()._compositor.render_strips(self.size)
        self._render_cache = _RenderCache(self.size, [_dimmed(strip, shade) for strip in below])
        self._dirty_regions.clear()


def _dimmed(strip: Strip, shade: Color) -> Strip:
    return Strip([Segment(text, _shaded(style, shade)) for text, style, _ in strip], strip.cell_length)


@lru_cache(4096)
def _shaded(style: Style | None, shade: Color) -> Style:
    """A style below `shade`, without its links and what a click on it does."""
    if style is None:
        return Style.null()
    front, back = (
        None if color is None else (Color.from_rich_color(color) + shade).rich_color
        for color in (style.color, style.bgcolor)
    )
    return style.clear_meta_and_links() + Style.from_color(front, back)
