"""The dashboard on a recording: the same screens, but the readings come from a player, and time is the recording's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import ClassVar

from textual.binding import BindingType

from tui.core.cockpit import Cockpit
from tui.core.player import Player
from tui.core.sources import Source
from tui.core.store import State
from tui.model.activity import Activity
from tui.model.display import Display
from tui.view import registry
from tui.view.app import LakehouseApp
from tui.view.polling import Polling
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.tape import ACTIVITY, DISPLAY
from tui.view.widgets.header import Facts

POINTLESS = frozenset({"refresh", "slower", "faster", "symbol_previous", "symbol_next"})
"""Commands that ask somebody who is not there."""


class Playing(Polling):
    """Takes the place of the polling: nobody is asked, the state is the player's."""

    def __init__(self, player: Player) -> None:
        super().__init__(player.recording.header.interval_s, str, lambda: player.now)
        self.player = player
        self.state: State = player.state
        self._looked_at = monotonic()

    def tick(self, sources: Mapping[str, Source]) -> None:  # noqa: ARG002 - nobody is asked
        """Go on by the time that has passed."""
        now = monotonic()
        self.player.advance(now - self._looked_at)
        self._looked_at = now
        self.state = self.player.state

    def fetch(self, sources: Mapping[str, Source], names: Iterable[str]) -> None:
        """Nobody is asked."""


class ReplayApp(LakehouseApp):
    """Plays a recording; nothing can be started or stopped."""

    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(registry.REPLAY)

    def __init__(self, cockpit: Cockpit, player: Player, thrifty: bool = False) -> None:
        super().__init__(cockpit, clock=lambda: player.now, thrifty=thrifty)
        self.player = player
        self._polling = Playing(player)

    @property
    def activities(self) -> tuple[Activity, ...]:
        """The actions of then."""
        found: tuple[Activity, ...] = self.state.shown(ACTIVITY).value or ()
        return found

    def on_mount(self) -> None:
        """Start, and say so where the end is missing."""
        super().on_mount()
        if self.player.recording.cut:
            self.notify(self.player.recording.cut, severity="warning", markup=False)

    def facts(self, screen: str) -> Facts:
        """With where the recording stands."""
        return replace(super().facts(screen), replay=where(self.player))

    def commands(self, screen: CockpitScreen) -> tuple[Command, ...]:
        """Those of the player too."""
        own = registry.remapped(registry.REPLAY, self.cockpit.keys)
        return (*(c for c in super().commands(screen) if c.id not in POINTLESS), *own)

    def _tick(self) -> None:
        before = self.player.state, round(self.player.position_s)
        super()._tick()
        display = self.state.shown(DISPLAY).value
        if isinstance(display, Display):
            self.symbol, self._polling.interval_s = display.symbol, display.interval_s
        if before != (self.player.state, round(self.player.position_s)):
            self._note_news(monotonic())

    # --- keys

    def action_perform(self, name: str) -> None:  # noqa: ARG002 - whatever it is
        """Nothing can be done to the past."""
        self._refuse("nothing can be started or stopped")

    def action_reload(self) -> None:
        """There is nobody to ask."""
        self._refuse("there is nobody to ask")

    def action_interval(self, step: int) -> None:  # noqa: ARG002 - either way
        """It is as it was."""
        self._refuse("the readings are as often as they were taken")

    def action_symbol(self, step: int) -> None:  # noqa: ARG002 - either way
        """It is as it was."""
        self._refuse("it shows the symbol that was chosen then")

    def _refuse(self, why: str) -> None:
        self.notify(f"This is a recording: {why}.", severity="warning", markup=False)

    def action_pause(self) -> None:
        """Stop, go on, or start again after the end."""
        self.player.pause()
        self._show()

    def action_seek(self, seconds: float) -> None:
        """Forwards or backwards."""
        self.player.seek(self.player.position_s + seconds)
        self._moved()

    def action_seek_to(self, share: float) -> None:
        """To the start (0) or the end (1)."""
        self.player.seek(self.player.length_s * share)
        self._moved()

    def action_speed(self, step: int) -> None:
        """Faster (1) or slower (-1)."""
        self.player.faster(step)
        self._show()

    def _moved(self) -> None:
        self._polling.state = self.player.state
        self._show()

    def action_quit_now(self) -> None:
        """End; nothing of it runs."""
        self.exit()


def where(player: Player) -> str:
    """Position, length and speed: `00:12/05:00 ×1`."""
    mark = "■ " if player.ended else "❚❚ " if player.paused else ""
    return f"{mark}{_clock(player.position_s)}/{_clock(player.length_s)} ×{player.speed:g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
