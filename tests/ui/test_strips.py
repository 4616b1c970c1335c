"""Lines are drawn once, and what is drawn is light."""

from __future__ import annotations

import gc

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tests.ui.cockpits import Fake, until, until_shown
from tui.view.widgets.kafka import KafkaPanel


def _strips() -> int:
    """How many strips there are, garbage too."""
    return sum(type(one) is Strip for one in gc.get_objects())


async def test_what_screens_drew_needs_no_collection_of_garbage(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)):
        strip = Strip([Segment("text", Style(bold=True))], 4)
        gc.collect()
        gc.disable()
        try:
            before = _strips()
            for drawn in (Strip([Segment("text")], 4) for _ in range(100)):
                assert drawn.divide([4])[0] is drawn is drawn.crop_extend(0, 4, None)
            del drawn
            assert _strips() == before
        finally:
            gc.enable()
        assert [part.text for part in strip.divide([1, 4, 9])] == ["t", "ext"]
        assert strip.crop_extend(1, 6, None).text == "ext  "
        with pytest.raises(AttributeError):
            strip.nothing  # type: ignore[attr-defined]  # noqa: B018


async def test_a_widget_that_has_not_changed_gives_the_lines_of_before(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        panel = app.screen.query_one(KafkaPanel)
        whole, upper = panel.outer_size.region, Region(0, 0, panel.outer_size.width, 3)
        lines = panel.render_lines(whole)
        assert panel.render_lines(whole) is lines
        assert [line.text for line in panel.render_lines(upper)] == [line.text for line in lines[:3]]
        panel.border_subtitle = "news"
        assert "news" in panel.render_lines(whole)[-1].text
        lines = panel.render_lines(whole)
        panel.refresh(Region(0, 1, 4, 1))
        assert panel.render_lines(whole) is not lines
        await pilot.press("t")
        await until(pilot, lambda: panel.render_lines(whole)[0] != lines[0], "the colours of the theme")


async def test_a_screen_that_comes_back_is_laid_out_only_in_another_size(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("5")
        await until_shown(pilot, " LOGS ")
        await pilot.press("1")
        await until_shown(pilot, " DASHBOARD ")
        laid_out: list[object] = []
        for screen in (stack[0] for stack in app._screen_stacks.values()):
            screen.screen_layout_refresh_signal.subscribe(screen, laid_out.append, immediate=True)
        await pilot.press("5")
        await until_shown(pilot, " LOGS ")
        await pilot.press("1")
        await until_shown(pilot, " DASHBOARD ")
        assert laid_out == []
        await pilot.resize_terminal(100, 30)
        await pilot.press("5")
        await until_shown(pilot, " LOGS ")
        assert app.screen in laid_out
        assert app.screen.size == (100, 30)
