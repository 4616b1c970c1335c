"""The help: on every panel two sentences about its numbers, and an experiment that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.image import SVGImageSnapshotExtension

from tests.ui.cockpits import Fake, screen_text, until, until_shown
from tests.ui.test_snapshots import KEYS, ports, settled
from tui.view.app import SCREENS
from tui.view.explained import Explained
from tui.view.screens.dashboard import DashboardScreen
from tui.view.screens.help import Help

ROOT = Path(__file__).resolve().parents[2]
EVERY = [pytest.param(one, id=f"{name}-{one.title}") for name, screen in SCREENS.items() for one in screen.PANELS]


@pytest.mark.parametrize("panel", EVERY)
def test_two_sentences_and_a_step_of_an_experiment(panel: Explained) -> None:
    for sentence in panel.sentences:
        assert re.search(r"[\w)]\.$", sentence), sentence
        assert not re.search(r"\. [A-Z]", sentence), f"more than one sentence: {sentence}"
    assert panel.experiments
    for name, step in panel.experiments:
        steps = re.findall(r"^    @step\(", (ROOT / "experiments" / f"{name}.py").read_text(encoding="utf-8"), re.M)
        assert 1 <= step <= len(steps), (name, step)


@pytest.mark.parametrize("screen", KEYS)
async def test_every_explained_panel_is_there_and_the_help_has_it(
    fake: Fake, snapshot: SnapshotAssertion, screen: str
) -> None:
    app = fake.app(refresh_interval_s=0.2, **ports("healthy"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, fake)
        await pilot.press(KEYS[screen])
        await until_shown(pilot, f" {screen.upper()} ")
        for panel in SCREENS[screen].PANELS:
            assert app.screen.query(f"#{panel.widget}"), panel.title
        await settled(pilot, fake)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help), "help")
        await pilot.pause(0.2)
        assert app.export_screenshot(title=f"help of {screen}") == snapshot(extension_class=SVGImageSnapshotExtension)
        await pilot.press("end")
        await until_shown(pilot, "quit at once")  # the whole text can be reached


async def test_two_quick_tabs_choose_the_second_panel(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        screen.action_panel(1)
        screen.action_panel(1)  # before the first one's widget knows of its focus
        await pilot.press("question_mark")
        await until(pilot, lambda: _first_line(screen_text(app)) == "Flink", "help of Flink")


async def test_the_help_begins_with_the_chosen_panel(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        for title in ("Kafka", "Flink", "Candles", "Iceberg"):
            await pilot.press("tab", "question_mark")
            await until(pilot, lambda title=title: _first_line(screen_text(app)) == title, f"help of {title}")
            await until_shown(pilot, "See it: uv run experiments/0")
            await pilot.press("escape")
        await pilot.press("tab", "question_mark")
        await until(pilot, lambda: _first_line(screen_text(app)) == "This screen", "none is chosen")


async def test_a_click_chooses_a_panel_and_escape_lets_go(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        assert app.focused is None
        await pilot.click("#panel-iceberg")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "panel-iceberg", "the focus")
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is None, "no focus")


async def test_the_help_begins_with_the_pane_that_is_seen(fake: Fake) -> None:
    app = fake.app(**ports("healthy"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "right", "right", "question_mark")
        await until(pilot, lambda: _first_line(screen_text(app)) == "Checkpoints", "help of the checkpoints")
        await pilot.press("escape", "4", "tab", "tab", "question_mark")
        await until(pilot, lambda: _first_line(screen_text(app)) == "Files", "help of the files")


def _first_line(text: str) -> str:
    """The first line in the help's box."""
    lines = text.splitlines()
    top = next((n for n, line in enumerate(lines) if "╭─ Help" in line), None)
    return "" if top is None else lines[top + 1].partition("│")[2].partition("  ")[2].partition("  ")[0].strip()
