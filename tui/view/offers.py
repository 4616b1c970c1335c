"""Which commands are offered: what the backend can do, and of that what makes sense now."""

from __future__ import annotations

from collections.abc import Iterable

from tui.core import advice
from tui.core.cockpit import Cockpit
from tui.core.store import State
from tui.view import registry
from tui.view.registry import Command


def offers(cockpit: Cockpit, command: Command) -> bool:
    """Whether the backend can do it, and may."""
    if command.performs is None:
        return True
    action = cockpit.actions.get(command.performs)
    if action is None or cockpit.read_only:
        return False
    return action.capability is None or action.capability in cockpit.capabilities


def offered(cockpit: Cockpit, commands: Iterable[Command]) -> tuple[Command, ...]:
    """Those that are offered, with the user's keys."""
    return registry.remapped(tuple(c for c in commands if offers(cockpit, c)), cockpit.keys)


def for_the_bar(commands: Iterable[Command], state: State) -> tuple[Command, ...]:
    """Those for the key bar: the screen's own, then those that make sense now."""
    makes_sense = advice.useful_actions(state)
    useful = [c for c in commands if c.rank is not None and (c.performs is None or c.performs in makes_sense)]
    return tuple(sorted(registry.brief(useful), key=lambda c: c.rank or 0))
