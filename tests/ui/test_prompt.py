"""Keys are answered with the next frame: what the application does in place of Textual's own way."""

from __future__ import annotations

import asyncio
import os
import pty
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.events import Key
from textual.message import Message

from tests.ui.cockpits import Fake, screen_text, until, until_shown
from tui.view import app as app_module
from tui.view import theme
from tui.view.app import SCREENS
from tui.view.prompt import PromptDriver
from tui.view.screens.palette import Palette, matching


class Reader(PromptDriver):
    """The driver's input alone, on any terminal; keys are only noted."""

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno
        self.exit_event = threading.Event()
        self._debug = False
        self.keys: list[str] = []
        self.came = threading.Semaphore(0)
        self._ended, self._end = os.pipe()
        os.set_blocking(self._ended, False)
        os.write(self._end, b".")  # left over from before

    def process_message(self, message: Message) -> None:
        if isinstance(message, Key):
            self.keys.append(message.key)
            self.came.release()


@contextmanager
def reading() -> Iterator[tuple[Reader, int]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    reader = Reader(slave)
    thread = threading.Thread(target=reader.run_input_thread)
    thread.start()
    try:
        yield reader, master
    finally:
        os.write(reader._end, b".")
        thread.join(10)
        os.close(master)
        os.close(slave)
        os.close(reader._ended)
        os.close(reader._end)
    assert not thread.is_alive()


def test_a_lone_escape_is_a_key_though_nothing_follows_it() -> None:
    with reading() as (reader, terminal):
        os.write(terminal, b"\x1b")
        assert reader.came.acquire(timeout=10)
        os.write(terminal, b"a")
        assert reader.came.acquire(timeout=10)
    assert reader.keys == ["escape", "a"]


def test_sequences_and_letters_of_several_bytes_are_one_key_each() -> None:
    with reading() as (reader, terminal):
        os.write(terminal, "\x1b[A\x1b[1;2Cö".encode())
        for _ in range(3):
            assert reader.came.acquire(timeout=10)
        os.write(terminal, "ö".encode()[:1])
        os.write(terminal, "ö".encode()[1:])
        assert reader.came.acquire(timeout=10)
    assert reader.keys == ["up", "shift+right", "ö", "ö"]


async def test_every_screen_is_made_before_its_key_is_pressed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "AHEAD_S", 0.01)
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: set(app._screen_stacks) >= set(SCREENS), "all made")
        assert app.current_mode == "dashboard"
        assert "DASHBOARD" in screen_text(app)
        made = {name: app._screen_stacks[name][0] for name in SCREENS}
        for key, name in (("2", "kafka"), ("3", "flink"), ("5", "logs"), ("1", "dashboard")):
            await pilot.press(key)
            await until_shown(pilot, f" {name.upper()} ")
            assert app.screen is made[name]


async def test_news_waits_until_a_key_was_answered(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []
    app = fake.app()
    real = app._show
    monkeypatch.setattr(app_module, "AGES_S", 1e9)
    monkeypatch.setattr(app, "_show", lambda: [shown.append(app.calm), real()])
    async with app.run_test() as pilot:
        await until(pilot, lambda: shown, "news")
        app.input_at = 1e12  # somebody types on and on
        shown.clear()
        await pilot.pause(1)
        assert shown == []
        app.input_at = 0.0
        await until(pilot, lambda: shown, "news")
        assert all(shown)


async def test_colours_of_screens_behind_follow_the_theme(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("5")
        await until_shown(pilot, " LOGS ")
        logs = app.screen
        await pilot.press("1")
        await until_shown(pilot, " DASHBOARD ")
        dark = logs.styles.background
        await pilot.press("t")
        await until(pilot, lambda: logs.styles.background != dark, "the logs' background")
        assert app.ansi_theme is theme.ansi("light")


@pytest.mark.parametrize("screen", ["kafka", "flink", "iceberg", "logs", "verify"])
async def test_the_end_may_come_while_a_screen_is_made_ahead(fake: Fake, screen: str) -> None:
    """Nothing of it is there yet, and then nothing will be."""
    for turns in range(8):
        app = fake.app()
        async with app.run_test(size=(120, 40)) as pilot:
            app.make_ahead(screen)
            for _ in range(turns):
                await asyncio.sleep(0)
            app.exit()
            await pilot._wait_for_screen()
        assert app._exception is None


async def test_a_screen_on_top_never_stops_the_painting(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        for key in ("question_mark", "colon"):
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen_stack) == 2 and not app._batch_count, "painting goes on")
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1 and not app._batch_count, "painting goes on")


@pytest.mark.parametrize(
    ("typed", "first"),
    [("chk", "checkpoint"), ("down", "down"), ("savepoint", "savepoint"), ("trades", "submit_fresh"), ("LOGS", "logs")],
)
async def test_the_palette_finds_by_label_and_by_help(fake: Fake, typed: str, first: str) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        found = matching(app.commands(app.screen), typed)  # type: ignore[arg-type]
        assert found[0].id == first


async def test_the_palette_says_when_nothing_fits_and_moves_with_the_arrows(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("colon")
        await until_shown(pilot, "Search for commands")
        await pilot.press(*"qqq")
        await until_shown(pilot, "No command is called that.")
        await pilot.press("enter")
        assert isinstance(app.screen, Palette)
        await pilot.press(*["backspace"] * 3)
        await until_shown(pilot, "partitions, consumer groups")
        await pilot.press(*"kafka", "enter")
        await until_shown(pilot, " KAFKA ")
        await pilot.press("colon", "down", "up", "up", "escape")
        await until(pilot, lambda: not isinstance(app.screen, Palette), "closed")
        assert app.current_mode == "kafka"


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (200, 60)])
async def test_the_palette_shows_its_last_command_at_every_size(fake: Fake, size: tuple[int, int]) -> None:
    async with fake.app().run_test(size=size) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("colon", "up")
        await until_shown(pilot, "back to the dashboard")
        assert "DASHBOARD" in screen_text(pilot.app)  # type: ignore[arg-type]


async def test_help_and_palette_are_made_once_and_open_as_new(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("question_mark")
        await until_shown(pilot, "Help: dashboard")
        first = app.screen
        await pilot.press("escape", "5")
        await until_shown(pilot, " LOGS ")
        await pilot.press("question_mark")
        await until_shown(pilot, "Help: logs")
        assert app.screen is first
        await pilot.press("escape", "colon")
        await until_shown(pilot, "Search for commands")
        palette = app.screen
        await pilot.press(*"chk", "escape", "t", "colon")
        await until(pilot, lambda: app.screen is palette, "the same palette")
        await until_shown(pilot, "Search for commands")  # what was typed before is gone
        await until(pilot, lambda: palette.styles.background == first.styles.background, "the colours of the theme")
