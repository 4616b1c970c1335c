"""The verify screen on checks that come when the test lets them."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.cockpits import NOW, Fake, screen_text, until, until_shown
from tui.core.verify import NAMES
from tui.model.checks import Check, VerifyRun
from tui.model.errors import LakehouseError
from tui.view.app import LakehouseApp
from tui.view.screens.verify import MEANINGS, CheckTable, VerifyScreen, rows


@dataclass
class Checks:
    """One iterator a run; `let` lets so many checks through."""

    failing: dict[str, str] = field(default_factory=dict)
    breaks: Exception | None = None
    runs: int = 0
    passes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self) -> Iterator[Check]:
        self.runs += 1
        return self.checks()

    def checks(self) -> Iterator[Check]:
        for name in NAMES:
            assert self.passes.acquire(timeout=20)
            if self.breaks is not None:
                raise self.breaks
            why = self.failing.get(name, "")
            yield Check(name, not why, f"{name} as it should be", f"{name} as it is", why)

    def let(self, count: int = len(NAMES)) -> None:
        self.passes.release(count)


@dataclass
class Files:
    """What was written, by path."""

    texts: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None

    def save(self, path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
        if self.error is not None:
            raise self.error
        files = {f"{path}{suffix}": text for suffix, text in texts.items()}
        if self.texts.keys() & files.keys():
            raise LakehouseError(f"{path}.json exists already; give another name.")
        self.texts |= files
        return tuple(files)


@pytest.fixture
def checks() -> Iterator[Checks]:
    found = Checks()
    yield found
    found.let(100)


@pytest.fixture
def files() -> Files:
    return Files()


Opened = tuple[LakehouseApp, Pilot[str]]


@asynccontextmanager
async def opened(
    fake: Fake, checks: Checks | None, files: Files | None = None, size: tuple[int, int] = (80, 24), **values: object
) -> AsyncIterator[Opened]:
    app = fake.app(verify=checks, save=None if files is None else files.save, **values)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerifyScreen), "the screen")
        yield app, pilot


def order(app: LakehouseApp) -> list[str]:
    """`result check` of each row."""
    table = app.screen.query_one(CheckTable)
    found = [table.get_row_at(n) for n in range(table.row_count)]
    return [" ".join(str(cell) for cell in row[:2]) for row in found]


async def test_checks_appear_as_they_finish(fake: Fake, checks: Checks) -> None:
    async with opened(fake, checks) as (app, pilot):
        await until_shown(pilot, "… running: 0 of 8 checks done")
        assert isinstance(app.screen, VerifyScreen)
        assert app.screen.sources()["verify.run"].interval_s < 0.5
        assert order(app)[:2] == ["… running services", "· waiting topic"]
        checks.let(1)
        await until_shown(pilot, "1 of 8 checks done")
        assert order(app)[:3] == ["✓ passed services", "… running topic", "· waiting job"]
        checks.let()
        await until_shown(pilot, "✓ All 8 checks passed in ")
        assert order(app) == [f"✓ passed {name}" for name in NAMES]
        await until_shown(pilot, "begun 12:30:00")
        assert app.screen.sources()["verify.run"].interval_s > 1


async def test_failures_come_first_with_their_detail(fake: Fake, checks: Checks) -> None:
    checks.failing = {"ledger": "partition 1: missing 3–4, that is a sentence with [b]many[/b] words " * 3}
    async with opened(fake, checks) as (app, pilot):
        checks.let(6)
        await until_shown(pilot, "6 of 8 checks done, 1 failed")
        assert order(app)[:2] == ["✗ failed ledger", "✓ passed services"]
        checks.let()
        await until_shown(pilot, "✗ 1 of 8 checks failed in ")
        await until_shown(pilot, "detail   partition 1: missing 3–4, that is a sentence with [b]many[/b]")
        await until_shown(pilot, "expected ledger as it should be")
        await until_shown(pilot, MEANINGS["ledger"][:40])
        await pilot.press("down")
        await until_shown(pilot, "found    services as it is")


async def test_a_chosen_check_stays_chosen(fake: Fake, checks: Checks) -> None:
    checks.failing = {"topic": "why"}
    async with opened(fake, checks) as (app, pilot):
        await until_shown(pilot, "0 of 8")
        await pilot.press("down", "down")
        assert app.screen.query_one(CheckTable).selected_key == "job"
        checks.let()
        await until_shown(pilot, "1 of 8 checks failed")
        assert app.screen.query_one(CheckTable).selected_key == "job"
        await until_shown(pilot, "found    job as it is")


@pytest.mark.parametrize("key", ["V", "enter", "v"])
async def test_keys_that_run_again(fake: Fake, checks: Checks, key: str) -> None:
    async with opened(fake, checks) as (_, pilot):
        checks.let()
        await until_shown(pilot, "All 8 checks passed")
        await pilot.press(key)
        await until_shown(pilot, "0 of 8 checks done")
        assert checks.runs == 2
        await pilot.press(key)
        await until_shown(pilot, "already running")
        assert checks.runs == 2
        checks.let()
        await until_shown(pilot, "All 8 checks passed")


async def test_it_goes_on_behind_another_screen(fake: Fake, checks: Checks) -> None:
    async with opened(fake, checks) as (app, pilot):
        await until_shown(pilot, "0 of 8")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, VerifyScreen), "another screen")
        checks.let(3)
        await pilot.press("v")
        await until_shown(pilot, "3 of 8 checks done")
        assert checks.runs == 1
        assert "already running" not in screen_text(app)
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(app.screen, VerifyScreen), "another screen")
        checks.let(5)
        await until(pilot, lambda: "verify" not in {t.name for t in threading.enumerate()}, "the end of the run")
        await pilot.press("v")
        await until_shown(pilot, "0 of 8 checks done")
        assert checks.runs == 2


async def test_what_breaks_the_checks_is_a_failed_check(fake: Fake, checks: Checks) -> None:
    checks.breaks = LakehouseError("There is no lakehouse in /data/demo yet; run `lakehouse-tui up` first.")
    async with opened(fake, checks) as (app, pilot):
        checks.let(1)
        await until_shown(pilot, "✗ 1 check failed, 7 not made in ")
        assert order(app)[:2] == ["✗ failed services", "– not run topic"]
        await until_shown(pilot, "There is no lakehouse in /data/demo yet")
        checks.breaks = ZeroDivisionError("by zero")
        await pilot.press("V")
        checks.let(1)
        await until_shown(pilot, "Unexpected error (ZeroDivisionError).")
    assert [type(bug) for bug in fake.bugs] == [ZeroDivisionError]
    fake.bugs.clear()


async def test_without_checks_it_says_so(fake: Fake) -> None:
    async with opened(fake, None) as (_, pilot):
        await until_shown(pilot, "There is nothing to verify here.")


async def test_paused_it_says_why_nothing_moves(fake: Fake, checks: Checks) -> None:
    async with opened(fake, checks) as (_, pilot):
        checks.let()
        await until_shown(pilot, "All 8 checks passed")
        await pilot.press("space", "V")
        await until_shown(pilot, "The checks run, but the display is")
        checks.let()
        await pilot.press("space")
        await until_shown(pilot, "All 8 checks passed")


async def test_export_writes_both_reports_where_it_is_told_to(fake: Fake, checks: Checks, files: Files) -> None:
    checks.failing = {"keys": "BTCUSDT 12:30 twice"}
    async with opened(fake, checks, files) as (app, pilot):
        checks.let()
        await until_shown(pilot, "1 of 8 checks failed")
        await pilot.press("e")
        await until_shown(pilot, "/data/demo/reports/verify-20260301T123000Z")
        await pilot.press("enter")
        await until_shown(pilot, "Written: /data/demo/reports/verify-20260301T123000Z.json and")
        report = json.loads(files.texts["/data/demo/reports/verify-20260301T123000Z.json"])
        assert (report["ok"], len(report["checks"])) == (False, 8)
        assert set(report["checks"][0]) == {"name", "ok", "expected", "actual", "detail"}
        assert "BTCUSDT 12:30 twice" in files.texts["/data/demo/reports/verify-20260301T123000Z.md"]
        assert isinstance(app.focused, CheckTable)
        await pilot.press("e", "enter")
        await until_shown(pilot, "Not written: /data/demo/reports/verify-20260301T123000Z.json exists already")
        await pilot.press("e", "ctrl+a", "ctrl+k", *"/q/1", "enter")
        await until_shown(pilot, "Written: /q/1.json and /q/1.md")
        await pilot.press("escape")
        await until(pilot, lambda: "Written" not in screen_text(app), "the sentence taken away")
        assert isinstance(app.screen, VerifyScreen)


async def test_export_can_be_left(fake: Fake, checks: Checks, files: Files) -> None:
    async with opened(fake, checks, files) as (app, pilot):
        checks.let()
        await until_shown(pilot, "All 8 checks passed")
        await pilot.press("e")
        await until_shown(pilot, "enter writes, esc does not")
        await pilot.press("escape")
        assert app.screen.query_one(Input).display is False
        assert files.texts == {}
        assert isinstance(app.screen, VerifyScreen)


async def test_an_export_that_fails_is_a_sentence(fake: Fake, checks: Checks, files: Files) -> None:
    files.error = RuntimeError("a bug")
    async with opened(fake, checks, files) as (_, pilot):
        checks.let()
        await until_shown(pilot, "All 8 checks passed")
        await pilot.press("e", "enter")
        await until_shown(pilot, "Not written: Unexpected error (RuntimeError).")
    fake.bugs.clear()


async def test_export_is_refused_before_the_end_and_read_only(fake: Fake, checks: Checks, files: Files) -> None:
    async with opened(fake, checks, files) as (app, pilot):
        await until_shown(pilot, "0 of 8")
        await pilot.press("e")
        await until_shown(pilot, "There is no report yet")
        assert app.screen.query_one(Input).display is False
        checks.let()
    async with opened(fake, checks, files, read_only=True) as (app, pilot):
        checks.let()
        await until_shown(pilot, "All 8 checks passed")
        await pilot.press("e")
        await until_shown(pilot, "Not possible: the dashboard is")
        assert app.screen.query_one(Input).display is False


async def test_another_size_lays_the_columns_out_anew(fake: Fake, checks: Checks) -> None:
    checks.failing = {"job": "w" * 300}
    async with opened(fake, checks, size=(200, 60)) as (app, pilot):
        checks.let()
        await until_shown(pilot, "1 of 8 checks failed")
        await pilot.resize_terminal(60, 18)
        table = app.screen.query_one(CheckTable)
        await until(pilot, lambda: table.row_count == 8 and table.virtual_size.width == 60, "narrow columns")
        assert all(cell_len(line) <= 60 for line in screen_text(app).splitlines())


def test_no_row_is_wider_than_the_table() -> None:
    long = Check("ledger", False, "e" * 99, "a" * 99)
    for width in (58, 80, 200):
        for _, cells in rows(VerifyRun((long,), False, NOW, 1.0), width):
            assert sum(2 + cell_len(str(cell)) for cell in cells) <= width


def test_every_check_has_a_meaning() -> None:
    assert tuple(MEANINGS) == NAMES
