"""The dashboard's frame: what it shows in every state of the services, and every global key."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Literal

import pytest
from textual.app import App

from tests.ui.cockpits import NOW, Fake, ago, empty, job, screen_text, services, until, until_shown
from tui.model.errors import UnavailableError, UsageError
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.keeping import Keeping
from tui.model.stack import ServiceState
from tui.view import app as app_module
from tui.view import registry
from tui.view.app import SCREENS
from tui.view.screens.confirm import Confirm
from tui.view.screens.help import Help

SIZES = [(80, 24), (200, 60), (60, 18)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_healthy_lakehouse_is_on_one_screen(fake: Fake, size: tuple[int, int]) -> None:
    async with fake.app().run_test(size=size) as pilot:
        await until_shown(pilot, "4/4 ready")
        for text in ("job RUNNING", "Kafka · trades", "Flink 1.19.3", "agg_1m", "48,120", "RUNNING 15m 05s"):
            await until_shown(pilot, text)


async def test_nothing_started_says_so_and_offers_the_key(fake: Fake) -> None:
    fake.says = empty()
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "○ stopped")
        await until_shown(pilot, "Kafka is stopped.")
        await until_shown(pilot, " u  start Kafka, S3 and Flink")


async def test_unknown_is_a_dash_and_one_broken_partition_hides_no_other(fake: Fake) -> None:
    broken = PartitionLag(1, None, None, None, None, "the partition has no leader")
    fake.says["lag"] = TopicLag("trades", "lakehouse", NOW, (PartitionLag(0, 0, 7, None, None), broken))
    async with fake.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "1: the partition has no leader")
        rows = [line for line in screen_text(pilot.app).splitlines() if line.startswith(("│0 ", "│1 "))]
        assert set(rows[0].split("│")[1].split()[2:]) == {"–"}
        assert set(rows[1].split("│")[1].split()[1:]) == {"–"}


async def test_a_source_that_fails_keeps_its_value_marked_stale_and_recovers(fake: Fake) -> None:
    async with fake.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "48,120")
        good, fake.says["lag"] = fake.says["lag"], UnavailableError("Kafka at 127.0.0.1:9092 did not answer.")
        await until_shown(pilot, "did not answer")
        text = screen_text(pilot.app)
        assert "48,120" in text
        assert "stale" in text
        fake.says["lag"] = good
        await until(pilot, lambda: "stale" not in screen_text(pilot.app), "fresh again")


async def test_an_answer_that_does_not_come_is_not_shown_as_fresh(fake: Fake) -> None:
    async with fake.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "48,120")
        hang = threading.Event()
        fake.says["lag"] = hang.wait
        fake.now = ago(-30)
        await until_shown(pilot, "no answer for")
        hang.set()


async def test_frozen_sources_delay_no_key(fake: Fake) -> None:
    hang = threading.Event()
    fake.says = dict.fromkeys(fake.says, hang.wait)
    async with fake.app().run_test(size=(80, 24)) as pilot:
        began = time.monotonic()
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help), "help")
        assert time.monotonic() - began < 5
        hang.set()


async def test_services_that_are_not_ready_are_named(fake: Fake) -> None:
    ready, ill = services(), services(ServiceState.UNHEALTHY)
    fake.says["services"] = (ill[0], *ready[1:])
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "▲ kafka unhealthy")


KEEPER = {
    "waiting": ("keeper: attempt 3 in 20 s", "the keeper submits it again, attempt 3 in 20 s (Too bad)."),
    "submitting": ("keeper: attempt 3 runs", "the keeper submits it again, attempt 3 (Too bad)."),
    "gave up": (
        "keeper: gave up after 3 attempts",
        "the keeper gave up after 3 attempts (Too bad): submit it yourself.",
    ),
}


@pytest.mark.parametrize("phase", KEEPER)
async def test_what_the_keeper_does_about_a_lost_job_is_said(
    fake: Fake, phase: Literal["waiting", "submitting", "gave up"]
) -> None:
    fake.says |= {"jobs": (), "job": None, "checkpoints": None}
    fake.says["keeper"] = Keeping(phase, "a" * 32, 3, ago(-20) if phase == "waiting" else None, "Too bad.")
    async with fake.app().run_test(size=(300, 60)) as pilot:
        for text in KEEPER[phase]:
            await until_shown(pilot, text)
        fake.says["keeper"] = None
        await until_shown(pilot, "No job runs.")
        assert "keeper" not in screen_text(pilot.app)


async def test_a_failed_job_is_said_and_where_to_look(fake: Fake) -> None:
    fake.says["jobs"] = (job("FAILED"),)
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "the last one FAILED 42 s ago")
        await until_shown(pilot, "screen 3")


async def test_a_bug_in_one_source_is_reported_and_ends_nothing(fake: Fake) -> None:
    fake.says["lag"] = lambda: 1 / 0
    async with fake.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "Unexpected error (ZeroDivisionError)")
        await until_shown(pilot, "RUNNING")
    assert fake.bugs
    fake.bugs.clear()


# --- keys


def told(app: App[object]) -> str:
    return " ".join(note.message for note in app._notifications)


async def test_an_action_runs_in_the_background_with_progress_and_result(fake: Fake) -> None:
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await until_shown(pilot, "▶ Submit")
        await until_shown(pilot, "25% 30.0 MB of 120 MB")
        fake.actions.hold.set()
        await until_shown(pilot, "✓ submit is done.")
        assert fake.actions.done == ["submit"]


async def test_the_same_action_twice_at_once_is_refused(fake: Fake) -> None:
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await until_shown(pilot, "▶ Submit")
        await pilot.press("s")
        await until(pilot, lambda: "already running" in told(pilot.app), "refused")
        assert fake.actions.done == ["submit"]


async def test_a_failed_action_stays_until_escape(fake: Fake) -> None:
    fake.actions.failing["produce"] = UnavailableError("The producer did not start; look at its log.")
    fake.actions.hold.set()
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await until_shown(pilot, "✗ Produce: The producer did not start; look at its log.")
        fake.now = ago(-60)
        await pilot.pause(1.2)
        assert "did not start" in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: "did not start" not in screen_text(pilot.app), "taken away")


@pytest.mark.parametrize(
    ("key", "name"),
    [("u", "up"), ("p", "produce"), ("P", "silence"), ("s", "submit"), ("k", "checkpoint")],
)
async def test_keys_that_run_at_once(fake: Fake, key: str, name: str) -> None:
    fake.actions.hold.set()
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await until_shown(pilot, f"✓ {name} is done.")
        assert fake.actions.done == [name]


@pytest.mark.parametrize(("key", "name"), [("d", "down"), ("c", "cancel"), ("x", "savepoint")])
async def test_keys_that_ask_first(fake: Fake, key: str, name: str) -> None:
    fake.actions.hold.set()
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm), "a question")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm), "no question")
        assert fake.actions.done == []
        await pilot.press(key)
        await until_shown(pilot, "/data/demo?" if name == "down" else "(a1b2c3d4)")
        await pilot.press("y")
        await until_shown(pilot, f"✓ {name} is done.")
        assert fake.actions.done == [name]


async def test_read_only_disables_every_action(fake: Fake) -> None:
    async with fake.app(read_only=True).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "read-only")
        for key in "udpPscxk":
            await pilot.press(key)
            assert not isinstance(pilot.app.screen, Confirm)
        assert "the dashboard is read-only" in told(pilot.app)
        assert fake.actions.done == []
        assert " s  submit" not in screen_text(pilot.app)


async def test_services_of_others_are_neither_started_nor_stopped_from_here(fake: Fake) -> None:
    fake.says["live"] = UnavailableError("Nothing yet.")
    theirs = {"capabilities": frozenset({"submit"}), "backend": "remote"}
    async with fake.app(**theirs).run_test(size=(200, 60)) as pilot:
        await until_shown(pilot, "remote")
        await until_shown(pilot, "✓ Kafka, S3 and Flink are reached")
        bar = screen_text(pilot.app).splitlines()[-1].split()
        assert "cancel" in bar
        assert not {"d", "P"} & set(bar)
        for key in "udpP":
            await pilot.press(key)
            assert not isinstance(pilot.app.screen, Confirm)
        assert "this backend does not offer it" in told(pilot.app)
        assert fake.actions.done == []
        await pilot.press("q")
    assert pilot.app.return_value == "Job kafka_to_iceberg keeps running; `lakehouse-tui` shows it again."


async def test_pause_freezes_the_display_and_not_the_polling(fake: Fake) -> None:
    async with fake.app(refresh_interval_s=0.2).run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "48,120")
        await pilot.press("space")
        await until_shown(pilot, "PAUSED")
        fake.says["lag"] = TopicLag("trades", "lakehouse", NOW, (PartitionLag(0, 0, 99_999, None, None),))
        fake.asked.clear()
        await until(pilot, lambda: fake.asked.count("lag") >= 3, "polled")
        assert "48,120" in screen_text(pilot.app)
        assert "99,999" not in screen_text(pilot.app)
        await pilot.press("space")
        await until_shown(pilot, "99,999")
        assert "PAUSED" not in screen_text(pilot.app)


async def test_refresh_interval_symbol_theme_and_reload(fake: Fake) -> None:
    app = fake.app(refresh_interval_s=30.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "every 30 s")
        await until(pilot, lambda: len(set(fake.asked)) == len(fake.says), "all asked once")
        fake.asked.clear()
        await pilot.press("r")
        await until(pilot, lambda: set(fake.asked) == set(fake.says), "all asked again")
        await pilot.press("minus")
        await until_shown(pilot, "every 10 s")
        await pilot.press("plus")
        await until_shown(pilot, "every 30 s")
        await pilot.press("plus")
        await until_shown(pilot, "every 30 s")
        await pilot.press("right_square_bracket")
        assert app.symbol == "ETHUSDT"
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert app.symbol == "SOLUSDT"
        seen = [app.theme]
        for _ in range(3):
            await pilot.press("t")
            seen.append(app.theme)
        assert seen == ["dark", "light", "contrast", "dark"]


async def test_the_header_names_a_chosen_theme_for_a_while(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "4/4 ready")
        await pilot.press("t")
        await until_shown(pilot, " light theme ")
        assert not app._notifications, "a toast has every screen laid out anew"
        monkeypatch.setattr(app_module, "THEME_S", 0.0)
        await until(pilot, lambda: "light theme" not in screen_text(app), "the name is gone again")


async def test_a_clock_behind_the_tables_is_said_to_hold_commits_up(fake: Fake) -> None:
    async with fake.app().run_test(size=(200, 60)) as pilot:
        await until_shown(pilot, "4/4 ready")
        newest = max(h.current.committed_at for n, h in fake.says.items() if n.startswith("history.") and h.current)
        fake.now = newest - timedelta(seconds=60)
        await pilot.pause(0.5)
        assert "behind the newest snapshot" not in screen_text(pilot.app)
        fake.now = newest - timedelta(minutes=50)
        await until_shown(pilot, "! This clock is 50m 00s behind the newest snapshot.")
        await pilot.press("4")
        await until_shown(pilot, "! This clock is 50m 00s behind the newest snapshot.")
        fake.now = NOW
        await until(pilot, lambda: "behind the newest" not in screen_text(pilot.app), "all well again")


async def test_help_lists_every_key_of_the_screen(fake: Fake) -> None:
    async with fake.app().run_test(size=(120, 100)) as pilot:
        await pilot.press("question_mark")
        await until_shown(pilot, "stop the job with a savepoint")
        await until_shown(pilot, "fresh is the clock minus the event time")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Help), "closed")


@pytest.mark.parametrize("key", ["ctrl+p", "colon"])
async def test_the_palette_runs_commands_by_name(fake: Fake, key: str) -> None:
    fake.actions.hold.set()
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.press(*"checkpoint")
        await until_shown(pilot, "checkpoint now")
        await pilot.press("enter")
        await until_shown(pilot, "✓ checkpoint is done.")


async def test_quit_says_what_keeps_running(fake: Fake) -> None:
    app = fake.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "job RUNNING")
        await until_shown(pilot, "producer running")
        await pilot.press("q")
    assert app.return_value is not None
    for text in ("kafka", "the producer", "job kafka_to_iceberg", "/data/demo", "lakehouse-tui down"):
        assert text in app.return_value


async def test_quit_asks_while_an_action_runs(fake: Fake) -> None:
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await pilot.press("u")
        await until_shown(pilot, "▶ Up")
        await pilot.press("q")
        await until_shown(pilot, "Up still runs")
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm), "goes on")
        fake.actions.hold.set()
        await until_shown(pilot, "✓ up is done.")


async def test_a_click_on_a_key_does_what_the_key_does(fake: Fake) -> None:
    async with fake.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, " ?  help")
        await pilot.click("#keys", offset=(6, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, Help), "help")


@pytest.mark.parametrize("size", [(59, 24), (80, 17), (30, 8)])
async def test_a_terminal_too_small_is_told_so(fake: Fake, size: tuple[int, int]) -> None:
    async with fake.app().run_test(size=size) as pilot:
        await until_shown(pilot, "60×18 at least")
        await pilot.resize_terminal(80, 24)
        await until_shown(pilot, "4/4 ready")


# --- remapped keys


async def test_a_key_can_be_changed(fake: Fake) -> None:
    fake.actions.hold.set()
    async with fake.app(keys={"submit": "f8", "help": "h"}).run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        await pilot.press("f8")
        await until_shown(pilot, "✓ submit is done.")
        assert fake.actions.done == ["submit"]
        await pilot.press("h")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help), "help")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"submit": "c"}, ("submit", "cancel", "'c'")),
        ({"sumbit": "z"}, ("sumbit", "submit")),
        ({"submit": "nokey"}, ("submit", "nokey")),
    ],
)
def test_wrong_keys_are_refused_by_name(fake: Fake, keys: dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as refused:
        fake.app(keys=keys)
    assert all(word in str(refused.value) for word in words)


def test_no_screen_has_two_commands_on_one_key() -> None:
    registry.check({}, {name: screen.OWN for name, screen in SCREENS.items()})
    registry.check({"submit": "c", "cancel": "s"}, {})


@pytest.mark.parametrize(
    ("size", "header"),
    [
        ((80, 24), "p high com.lag read lag in/s out/s"),
        ((132, 38), "p high com.lag read lag in/s out/s ETA lag trend"),
        ((200, 60), "p low high committed read com.lag read lag in/s out/s ETA lag trend"),
    ],
)
async def test_the_kafka_panel_has_the_columns_that_fit(fake: Fake, size: tuple[int, int], header: str) -> None:
    async with fake.app().run_test(size=size) as pilot:
        await until_shown(pilot, "48,120")
        lines = screen_text(pilot.app).splitlines()  # type: ignore[arg-type]
        shown = next(line for line in lines if "com.lag" in line).split("│")[1]
        assert " ".join(shown.split()) == header


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "45.0k records · 30+60 files"), (200, "45.0k records · 30 files +60 deletes")]
)
async def test_written_records_are_not_called_rows(fake: Fake, width: int, shown: str) -> None:
    async with fake.app().run_test(size=(width, 40)) as pilot:
        await until_shown(pilot, f"agg_1m  {shown}")
        await until_shown(pilot, "+records")
