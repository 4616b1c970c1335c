"""Styles are those that Textual finds, but each rule is parsed, and looked for, once for each theme."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.app import App
from textual.css import stylesheet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from tests.ui.cockpits import Fake, until, until_shown
from tui.view import app as app_module
from tui.view import theme
from tui.view.app import SCREENS, LakehouseApp
from tui.view.screens.help import Help
from tui.view.screens.palette import Palette
from tui.view.sheet import KeptStylesheet
from tui.view.widgets.table import DiffTable

IN_PLACES = {"hover", "focus", "blur", "can-focus", "disabled", "enabled", "dark", "light", "inline", "ansi", "nocolor"}
"""States that a place knows of, or that stay as they are while the program runs."""


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is parsed."""
    found: list[str] = []
    real = stylesheet.parse

    def noting(scope: str, css: str, *given: object, **named: object) -> object:
        found.append(css)
        return real(scope, css, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stylesheet, "parse", noting)
    return found


def test_a_theme_is_parsed_once(parsed: list[str]) -> None:
    sheet = KeptStylesheet(variables={"ink": "red"})
    sheet.add_source("Panel { color: $ink; }")
    colours = []
    for ink in ("red", "blue", "red", "blue"):
        sheet.set_variables({"ink": ink})
        sheet.reparse()
        colours.append(sheet.rules[0].styles.color.rgb)
    assert colours == [(255, 0, 0), (0, 0, 255)] * 2
    assert len(parsed) == 2
    sheet.add_source("Chart { color: $ink; }", read_from=("other", "Chart"))
    assert len(sheet.rules) == 2
    assert len(parsed) == 3


def test_a_theme_that_was_foreseen_is_not_parsed_when_it_is_chosen(parsed: list[str]) -> None:
    sheet = KeptStylesheet(variables={"ink": "red"})
    sheet.add_source("Panel { color: $ink; }")
    sheet.parse()
    sheet.foresee({"ink": "blue"})
    assert sheet.rules[0].styles.color.rgb == (255, 0, 0)
    assert len(parsed) == 2
    sheet.set_variables({"ink": "blue"})
    sheet.reparse()
    assert sheet.rules[0].styles.color.rgb == (0, 0, 255)
    assert len(parsed) == 2


async def test_every_theme_is_parsed_before_its_key_is_pressed(
    fake: Fake, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "AHEAD_S", 0.01)
    app = fake.app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: next(app._ahead, app) is app, "everything ahead")
        assert all(app.get_screen(kind.__name__).is_running for kind in (Help, Palette))
        assert all(stack[0].size == app.size for stack in app._screen_stacks.values())
        parsed.clear()
        for _ in theme.THEMES:
            await pilot.press("t")
        assert app.theme == fake.cockpit().theme
        assert parsed == []


def test_a_place_knows_every_state_that_rules_can_ask_for() -> None:
    asked = App._PSEUDO_CLASSES.keys() | Widget._PSEUDO_CLASSES.keys() | Screen._PSEUDO_CLASSES.keys()
    assert asked - Stylesheet._EXCLUDE_PSEUDO_CLASSES_FROM_CACHE == IN_PLACES


def nodes(app: LakehouseApp) -> Iterator[DOMNode]:
    yield app
    for stack in app._screen_stacks.values():
        for screen in stack:
            yield from screen.walk_children(with_self=True)


async def dressed(pilot: Pilot[object], app: LakehouseApp) -> None:
    shown = [screen for stack in app._screen_stacks.values() for screen in stack]
    await until(pilot, lambda: all(s._css_update_count == app._css_update_count for s in shown), "dressed")


def styles(node: DOMNode) -> tuple[object, ...]:
    parts = {name: part.base.get_rules() for name, part in node._component_styles.items()}
    return node.styles.base.get_rules(), parts


async def test_styles_are_those_of_textual_in_every_theme_and_state(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        for keys in (("t", "2"), ("tab", "t", "4"), ("3", "t", "1", "tab"), ("t", "5")):
            await pilot.press(*keys)
            await dressed(pilot, app)
            plain = Stylesheet(variables=app.get_css_variables())
            plain.source = app.stylesheet.source.copy()
            plain.parse()
            for node in nodes(app):
                ours = styles(node)
                plain.apply(node)
                assert ours == styles(node), node
        assert any(type(node) is DiffTable for node in nodes(app))


async def test_no_rule_is_looked_for_twice(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[DOMNode] = []
    real = Stylesheet._check_rule

    def noting(rule: object, path: list[DOMNode]) -> object:
        looked.append(path[-1])
        return real(rule, path)  # type: ignore[arg-type]

    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        for name in SCREENS:
            app.make_ahead(name)
        for _ in range(3):
            await pilot.press("t")
            await dressed(pilot, app)
        monkeypatch.setattr(Stylesheet, "_check_rule", staticmethod(noting))
        await pilot.press("t")
        await dressed(pilot, app)
        assert [node for node in looked if not (node._has_focus_within or node._has_order_style)] == []


async def test_rules_that_come_later_are_heeded(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        header = app.screen.query_one("#header")
        app.stylesheet.add_source("#header { color: rgb(1, 2, 3); }", read_from=("later", ""))
        app.stylesheet.update(app.screen)
        assert header.styles.color.rgb == (1, 2, 3)


async def test_the_cursor_of_a_table_shows_whether_keys_go_to_it(fake: Fake) -> None:
    """Its own styles stay as they are; only those of its parts change."""
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("v")
        await until_shown(pilot, " VERIFY ")
        table = DiffTable()
        await app.screen.mount(table)
        table.set_columns((("a", "a", "left"),))
        table.set_rows([("1", ("x",))])
        drawn = []
        for focused in (table, None, table):
            app.screen.set_focus(focused)
            await pilot.pause()
            drawn.append(table._get_styles_to_render_cell(False, False, False, False, True, True, True, True, True))
        assert drawn[0] == drawn[2] != drawn[1]
