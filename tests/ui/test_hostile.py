"""Every text that comes from outside is hostile, on every screen: it is shown as it is and orders nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest

from tests.ui.cockpits import Fake, screen_text, until
from tests.ui.test_snapshots import KEYS, ports, settled
from tui.model.stack import ProducerStatus, Service

HOSTILE = "[bold red]x[/]\x1b[31m\x9b2J\x07\r\u202e"
SHOWN = "[bold"
_NAMES = {"id", "state", "status", "kind", "service", "symbol", "vertex_id", "source", "target", "job_id", "type"}
"""What screens go by; everything else is only shown."""


def hostile(value: Any, name: str = "") -> Any:
    """The value with every text in it made hostile, also those that screens go by, where they tell no state."""
    if isinstance(value, str):
        return value if name in _NAMES else f"{HOSTILE}{value}"
    if isinstance(value, Enum) or value is None:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        known = {"name"} if isinstance(value, Service | ProducerStatus) else set()
        changed = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in known}
        return replace(value, **{name: hostile(part, name) for name, part in changed.items()})
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(hostile(part, name) for part in value)
    if isinstance(value, Mapping):
        return {key: hostile(part, str(key)) for key, part in value.items()}
    return value


class Hostile:
    """A port whose answers are hostile."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return (lambda *args, **named: hostile(found(*args, **named))) if callable(found) else found


@pytest.mark.parametrize("screen", KEYS)
async def test_no_screen_obeys_what_it_shows(fake: Fake, screen: str) -> None:
    parts = ports("healthy")
    wrapped = {name: (lambda make=make: Hostile(make())) for name, make in parts.items() if name != "verify"}
    fake.says = {name: hostile(value) for name, value in fake.says.items()}
    app = fake.app(refresh_interval_s=0.2, **{**parts, **wrapped}, topic=f"t{HOSTILE}", home=f"/h{HOSTILE}")
    async with app.run_test(size=(160, 50)) as pilot:
        await settled(pilot, fake)
        await pilot.press(KEYS[screen])
        await settled(pilot, fake)
        if screen == "sql":
            await pilot.press("f5")
        if screen != "verify":
            await until(pilot, lambda: SHOWN in screen_text(app), f"{screen} shows what it was told")
        written = [s.text for line in app.screen._compositor.render_strips() for s in line]
        assert [t for t in written if re.search("[\x00-\x1f\x7f-\x9f\u202e]", t)] == []
