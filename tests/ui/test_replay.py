"""A recording in the dashboard: the same screens, any moment of it, and nothing that could be done to the past."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from tests.ui.cockpits import Fake, healthy, lag, screen_text, until, until_shown
from tui.clients.recording_file import Recorder, load
from tui.core.cockpit import Cockpit
from tui.core.player import Player
from tui.core.recording import Header, Recording
from tui.core.store import State, apply
from tui.model.activity import Activity
from tui.model.display import Display
from tui.model.errors import UnavailableError
from tui.model.kafka import TopicLag
from tui.model.reading import Reading
from tui.model.stack import Progress
from tui.view import registry
from tui.view.app import LakehouseApp
from tui.view.replay import ReplayApp
from tui.view.tape import ACTIVITY, DISPLAY, Tape

T0 = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
LENGTH_S = 300


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def moved(seconds: int) -> TopicLag:
    """The lag after so many seconds: partition 0 takes in 10 records a second."""
    now = lag()
    first = replace(now.partitions[0], high=1000 + 10 * seconds)
    return replace(now, taken_at=at(seconds), partitions=(first, *now.partitions[1:]))


def recording(cut: str | None = None) -> Recording:
    readings: list[Reading[Any]] = [Reading(name, at(0), 0, value=value) for name, value in healthy().items()]
    for second in range(LENGTH_S):
        readings += [Reading(name, at(second), 0, value=healthy()[name]) for name in ("services", "jobs")]
        if 100 <= second < 120:
            readings.append(Reading("lag", at(second), 0, error="Kafka did not answer."))
        else:
            readings.append(Reading("lag", at(second), 0, value=moved(second)))
    began = Activity("up", "Start the stack", "stack", at(150))
    running = began.stepped(Progress("download", "kafka.jar", 3, 4))
    readings += [
        Reading(ACTIVITY, at(150), 0, value=(running,)),
        Reading(ACTIVITY, at(160), 0, value=(running.finished("The stack is up.", at(160), ok=True),)),
        Reading(DISPLAY, at(200), 0, value=Display("ETHUSDT", 5.0)),
    ]
    header = Header(T0, "local", "/data/demo", "trades", ("BTCUSDT", "ETHUSDT"), ("up", "down", "produce"), 1.0)
    return Recording(header, tuple(sorted(readings, key=lambda r: r.taken_at)), at(LENGTH_S), cut)


def never(error: BaseException) -> str:
    raise AssertionError(error)


def replay(found: Recording | None = None, *, speed: float = 1.0) -> ReplayApp:
    found = found or recording()
    header = found.header
    cockpit = Cockpit(
        header.home,
        header.backend,
        header.topic,
        header.symbols,
        never,
        capabilities=frozenset(header.capabilities),
        read_only=True,
    )
    player = Player(found, speed)
    player.paused = True
    return ReplayApp(cockpit, player)


@pytest.fixture
def app() -> ReplayApp:
    return replay()


def told(app: App[Any]) -> str:
    return " ".join(note.message for note in app._notifications)


def position(pilot: Pilot[Any]) -> float:
    app = pilot.app
    assert isinstance(app, ReplayApp)
    return app.player.position_s


async def test_it_starts_at_the_start_and_ages_are_those_of_then(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "REPLAY ❚❚ 00:00/05:00 ×1")
        await until_shown(pilot, "4/4 ready")
        await until_shown(pilot, "1,000")
        assert app.now == at(0)
        assert "stale" not in screen_text(app)
        assert "no answer" not in screen_text(app)


async def test_space_goes_on_and_stops(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "❚❚ 00:00")
        await pilot.press("space")
        await until(pilot, lambda: position(pilot) > 1.0, "it plays")
        await until_shown(pilot, "REPLAY 00:01/05:00 ×1")
        await pilot.press("space")
        stopped = position(pilot)
        await until_shown(pilot, "❚❚")
        await pilot.pause(0.3)
        assert position(pilot) == stopped


async def test_keys_seek_both_ways_and_the_screen_follows(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(".", ".", ".")
        assert position(pilot) == 30.0
        await until_shown(pilot, "00:30/05:00")
        await until_shown(pilot, "1,300")
        await pilot.press(",")
        await until_shown(pilot, "1,200")
        await pilot.press("$")
        await until_shown(pilot, "■ 05:00/05:00")
        await until_shown(pilot, "3,990")
        await pilot.press("0")
        await until_shown(pilot, "00:00/05:00")
        await until_shown(pilot, "1,000")
        await pilot.press(",")
        assert position(pilot) == 0.0


async def test_after_the_end_space_starts_again(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("$", "space")
        await until(pilot, lambda: 0.0 < position(pilot) < 60.0, "it plays from the start")


async def test_speed_keys(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("}", "}")
        await until_shown(pilot, "×5")
        await pilot.press("{", "{", "{")
        await until_shown(pilot, "×0.5")
        await pilot.press(*"}}}}}}}", "space")
        await until_shown(pilot, "×60")
        await until(pilot, lambda: position(pilot) > 30, "a minute a second")


async def test_errors_come_and_go_as_they_did(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app.player.seek(118.5)
        await until_shown(pilot, "stale, 19 s old")
        await until_shown(pilot, "Kafka did not answer. (for 18 s)")
        app.player.seek(20)
        await until(pilot, lambda: "did not answer" not in screen_text(app), "all is well before")


async def test_actions_of_then_are_shown_with_their_progress(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app.player.seek(155)
        await until_shown(pilot, "▶ Start the stack  5 s")
        await until_shown(pilot, " 75% 3 of 4")
        app.player.seek(161)
        await until_shown(pilot, "✓ The stack is up.")


async def test_symbol_and_interval_are_those_of_then(app: ReplayApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "every 1 s")
        app.player.seek(250)
        await until_shown(pilot, "every 5 s")
        assert app.symbol == "ETHUSDT"


@pytest.mark.parametrize("key", [*"udpPsckx", "r", "+", "-", "[", "]"])
async def test_nothing_can_be_done_to_the_past(app: ReplayApp, key: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press(key)
        await until(pilot, lambda: "This is a recording: " in told(app), "refused")
        assert len(app.screen_stack) == 1
        assert app.symbol == "BTCUSDT"


async def test_keys_and_palette_offer_the_player_and_no_action(app: ReplayApp) -> None:
    async with app.run_test(size=(160, 40)) as pilot:
        await until_shown(pilot, " { ")
        keys = screen_text(app).splitlines()[-1]
        for part in (" , ", " . ", " } ", " { ", "space"):
            assert part in keys
        ids = {command.id for command in app.commands(app.screen)}  # type: ignore[arg-type]
        assert {"replay_on", "replay_start", "help", "quit"} <= ids
        assert not ids & {"up", "submit", "refresh", "slower", "symbol_next"}


async def test_the_keys_of_the_player_do_nothing_without_a_recording(fake: Fake) -> None:
    async with fake.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press(",", ".", "{", "}", "0", "$")
        assert not {c.id for c in registry.REPLAY} & {c.id for c in pilot.app.commands(pilot.app.screen)}  # type: ignore


async def test_a_recording_that_was_cut_short_says_so() -> None:
    async with replay(recording(cut="The recording was cut short.")).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "cut short" in told(pilot.app), "the sentence")


async def test_quitting_says_nothing_of_services() -> None:
    app = replay()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("q")
    assert app.return_value is None


async def test_no_thread_asks_anything(app: ReplayApp) -> None:
    before = set(threading.enumerate())
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "4/4 ready")
        assert not [t.name for t in set(threading.enumerate()) - before if t.name.startswith("fetch-")]


# --- recording


@contextmanager
def taped(fake: Fake, path: Path) -> Iterator[tuple[LakehouseApp, Recorder]]:
    cockpit = fake.cockpit()
    header = Header(fake.now, "local", cockpit.home, cockpit.topic, cockpit.symbols, ("up",), 1.0)
    recorder = Recorder(path, header, clock=lambda: fake.now + timedelta(seconds=5))
    tape = Tape(recorder.note, lambda: recorder.failure, running=True)
    try:
        yield LakehouseApp(cockpit, clock=lambda: fake.now, tape=tape), recorder
    finally:
        recorder.close()


async def test_what_was_shown_is_recorded_and_plays_the_same(fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with taped(fake, path) as (app, _):
        async with app.run_test(size=(120, 40)) as pilot:
            await until_shown(pilot, "● REC")
            await until_shown(pilot, "48,120")
            await until_shown(pilot, "13m 00s" if "13m 00s" in screen_text(app) else "RUNNING 15m 05s")
            fake.says["lag"] = UnavailableError("Kafka did not answer.")
            await until_shown(pilot, "Kafka did not answer.")
            await pilot.press("]", "s")
            await until_shown(pilot, "25% 30.0 MB of 120 MB")
            fake.actions.hold.set()
            await until_shown(pilot, "✓ submit is done.")
            state = app.state
    found = load(path)
    assert found.cut is None
    played = State()
    for reading in found.readings:
        played = apply(played, reading)
    for name, shown in state.sources.items():
        assert played.shown(name) == shown, name
    assert played.shown(DISPLAY).value == Display("ETHUSDT", 1.0)
    assert [a.sentence for a in played.shown(ACTIVITY).value] == ["submit is done."]
    texts = [r.value[0].steps for r in found.readings if r.source == ACTIVITY and r.value]
    assert any("download" in steps for steps in texts)
    async with replay(found).run_test(size=(120, 40)) as pilot:
        await pilot.press("$")
        await until_shown(pilot, "Kafka did not answer.")
        await until_shown(pilot, "✓ submit is done.")


async def test_a_recording_that_fails_is_said_and_the_dashboard_goes_on(fake: Fake) -> None:
    failure: list[str] = []
    noted: list[Reading[object]] = []
    tape = Tape(noted.append, lambda: failure[0] if failure else None, running=True)
    app = LakehouseApp(fake.cockpit(), clock=lambda: fake.now, tape=tape)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "● REC")
        await until_shown(pilot, "48,120")
        failure.append("The recording has stopped: no space left.")
        await until(pilot, lambda: "no space left" in told(app), "the sentence")
        await until(pilot, lambda: "● REC" not in screen_text(app), "it does not record any more")
        fake.says["lag"] = UnavailableError("Kafka did not answer.")
        await until_shown(pilot, "Kafka did not answer.")
