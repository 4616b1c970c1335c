"""Where Textual lets a key wait: an application that paints at once what a key has changed.

Textual looks for a lone escape every 100 ms only, paints another mode 50 ms late, parses a theme anew at each change
and once more in each mode, and makes a screen when it is first seen, in several frames: see `benchmarks/tui.py`.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic
from typing import Any, TypeVar, cast

from rich.terminal_theme import TerminalTheme
from textual._styles_cache import StylesCache
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.constants import ESCAPE_DELAY
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, InputEvent
from textual.screen import Screen
from textual.theme import Theme

from tui.view import strips, theme
from tui.view.sheet import KeptStylesheet

S = TypeVar("S", bound=Screen[Any])

_CHUNK = 4096
_IDLE_S = 0.1
"""How soon the end of the program is noticed."""
_SLACK_S = 0.001
_WHOLE_S = 0.25
_CALM_S = 0.06
"""Who typed so long ago sees what the key has done."""
_STEP, _REST_S = 3, 0.002  # so many widgets of the screens behind are styled at once, a few milliseconds


class PromptDriver(LinuxDriver):
    """Reads the terminal; what ends with an escape is looked at again as soon as nothing can follow it any more.

    Nothing is looked at while nobody types.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ended, self._end = os.pipe()
        os.set_blocking(self._ended, False)

    def run_input_thread(self) -> None:
        """Hand keys over until the program ends."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        wait_s: float | None = None
        with suppress(BlockingIOError):
            os.read(self._ended, _CHUNK)  # of a thread before this one
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno, self._ended], [], [], wait_s)
            if self._ended in ready:
                return
            text = decode(os.read(self.fileno, _CHUNK)) if ready else ""
            for message in (*(parser.feed(text) if text else ()), *parser.tick()):
                self.process_message(message)
            if ready and not text:  # nobody is there any more
                self.exit_event.wait(_IDLE_S)
            wait_s = ESCAPE_DELAY + _SLACK_S if "\x1b" in text else None

    def disable_input(self) -> None:
        """End the thread of `run_input_thread`."""
        os.write(self._end, b".")
        super().disable_input()


class PromptApp(App[str]):
    """Answers a key with the next frame."""

    def __init__(self) -> None:
        super().__init__()
        strips.mend()
        self.stylesheet: KeptStylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.input_at = 0.0  # by the monotonic clock
        self._dressing: Iterator[int] | None = None

    async def on_event(self, event: Event) -> None:
        """Note when somebody last typed or clicked."""
        if isinstance(event, InputEvent):
            self.input_at = monotonic()
        await super().on_event(event)

    @property
    def calm(self) -> bool:
        """Whether no key is being answered, and what is not urgent may take its time."""
        return monotonic() - self.input_at >= _CALM_S

    @property
    def ansi_theme(self) -> TerminalTheme:
        """What the colour names of a `Text` are in the theme of now: part of the theme, so no second change."""
        return theme.ansi(self.theme) or super().ansi_theme

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, but the quicker one on a terminal."""
        chosen = super().get_driver_class()
        return PromptDriver if chosen is LinuxDriver else chosen

    def delay_update(self, delay: float = 0.05) -> None:
        """Paint at once: whoever changes screens gathers what belongs together by `batch_update`."""

    def foresee(self, chosen: Theme) -> bool:
        """Parse the rules of a theme before it is chosen; whether that is a theme of the future."""
        if chosen.name == self.theme:
            return False
        variables = {**chosen.to_color_system().generate(), **chosen.variables}
        self.stylesheet.foresee({**self.get_theme_variable_defaults(), **variables})
        return True

    def refresh_css(self, animate: bool = True) -> None:
        """Take up changed styles on what is seen; the other screens follow in idle moments."""
        super().refresh_css(animate)
        self._dressing = None
        self.set_timer(_IDLE_S, self._dress_ahead)

    def _dress_ahead(self) -> None:
        """Style, then draw, the next few widgets of the screens behind; a key waits for one such step at most."""
        if not self.calm:
            self.set_timer(_CALM_S, self._dress_ahead)
            return
        self._dressing = self._dressing or self._undressed()
        if next(self._dressing, None) is not None:
            self.set_timer(_REST_S, self._dress_ahead)

    def _undressed(self) -> Iterator[int]:
        """Style and draw every screen that lacks the newest rules, some widgets a step."""
        kept = [screen for screen in self._installed_screens.values() if isinstance(screen, Screen)]
        for screen in [*kept, *(screen for stack in self._screen_stacks.values() for screen in stack)]:
            wanted = self._css_update_count
            if screen._css_update_count == wanted:
                continue
            nodes = list(screen.walk_children(with_self=True))
            for first in range(0, len(nodes), _STEP):
                self.stylesheet.update_nodes(node for node in nodes[first : first + _STEP] if node.is_attached)
                yield first
            if self._css_update_count == wanted:  # else the rest is for the rules that came meanwhile
                screen._css_update_count = wanted
                for widget in list(screen._compositor.visible_widgets):
                    if widget.is_attached:
                        widget.render_lines(widget.size.region)  # they stay drawn until they change
                        yield 0

    def make_ahead(self, mode: str) -> bool:
        """Make the screen of a mode that was not seen yet; whether there was something to make."""
        if mode in self._screen_stacks or not self.is_running:
            return False
        self._init_mode(mode)
        return True

    def keep_ahead(self, kind: type[Screen[Any]]) -> None:
        """Make the screen of that kind before it is opened first."""
        self._get_screen(self.kept(kind))

    def kept(self, kind: type[S]) -> S:
        """The one screen of that kind: made once, and kept when it is closed, so that it opens at once."""
        name = kind.__name__
        if not self.is_screen_installed(name):
            self.install_screen(kind(), name)
        return cast(S, self.get_screen(name))

    def push_screen(self, *arguments: Any, **options: Any) -> Any:
        """Another screen on top, laid out and painted once it is whole."""
        with ExitStack() as stack:
            stack.enter_context(self.batch_update())
            pushed = super().push_screen(*arguments, **options)
            release = stack.pop_all().close
        self.screen.call_later(release)
        self.set_timer(_WHOLE_S, release)  # whatever happens to that screen, painting goes on
        return pushed

    def pop_screen(self) -> AwaitComplete:
        """Back to the screen below; what was painted of the one on top is forgotten.

        Textual's cache of colours has what a widget painted as a part of its key, so it keeps that of 1,024 widgets,
        and collecting garbage took ever longer.
        """
        StylesCache.get_inner_outer.cache_clear()
        return super().pop_screen()
