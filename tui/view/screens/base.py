"""What every screen of the cockpit has: header, body, activities, keys; and the sentence for a terminal too small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.core.cockpit import Cockpit
from tui.core.sources import Source
from tui.core.store import State
from tui.view.explained import Explained
from tui.view.registry import Command
from tui.view.widgets.activity import ActivityBar
from tui.view.widgets.header import HeaderBar
from tui.view.widgets.keybar import KeyBar

if TYPE_CHECKING:
    from tui.view.app import LakehouseApp

LEAST_WIDTH, LEAST_HEIGHT = 60, 18


class CockpitScreen(Screen[None]):
    """One screen; subclasses give `NAME`, `OWN`, `PANELS`, `ABOUT`, `body` and `show`."""

    NAME: ClassVar[str] = ""
    OWN: ClassVar[tuple[Command, ...]] = ()
    """The screen's own keys; its BINDINGS are made from them."""
    PANELS: ClassVar[tuple[Explained, ...]] = ()
    """How the numbers of each of its panels are made, for the help."""
    BLANK = True  # nothing is seen of it but its background
    ABOUT: ClassVar[str] = ""
    """What its words and signs mean, for the help."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = HeaderBar(), ActivityBar(), KeyBar()
        self._offered: State | None = None
        self._seen_before = False

    def compose(self) -> ComposeResult:
        """Header, body, activities, keys."""
        header, activity, keys = self._frame
        yield header
        yield from self.body()
        yield activity
        yield keys
        yield Static(id="too-small")

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    @property
    def cockpit(self) -> Cockpit:
        """The lakehouse."""
        return self.lakehouse.cockpit

    @property
    def lakehouse(self) -> LakehouseApp:
        """The application, by its own type."""
        from tui.view.app import LakehouseApp

        return cast(LakehouseApp, self.app)

    @property
    def state(self) -> State:
        """What is shown now (while paused: what was known then)."""
        return self.lakehouse.state

    @property
    def now(self) -> datetime:
        """The moment that ages are counted to (while paused: when that began)."""
        return self.lakehouse.now

    def chosen_panels(self) -> list[str]:
        """Ids of the widgets that the focus is in, the innermost first."""
        if self.focused is None:
            return []
        return [node.id for node in self.focused.ancestors_with_self if node.id]

    def sources(self) -> Mapping[str, Source]:
        """What is fetched only while this screen is on top, built from the parameters of now."""
        return {}

    def refetch(self, *names: str) -> None:
        """Fetch these sources (of `sources()` or of the cockpit) now: a parameter has changed."""
        self.lakehouse.fetch(*names)

    def show(self, state: State) -> None:
        """Put `state` into the widgets, changing only what differs."""

    def refresh_all(self) -> None:
        """Show the state of now: frame and body."""
        header, activity, keys = self._frame
        if not self.is_mounted or not self.app.is_running or not keys.is_attached:  # not yet, or no more
            return
        app = self.lakehouse
        self._offered = app.state
        header.offer(app.state, app.now, app.facts(self.NAME))
        activity.offer(app.activities, app.clock())
        keys.offer(app.key_commands(self))
        self.show(app.state)

    def _refresh_news(self) -> None:
        """Show what came since it was shown last: whoever brings a screen back has shown it by then."""
        if self.state is not self._offered:
            self.refresh_all()

    def _screen_resized(self, size: Size) -> None:
        """Lay it out, unless it is already as it will be: so is a screen that comes back."""
        if size != self._compositor.size or self._layout_required or self._layout_widgets:
            super()._screen_resized(size)

    def get_ready(self) -> None:
        """Be filled and laid out before it is seen first."""
        self.refresh_all()
        self.call_later(self._screen_resized, self.app.size)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Back on top: show what is known by now, and fetch what this screen needs."""
        event.refresh_styles = False  # they are kept up to date behind, see `PromptApp.refresh_css`
        self.call_after_refresh(self._refresh_news if self._seen_before else self.refresh_all)
        self._seen_before = True

    def on_resize(self, event: events.Resize) -> None:
        """Below the least size a sentence takes the place of everything."""
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        self.set_class(small, "-too-small")
        self.set_class(event.size.width >= 120, "-wide")
        self.set_class(event.size.height >= 40, "-tall")
        if small:
            self.query_one("#too-small", Static).update(
                f"The terminal is {event.size.width}×{event.size.height}; "
                f"the cockpit needs {LEAST_WIDTH}×{LEAST_HEIGHT} at least. q quits."
            )
