"""The log screen on a log that lives in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui import cockpits
from tests.ui.cockpits import Fake
from tui.model.errors import NotFoundError
from tui.model.logs import Level, LogChunk, LogCursor, LogInfo, LogLine
from tui.view.app import LakehouseApp
from tui.view.screens.logs import LogsScreen
from tui.view.widgets.chooser import Chooser, name_line
from tui.view.widgets.log_view import LogView

AT = datetime(2026, 11, 24, 16, 15, 30, tzinfo=UTC)


class FakeLogs:
    """Logs as lists of lines; a cursor's offset counts lines.

    `gaps` has what is left out before the line of that number: an answer that got lost is given again, as from a file.
    """

    def __init__(self) -> None:
        self.lines: dict[str, list[LogLine] | None] = {"kafka": [], "s3": [], "submit": None}
        self.gaps: dict[int, int | None] = {}
        self.asked: list[str] = []

    def services(self) -> tuple[LogInfo, ...]:
        return tuple(LogInfo(name, None if lines is None else len(lines)) for name, lines in self.lines.items())

    def tail(self, service: str, cursor: LogCursor | None = None) -> LogChunk:
        self.asked.append(service)
        lines = self.lines[service]
        if lines is None:
            raise NotFoundError(f"{service} has no log yet; submit the job first.")
        end, begin = list(lines), cursor.offset if cursor else 0
        fresh = tuple(end[begin:])
        skipped = self.gaps.get(begin, 0) if fresh else 0
        return LogChunk(service, f"/lakehouse/logs/{service}.log", fresh, cursor, LogCursor(1, len(end)), skipped)

    def write(self, service: str, *texts: str, level: Level | None = Level.INFO) -> None:
        known = self.lines[service] or []
        self.lines[service] = known + [LogLine(text, level, AT) for text in texts]


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


Screen = tuple[LakehouseApp, Pilot[str], LogView]


@asynccontextmanager
async def opened(logs: FakeLogs | None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Screen]:
    fake = Fake(says={})
    app = fake.app(logs=None if logs is None else lambda: logs)
    async with app.run_test(size=size) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        yield app, pilot, app.screen.query_one(LogView)
    assert not fake.bugs


async def until(pilot: Pilot[str], true: Callable[[], bool]) -> None:
    await cockpits.until(pilot, true, "the condition")
    await pilot.pause()


def rows(view: LogView) -> list[str]:
    """What is drawn, row by row."""
    return ["".join(s.text for s in view.render_line(y)).rstrip() for y in range(view.size.height)]


def title(view: LogView) -> str:
    return f"{view.border_title} | {view.border_subtitle or ''}".replace("\\[", "[")


def numbered(count: int, start: int = 0) -> Iterable[str]:
    return [f"line {n}" for n in range(start, start + count)]


async def test_it_shows_the_first_log_and_follows_it(logs: FakeLogs) -> None:
    logs.write("kafka", *numbered(100))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 100)
        assert rows(view)[-1] == "  line 99"
        assert "/lakehouse/logs/kafka.log · 100 lines, last " in title(view)
        assert "· following" in title(view)
        logs.write("kafka", "one more")
        await until(pilot, lambda: view.buffer.total == 101)
        assert rows(view)[-1] == "  one more"


async def test_scrolling_up_stands_still_and_end_follows_again(logs: FakeLogs) -> None:
    logs.write("kafka", *numbered(100))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 100)
        await pilot.press("up", "pageup")
        before = rows(view)
        assert "standing still" in title(view)
        assert "end follows" in title(view)
        logs.write("kafka", *numbered(50, 100))
        await until(pilot, lambda: view.buffer.total == 150)
        assert rows(view) == before
        await until(pilot, lambda: f"{view.rows_below} rows below" in title(view))
        await pilot.press("end")
        assert rows(view)[-1] == "  line 149"
        assert "· following" in title(view)
        await pilot.press("home")
        assert rows(view)[0] == "  line 0"
        await pilot.press("pagedown", "down")
        assert rows(view)[0] == f"  line {view.size.height}"
        while not view.following:
            await pilot.press("pagedown")
        assert "· following" in title(view)


async def test_what_is_seen_stays_while_the_oldest_lines_go(logs: FakeLogs) -> None:
    logs.write("kafka", *numbered(19_990))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 19_990)
        await pilot.press("pageup")
        before = rows(view)
        logs.write("kafka", *numbered(500, 19_990))
        await until(pilot, lambda: view.buffer.at(view.buffer.rows - 1)[0] == 20_489)
        assert view.buffer.total == 20_000
        assert rows(view) == before
        logs.write("kafka", *numbered(25_000, 30_000))
        await until(pilot, lambda: view.buffer.text(*view.buffer.at(0)) == "line 35000")
        assert rows(view)[0] == "  line 35000"  # what was seen is gone
        assert not view.following


async def test_left_right_and_a_click_choose_the_log(logs: FakeLogs) -> None:
    logs.write("kafka", "of kafka")
    logs.write("s3", "of s3")
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: "  of kafka" in rows(view))
        await pilot.press("right")
        await until(pilot, lambda: "  of s3" in rows(view))
        assert "s3.log" in title(view)
        await pilot.press("left")
        await until(pilot, lambda: "  of kafka" in rows(view))
        await pilot.press("left")
        await until(pilot, lambda: "submit has no log yet; submit the job first." in text_of(app, "#log-problem"))
        assert view.buffer.total == 0
        await pilot.click(Chooser, offset=(9, 0))
        await until(pilot, lambda: "  of s3" in rows(view))
        assert text_of(app, "#log-problem") == ""
        assert app.screen.query_one("#log-problem").display is False
        await pilot.press("right", "right")
        await until(pilot, lambda: "  of kafka" in rows(view))
        assert view.buffer.total == 1


def text_of(app: LakehouseApp, selector: str) -> str:
    return " ".join(str(app.screen.query_one(selector).render()).split())


async def test_a_log_that_is_not_there_yet_mends_itself(logs: FakeLogs) -> None:
    logs.lines = {"submit": None}
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: "submit has no log yet" in text_of(app, "#log-problem"))
        logs.write("submit", "submitting")
        await until(pilot, lambda: "  submitting" in rows(view))
        assert text_of(app, "#log-problem") == ""
        logs.lines["submit"] = None
        await until(pilot, lambda: "submit has no log yet" in text_of(app, "#log-problem"))
        assert "  submitting" in rows(view)  # what was known stays


async def test_an_empty_log_and_none_at_all_are_said(logs: FakeLogs) -> None:
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: "kafka has written nothing yet." in rows(view)[0])
    async with opened(None) as (_, pilot, view):
        await until(pilot, lambda: "There are no logs here." in rows(view)[0])


async def test_levels_are_letters_and_l_filters(logs: FakeLogs) -> None:
    logs.write("kafka", "fine")
    logs.write("kafka", "hm", level=Level.WARN)
    logs.write("kafka", "bad", level=Level.ERROR)
    assert logs.lines["kafka"] is not None
    logs.lines["kafka"].append(LogLine("    at x", Level.ERROR, first=False))
    logs.lines["kafka"].append(LogLine("no level"))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 5)
        assert rows(view)[:5] == ["  fine", "W hm", "E bad", "│     at x", "  no level"]
        await pilot.press("l")
        assert rows(view)[:4] == ["W hm", "E bad", "│     at x", ""]
        assert "3 of 5 lines" in title(view)
        assert "only WARN and worse" in title(view)
        await pilot.press("l")
        assert rows(view)[:3] == ["E bad", "│     at x", ""]
        assert "only ERROR" in title(view)
        await pilot.press("l")
        assert rows(view)[0] == "  fine"


async def test_a_filter_that_leaves_nothing_says_so(logs: FakeLogs) -> None:
    logs.write("kafka", "fine")
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 1)
        await pilot.press("l")
        assert rows(view)[0] == "No line is that serious; l shows all of them."


async def test_a_filter_keeps_the_place(logs: FakeLogs) -> None:
    for n in range(300):
        logs.write("kafka", f"line {n}", level=Level.WARN if n % 2 else Level.INFO)
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 300)
        view.scroll_to(y=101, animate=False)
        await pilot.press("l")
        assert rows(view)[0] == "W line 101"
        await pilot.press("l")
        assert view.buffer.rows == 0
        await pilot.press("l")
        assert rows(view)[0] == "W line 101"
        assert not view.following


async def test_search_marks_hits_and_goes_to_them(logs: FakeLogs) -> None:
    logs.write("kafka", *(f"line {n} {'needle' if n % 40 == 0 else ''}".strip() for n in range(200)))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 200)
        await pilot.press("slash", *"needle")
        assert "“needle” 5 lines" in title(view)
        await pilot.press("enter")
        assert ">line 160 needle" in [row[1:] for row in rows(view)]
        assert "line 5 of 5" in title(view)
        assert not view.following
        hit = next(s for y in range(view.size.height) for s in view.render_line(y) if s.text == "needle")
        assert hit.style is not None
        assert hit.style.reverse
        await pilot.press("N")
        assert ">line 120 needle" in [row[1:] for row in rows(view)]
        await pilot.press("n", "n")
        assert ">line 0 needle" in [row[1:] for row in rows(view)]
        assert "from the top again" in title(view)
        await pilot.press("N")
        assert "from the end again" in title(view)
        logs.write("kafka", "a new needle")
        await until(pilot, lambda: "line 5 of 6" in title(view))
        await pilot.press("escape")
        assert view.buffer.needle is None
        assert "needle" not in str(view.border_subtitle)


async def test_keys_typed_into_the_search_are_text(logs: FakeLogs) -> None:
    logs.write("kafka", "nothing to see", "q v l w 1 [/] P")
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: view.buffer.total == 2)
        await pilot.press("slash", *"qvlw1", "left_square_bracket", "question_mark", "space", "P")
        assert isinstance(app.screen, LogsScreen)
        assert app.screen.query_one(Input).value == "qvlw1[? P"
        assert "“qvlw1[? P” not found" in title(view)
        await pilot.press("escape")
        assert app.screen.query_one(Input).display is False
        assert app.focused is view


async def test_n_without_a_search_begins_one(logs: FakeLogs) -> None:
    async with opened(logs) as (app, pilot, _):
        await pilot.press("n")
        assert isinstance(app.focused, Input)


async def test_long_lines_are_cut_moved_and_wrapped(logs: FakeLogs) -> None:
    logs.write("kafka", "0123456789" * 12, "short")
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 2)
        assert rows(view)[0] == "  " + ("0123456789" * 12)[:74] + "…"
        await pilot.press("greater_than_sign")
        assert rows(view)[0] == " …" + ("0123456789" * 12)[20:94] + "…"
        assert "from column 21" in title(view)
        await pilot.press("shift+right", "shift+right", "shift+right")
        assert rows(view)[0].endswith("6789")
        await pilot.press("less_than_sign", "less_than_sign", "shift+left")
        assert rows(view)[0].startswith("  0123")
        await pilot.press("w")
        assert rows(view)[:3] == ["  " + ("0123456789" * 12)[:75], "  " + ("0123456789" * 12)[75:], "  short"]
        assert "wrapped" in title(view)
        await pilot.press("w")
        assert rows(view)[1] == "  short"


async def test_a_hit_beyond_the_edge_is_brought_into_sight(logs: FakeLogs) -> None:
    logs.write("kafka", "x" * 200 + "needle" + "y" * 100)
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 1)
        await pilot.press("slash", *"needle", "enter")
        assert "needle" in rows(view)[0]


async def test_a_narrower_terminal_wraps_anew_and_keeps_the_end(logs: FakeLogs) -> None:
    logs.write("kafka", *("abcdefghij" * 9 for _ in range(50)), "the end")
    async with opened(logs, (120, 30)) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 51)
        await pilot.press("w")
        assert view.buffer.rows == 51
        await pilot.resize_terminal(70, 20)
        await until(pilot, lambda: view.buffer.rows == 101)
        assert rows(view)[-1] == "  the end"
        assert view.following


async def test_text_from_outside_is_never_markup(logs: FakeLogs) -> None:
    logs.write("kafka", "[bold]x[/bold] [@click=app.quit]y[/] 漢字")
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 1)
        assert rows(view)[0] == "  [bold]x[/bold] [@click=app.quit]y[/] 漢字"
        await pilot.press("slash", "left_square_bracket", *"bold", "right_square_bracket", "enter")
        assert "“[bold]” line 1 of 1" in title(view)


async def test_missing_lines_are_said(logs: FakeLogs) -> None:
    logs.write("kafka", "first")
    logs.gaps = {0: 5_000_000, 1: 3_200_000, 2: None}
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 2)
        assert rows(view)[0] == "  ── older lines are in the file ──"
        logs.write("kafka", "later")
        await until(pilot, lambda: "  later" in rows(view))
        assert rows(view)[2] == "  ── 3.2 MB left out: more was written than can be followed ──"
        logs.write("kafka", "anew")
        await until(pilot, lambda: "  anew" in rows(view))
        assert rows(view)[4] == "  ── the log was begun anew here ──"


async def test_escape_goes_back_where_nothing_is_searched(logs: FakeLogs) -> None:
    async with opened(logs) as (app, pilot, _):
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogsScreen))


async def test_it_goes_on_where_it_was_after_another_screen(logs: FakeLogs) -> None:
    logs.write("kafka", "one")
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: "  one" in rows(view))
        await pilot.press("1")
        await until(pilot, lambda: not isinstance(app.screen, LogsScreen))
        asked = len(logs.asked)
        logs.write("kafka", "two")
        await pilot.pause(0.7)
        assert len(logs.asked) <= asked + 1  # nobody reads a log that nobody sees
        await pilot.press("5")
        await until(pilot, lambda: rows(view)[:2] == ["  one", "  two"])
        assert view.buffer.total == 2


async def test_an_answer_that_comes_late_adds_nothing(logs: FakeLogs) -> None:
    logs.write("kafka", "one")
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: "  one" in rows(view))
        screen = app.screen
        assert isinstance(screen, LogsScreen)
        screen._take(logs.tail("kafka"))
        assert view.buffer.total == 1


async def test_a_recording_is_played_without_any_log_there(fake: Fake) -> None:
    def chunk(text: str, start: int | None, end: int) -> LogChunk:
        begin = None if start is None else LogCursor(1, start)
        return LogChunk("kafka", "/lakehouse/logs/kafka.log", (LogLine(text),), begin, LogCursor(1, end))

    fake.says = {"logs.services": (LogInfo("kafka", 1),), "logs.tail:kafka": chunk("one", None, 1)}
    app = fake.app(refresh_interval_s=0.1)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: rows(view)[:2] == ["  one", ""])
        fake.says["logs.tail:kafka"] = chunk("two", 1, 2)
        await until(pilot, lambda: rows(view)[:3] == ["  one", "  two", ""])
        fake.says["logs.tail:kafka"] = chunk("at another moment", 77, 78)
        await until(pilot, lambda: rows(view)[:2] == ["  at another moment", ""])


async def test_pause_stands_still_and_loses_nothing(logs: FakeLogs) -> None:
    logs.write("kafka", "one")
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: "  one" in rows(view))
        await pilot.press("space")
        logs.write("kafka", "two")
        asked = len(logs.asked)
        await pilot.pause(1.2)
        assert view.buffer.total == 1
        assert len(logs.asked) <= asked + 1  # the file keeps what is new
        await pilot.press("space")
        await until(pilot, lambda: rows(view)[:2] == ["  one", "  two"])


def wheel(view: LogView, kind: type[events.MouseEvent], *, shift: bool = False) -> None:
    view.post_message(kind(view, 5, 5, 0, 0, 0, shift, False, False, 5, 5))


async def test_the_wheel_scrolls_and_with_shift_goes_sideways(logs: FakeLogs) -> None:
    logs.write("kafka", *("z" * 200 for _ in range(100)))
    async with opened(logs) as (_, pilot, view):
        await until(pilot, lambda: view.buffer.total == 100)
        wheel(view, events.MouseScrollUp)
        await until(pilot, lambda: not view.following)
        wheel(view, events.MouseScrollDown, shift=True)
        await until(pilot, lambda: view.column == 4)
        wheel(view, events.MouseScrollRight)
        await until(pilot, lambda: view.column == 8)
        wheel(view, events.MouseScrollLeft)
        wheel(view, events.MouseScrollUp, shift=True)
        await until(pilot, lambda: view.column == 0)
        wheel(view, events.MouseScrollDown)
        await until(pilot, lambda: view.following)


async def test_a_click_on_the_key_bar_does_what_the_key_does(logs: FakeLogs) -> None:
    logs.write("kafka", "fine")
    async with opened(logs) as (app, pilot, view):
        await until(pilot, lambda: view.buffer.total == 1)
        await until(pilot, lambda: " l  level" in cockpits.screen_text(app))
        await pilot.click("#keys", offset=(cockpits.screen_text(app).splitlines()[-1].index(" l  level"), 0))
        await until(pilot, lambda: view.buffer.level is Level.WARN)


@pytest.mark.parametrize("width", [30, 40, 80])
def test_the_chosen_name_is_always_seen(width: int) -> None:
    names = [(n, True) for n in ("kafka", "s3", "jobmanager", "taskmanager", "producer", "submit", "supervisord")]
    for chosen, _ in names:
        line, spans = name_line(names, chosen, width)
        assert f"[{chosen}]" in line.plain
        assert line.cell_len <= width + 1
        assert all(line.plain[begin:end].strip(" []") == name for begin, end, name in spans)
