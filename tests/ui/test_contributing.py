"""The panel that CONTRIBUTING walks through works as it is printed there."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult

from tests.ui.cockpits import NOW
from tui.core.store import State, apply
from tui.model.reading import Reading
from tui.model.stack import ProducerStatus
from tui.view.widgets.panel import Panel

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


def printed() -> type[Panel]:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    found: type[Panel] = names["ProducerPanel"]
    return found


class Frame(App[None]):
    """The panel alone."""

    CSS = "Panel { width: 40; height: 5; border: round white; }"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel

    def compose(self) -> ComposeResult:
        yield self.panel


async def test_the_panel_shows_what_is_known_and_what_is_not() -> None:
    panel = printed()(id="producer")
    running = Reading("producer", NOW, 1, value=ProducerStatus("running", 7, 50.0, 1234))
    away: Reading[ProducerStatus] = Reading(
        "producer", NOW + timedelta(seconds=3), 2, error="Its record cannot be read."
    )
    async with Frame(panel).run_test(size=(60, 12)) as pilot:

        def said(state: State, later: int = 0) -> str:
            panel.offer(state, NOW + timedelta(seconds=later), 1.0)
            return "\n".join(line.plain for line in panel._lines)

        assert said(State()) == "No producer runs: p starts one."
        state = apply(State(), running)
        assert said(state) == "running\n1,234 sent"
        assert said(apply(state, away), later=4).startswith("running\n")
        await pilot.pause()
        assert str(panel._border_subtitle) == "stale, 4 s old"
        assert "Its record cannot be read." in said(apply(State(), away), later=4)
