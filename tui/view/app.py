"""The application: timers ask, workers fetch, messages bring readings, the store makes the state, screens show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from tui.core import advice
from tui.core.actions import Action
from tui.core.cockpit import Cockpit
from tui.core.sources import Source
from tui.core.store import State
from tui.model.activity import Activity
from tui.model.display import Display
from tui.view import registry, theme, thrift
from tui.view.activity import Performer
from tui.view.guard import guarded
from tui.view.messages import Ended, Stepped
from tui.view.offers import for_the_bar, offered, offers
from tui.view.polling import Polling
from tui.view.prompt import PromptApp
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.screens.confirm import Confirm
from tui.view.screens.dashboard import DashboardScreen
from tui.view.screens.flink import FlinkScreen
from tui.view.screens.help import Help, help_text
from tui.view.screens.iceberg import IcebergScreen
from tui.view.screens.kafka import KafkaScreen
from tui.view.screens.logs import LogsScreen
from tui.view.screens.palette import Palette
from tui.view.screens.sql import SqlScreen
from tui.view.screens.verify import VerifyScreen
from tui.view.tape import Tape
from tui.view.widgets.header import Facts

INTERVALS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
TICK_S = 0.25
GATHER_S = 0.1
"""News is shown so long after it came, with what has come by then, but not while a key is being answered."""
AGES_S = 1.4
"""Ages grow without news too; longer than news takes to come every second and be gathered, or all is drawn twice."""
AHEAD_S = 0.5
THEME_S = 2.0
"""How long the header names a theme that was chosen: a toast would have every screen laid out anew, twice."""
QUIET_S = 1.0
"""Who has typed nothing for so long is not about to."""
SCREENS: dict[str, type[CockpitScreen]] = {
    "dashboard": DashboardScreen,
    "kafka": KafkaScreen,
    "flink": FlinkScreen,
    "iceberg": IcebergScreen,
    "logs": LogsScreen,
    "sql": SqlScreen,
    "verify": VerifyScreen,
}


class LakehouseApp(PromptApp):
    """The dashboard on one `Cockpit`; ends with a sentence about what keeps running.

    A `thrifty` one has the process to itself, and manages its memory.
    """

    TITLE = "lakehouse-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = dict(SCREENS)
    DEFAULT_MODE = "dashboard"
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(registry.GLOBAL)
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        cockpit: Cockpit,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        first: Action | None = None,
        tape: Tape | None = None,
        thrifty: bool = False,
    ) -> None:
        super().__init__()
        registry.check(cockpit.keys, {name: screen.OWN for name, screen in SCREENS.items()})
        self.cockpit = cockpit
        self.clock = clock
        self.symbol = cockpit.symbols[0] if cockpit.symbols else ""
        self.performer = Performer(self.post_message, cockpit.report, clock)
        self._first = first
        self._tape = tape or Tape()
        self._thrifty = thrifty
        self._ahead = self._steps_ahead()
        self._paused: tuple[State, datetime] | None = None
        self._polling = Polling(cockpit.refresh_interval_s, cockpit.report, clock)
        self._news_at: float | None = 0.0
        self._shown_at = 0.0
        self._themed_at = float("-inf")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line of every widget goes through."""
        return guarded(*super().get_line_filters())

    # --- what screens ask

    @property
    def state(self) -> State:
        """What is shown: the newest state, or while paused the one of then."""
        return self._paused[0] if self._paused else self._polling.state

    @property
    def now(self) -> datetime:
        """The moment that ages are counted to."""
        return self._paused[1] if self._paused else self.clock()

    @property
    def period_s(self) -> float:
        """The refresh interval."""
        return self._polling.interval_s

    @property
    def top(self) -> CockpitScreen | None:
        """The screen that is seen, also behind a question or the help."""
        return next((s for s in reversed(self.screen_stack) if isinstance(s, CockpitScreen)), None)

    def facts(self, screen: str) -> Facts:
        """What the header knows beside the state."""
        paused_s = (self.clock() - self._paused[1]).total_seconds() if self._paused else None
        known = (self.cockpit.backend, self.period_s, paused_s, self.cockpit.read_only)
        chosen = self.theme if monotonic() - self._themed_at < THEME_S else None
        return Facts(screen, *known, recording=self._tape.running, theme=chosen)

    @property
    def activities(self) -> tuple[Activity, ...]:
        """Actions that run or have ended, oldest first."""
        return self.performer.activities

    def commands(self, screen: CockpitScreen) -> tuple[Command, ...]:
        """Every command that `screen` offers, with the user's keys."""
        return offered(self.cockpit, (*screen.OWN, *registry.GLOBAL))

    def key_commands(self, screen: CockpitScreen) -> tuple[Command, ...]:
        """Those for the key bar."""
        return for_the_bar(self.commands(screen), self.state)

    # --- the way of the data

    def on_mount(self) -> None:
        """Start the timers; nothing is waited for."""
        for one in theme.THEMES:
            self.register_theme(one)
        self.theme = self.cockpit.theme
        self.set_keymap(dict(self.cockpit.keys))
        self.call_after_refresh(self._begin)
        if self._first is not None:
            self._start(self._first)

    def _begin(self) -> None:
        """Poll from when the first screen is painted: importing the clients takes processor time of its own."""
        self.set_interval(TICK_S, self._tick)
        self._tick()
        self.set_timer(AHEAD_S, self._get_ahead)

    def _get_ahead(self) -> None:
        """Do what a key would have to wait for when it is first pressed, a step at a time between keys."""
        if not self.calm or next(self._ahead, self) is not self:
            self.set_timer(AHEAD_S, self._get_ahead)
        elif self._thrifty:
            thrift.keep()

    def _steps_ahead(self) -> Iterator[None]:
        """Make every screen, take up every theme, and put into the screens what is known by then."""
        for name in SCREENS:
            if self.make_ahead(name):
                yield
        for kind in (Help, Palette):
            self.keep_ahead(kind)
            yield
        for one in theme.THEMES:
            if self.foresee(one):
                yield
        for screen in [stack[0] for stack in self._screen_stacks.values() if stack]:
            if isinstance(screen, CockpitScreen) and screen is not self.top:
                screen.get_ready()
                yield

    def sources(self) -> Mapping[str, Source]:
        """What is polled now: the cockpit's sources and those of the screen on top."""
        screen = self.top
        own = screen.sources() if screen is not None else {}
        return {**self.cockpit.sources_for(self.symbol), **own}

    def fetch(self, *names: str) -> None:
        """Fetch these now, whatever their interval; names that nobody offers are passed over."""
        self._polling.fetch(self.sources(), names)

    def _tick(self) -> None:
        if not self.screen_stack:  # between two screens, or at the very end
            return
        self._collect()
        self._polling.tick(self.sources())
        now = monotonic()
        gathered = self._news_at is not None and now - self._news_at >= GATHER_S
        if (gathered and self.calm) or now - self._shown_at >= AGES_S:
            self._show()
        elif self._thrifty and self.calm:
            thrift.tidy(quiet=now - self.input_at >= QUIET_S)

    def _collect(self) -> None:
        """What the workers have read, into the state."""
        for arrival in self._polling.collect():
            self._tape.note(arrival.reading)
            if arrival.news and self._paused is None:
                self._note_news(arrival.at)

    def _note_news(self, at: float) -> None:
        self._news_at = at if self._news_at is None else self._news_at

    def _show(self) -> None:
        self._collect()
        self._news_at, self._shown_at = None, monotonic()
        ended = self._tape.look(self.activities, Display(self.symbol, self.period_s), self.clock())
        if ended:
            self.notify(ended, severity="error", timeout=30, markup=False)
        screen = self.top
        if screen is not None:
            with self.batch_update():
                screen.refresh_all()

    # --- actions on the lakehouse

    def action_perform(self, name: str) -> None:
        """Ask if need be, then run the action of that name."""
        action = self.cockpit.actions.get(name)
        if action is None or not offers(self.cockpit, next(c for c in registry.ACTIONS if c.performs == name)):
            why = "the dashboard is read-only" if self.cockpit.read_only else "this backend does not offer it"
            self.notify(f"Not possible: {why}.", severity="warning", markup=False)
            return
        question = None if self.performer.refusal(action) else action.question(self._polling.state)
        if question is None:
            self._start(action)
        else:
            self.push_screen(Confirm(action.title, question), lambda yes: self._start(action) if yes else None)

    def _start(self, action: Action) -> None:
        refused = self.performer.refusal(action)
        if refused:
            self.notify(refused, severity="warning", markup=False)
            return
        self.performer.start(action)
        self._show()

    def on_stepped(self, message: Stepped) -> None:
        """A step of a running action."""
        self.performer.stepped(message)
        self._note_news(monotonic())

    def on_ended(self, message: Ended) -> None:
        """An action has ended: say how, and look at what it changed."""
        self.fetch(*self.performer.ended(message))
        self._show()

    # --- keys of the display

    async def action_go(self, name: str) -> None:
        """Another screen, painted once it is whole."""
        with self.batch_update():
            await self.switch_mode(name)
            self._show()

    async def action_verify(self) -> None:
        """The checks, begun anew; where they run already, only shown."""
        there = self.current_mode == "verify"
        await self.action_go("verify")
        screen = self.screen
        if isinstance(screen, VerifyScreen):
            screen.run(insist=there)

    def action_symbol(self, step: int) -> None:
        """Another symbol in the chart."""
        symbols = self.cockpit.symbols
        if symbols:
            here = symbols.index(self.symbol) if self.symbol in symbols else 0
            self.symbol = symbols[(here + step) % len(symbols)]
            self.fetch("live")
            self._show()

    def action_reload(self) -> None:
        """Ask every source now."""
        self.fetch(*self.sources())

    def action_pause(self) -> None:
        """Freeze the display or go on; the polling never stops."""
        self._paused = None if self._paused else (self._polling.state, self.clock())
        self._show()

    def action_interval(self, step: int) -> None:
        """A longer or shorter refresh interval."""
        here = min(range(len(INTERVALS_S)), key=lambda i: abs(INTERVALS_S[i] - self.period_s))
        self._polling.interval_s = INTERVALS_S[min(max(here + step, 0), len(INTERVALS_S) - 1)]
        self._show()

    def action_theme(self) -> None:
        """The next theme."""
        self.theme = theme.following(self.theme)
        self._themed_at = monotonic()
        self._show()

    def action_help(self) -> None:
        """Keys and numbers of this screen."""
        screen = self.screen
        if isinstance(screen, CockpitScreen):
            help_ = self.kept(Help)
            help_.offer(screen.NAME, help_text(screen, self.commands(screen)))
            self.push_screen(help_)

    def action_dismiss_result(self) -> None:
        """Take the sentence of the last action away."""
        self.performer.forget()
        self._show()

    def action_command_palette(self) -> None:
        """Every command that is offered here, by name."""
        screen = self.screen
        if isinstance(screen, CockpitScreen):
            palette = self.kept(Palette)
            palette.offer(self.commands(screen))
            self.push_screen(palette, lambda action: self._run(action) if action else None)

    def _run(self, action: str) -> None:
        self.call_later(self.run_action, action)

    # --- the end

    async def action_leave(self) -> None:
        """Back to the dashboard, or quit; asks while an action runs."""
        if self.current_mode != self.DEFAULT_MODE:
            await self.action_go(self.DEFAULT_MODE)
            return
        running = [a.title for a in self.performer.running]
        if not running:
            self.action_quit_now()
            return
        question = f"{' and '.join(running)} still runs and would be broken off. Quit all the same?"
        self.push_screen(Confirm("Quit", question), lambda yes: self.action_quit_now() if yes else None)

    def action_quit_now(self) -> None:
        """End; the stack keeps running."""
        self.exit(advice.keeps_running(self._polling.state, self.cockpit.home, self.cockpit.capabilities))
