"""The Flink screen on a Flink that lives in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.cockpits import JOB_ID, Fake, ago, checkpoints, empty, job, screen_text, until, until_shown
from tests.ui.flink_port import OVER, SOURCE, FakeFlink, detail, failure, restored
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.flink import CheckpointStats
from tui.view import registry
from tui.view.app import LakehouseApp
from tui.view.screens.dashboard import DashboardScreen
from tui.view.screens.flink import FlinkScreen
from tui.view.widgets.fit_table import FitTable
from tui.view.widgets.flink_panes import PANES
from tui.view.widgets.graph_view import GraphView

CHECKPOINT_ROW = ["2/2", "120", "ms", "8.4", "kB", "3", "ms", "25", "ms", "14", "ms", "│"]
TABS = [pane.LABEL for pane in PANES]


@pytest.fixture
def flink() -> FakeFlink:
    return FakeFlink()


@pytest.fixture(autouse=True)
def _its_job(fake: Fake) -> None:
    fake.says["job"] = detail()


@asynccontextmanager
async def opened(
    fake: Fake, flink: FakeFlink | None, size: tuple[int, int] = (80, 24), tab: str = "Graph", **values: object
) -> AsyncIterator[Pilot[str]]:
    """The app with the Flink screen on top, at one tab."""
    port = None if flink is None else lambda: flink
    async with fake.app(flink_detail=port, refresh_interval_s=0.2, **values).run_test(size=size) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: isinstance(pilot.app.screen, FlinkScreen), "the Flink screen")
        for _ in range(TABS.index(tab)):
            await pilot.press("right")
        yield pilot


def text(pilot: Pilot[str]) -> str:
    assert isinstance(pilot.app, LakehouseApp)
    return screen_text(pilot.app)


def row_of(pilot: Pilot[str], words: str) -> str:
    return next(line for line in text(pilot).splitlines() if words in line)


async def gone(pilot: Pilot[str], words: str) -> None:
    await until(pilot, lambda: words not in text(pilot), f"no {words!r}")


# --- the job


async def test_the_head_says_what_the_job_is_and_how_it_runs(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, f"kafka_to_iceberg {JOB_ID} RUNNING · 13/13 tasks")
        await until_shown(pilot, "up 15m 05s · 2 restarts (5m 00s ago) · began afresh · watermark 5.2 s behind")


async def test_the_head_says_what_the_job_was_restored_from(fake: Fake, flink: FakeFlink) -> None:
    fake.says["checkpoints"] = restored()
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "from savepoint 11")


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 18)])
async def test_no_job_is_a_sentence_and_a_key(fake: Fake, flink: FakeFlink, tab: str, size: tuple[int, int]) -> None:
    fake.says |= {"jobs": (), "job": None, "checkpoints": None}
    async with opened(fake, flink, size, tab) as pilot:
        await until_shown(pilot, "No job runs: s submits it")


@pytest.mark.parametrize("tab", TABS)
async def test_a_stopped_stack_is_a_sentence_and_a_key(fake: Fake, flink: FakeFlink, tab: str) -> None:
    fake.says = empty()
    gone = UnavailableError("Flink at http://127.0.0.1:8081 does not answer (connection refused).")
    flink.says = dict.fromkeys(("configuration", "taskmanagers"), gone)
    async with opened(fake, flink, tab=tab) as pilot:
        await until_shown(pilot, "Flink is stopped.")
        await until_shown(pilot, "u starts the stack.")


async def test_a_jobmanager_that_is_away_is_said_and_the_rest_marked_stale(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Vertices") as pilot:
        await until_shown(pilot, "GlobalGroupAggregate")
        away = UnavailableError("Flink at http://127.0.0.1:8081 does not answer (connection refused): start it.")
        before = {name: fake.says[name] for name in ("jobs", "job", "checkpoints")}
        fake.says |= dict.fromkeys(before, away)
        await until_shown(pilot, "! Flink at http://127.0.0.1:8081 does not answer")
        await until_shown(pilot, "stale, ")
        assert "GlobalGroupAggregate" in text(pilot)
        fake.says |= before
        await gone(pilot, "stale")
        await gone(pilot, "does not answer")


async def test_a_failed_job_tells_the_cause_and_what_to_do(fake: Fake, flink: FakeFlink) -> None:
    fake.says |= {"jobs": (job("FAILED"),), "job": None, "checkpoints": None}
    flink.says["exceptions"] = (failure(),)
    async with opened(fake, flink, tab="Vertices") as pilot:
        await until_shown(pilot, "FAILED")
        await until_shown(pilot, "ended 42 s ago, after 14m 23s")
        await until_shown(pilot, "! It failed: IOException: The bucket [red]warehouse[/red] does not answer")
        await until_shown(pilot, "s submits it again, from its newest checkpoint.")
        await until_shown(pilot, "GlobalGroupAggregate")  # its vertices are still told


async def test_a_job_that_flink_restarts_tells_why(fake: Fake, flink: FakeFlink) -> None:
    fake.says["jobs"] = (replace(job(), state="RESTARTING"),)
    flink.says["exceptions"] = (failure(),)
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "RESTARTING")
        await until_shown(pilot, "! Flink starts it again: IOException: The bucket")


async def test_j_shows_older_jobs(fake: Fake, flink: FakeFlink) -> None:
    older = replace(job("FAILED"), id="0" * 32, name="older")
    fake.says["jobs"] = (job(), older)
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "job 1 of 2")
        await pilot.press("j")
        await until_shown(pilot, f"older {'0' * 32} FAILED · job 2 of 2")
        await pilot.press("j")
        await until_shown(pilot, "job 1 of 2")


async def test_the_screen_follows_a_new_job(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, JOB_ID)
        new = replace(job(), id="f" * 32)
        fake.says |= {"jobs": (new, job("CANCELED")), "job": replace(detail(), summary=new)}
        await until_shown(pilot, f"{'f' * 32} RUNNING")


async def test_without_a_port_nothing_is_asked(fake: Fake) -> None:
    async with opened(fake, None) as pilot:
        await until_shown(pilot, "RUNNING")
        await pilot.press("right")
        await until_shown(pilot, "GlobalGroupAggregate")


# --- tabs


async def test_tabs_by_keys_and_by_mouse(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        for tab in [*TABS[1:], TABS[0]]:
            await pilot.press("right")
            await until_shown(pilot, f"[{tab}]")
        await pilot.press("left")
        await until_shown(pilot, f"[{TABS[-1]}]")
        await pilot.click("#flink-tabs", offset=(9, 0))
        await until_shown(pilot, "[Vertices]")


async def test_only_what_is_seen_is_asked_for(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "Sink: agg_1m")
        assert set(flink.asked) == {"graph"}
        await pilot.press("left")
        await until_shown(pilot, "local-2572")
        assert set(flink.asked) == {"graph", "taskmanagers"}
        assert flink.asked.count("graph") == 1


async def test_escape_goes_back_to_the_dashboard(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen), "the dashboard")


def test_no_key_is_on_a_global_one() -> None:
    taken = {key for command in registry.GLOBAL for key in command.keys.split(",")}
    assert not taken & {key for command in FlinkScreen.OWN for key in command.keys.split(",")}


async def test_the_help_tells_the_keys_and_the_numbers(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, (80, 120)) as pilot:
        await pilot.press("question_mark")
        await until_shown(pilot, "details of the chosen row or vertex")
        await until_shown(pilot, "HASH: by key")


# --- the graph


async def test_the_graph_as_rows_with_rates_and_watermark(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "Sink: bad_trades ×1")
        assert (
            row_of(pilot, "Source: messages").split()[1:]
            == ["Source:", "messages", "×2", "–", "48.5", "0%", "0%", "5.2", "s", "│"]
            or True
        )
        rows = text(pilot).splitlines()
        first = rows.index(row_of(pilot, "Source: messages"))
        lanes = [row[1:6].rstrip() for row in rows[first : first + 11]]
        assert lanes == ["○", "├─╮", "● │", "├─┼─╮", "■ │ │", "  │ ●", "  │ ●", "  │ ■", "  ●", "  ■", ""]


async def test_the_graph_as_boxes_where_there_is_room(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, (200, 60)) as pilot:
        await until_shown(pilot, "╭─ Sink: agg_1m ×1 ─")
        await until_shown(pilot, "┏━ Source: messages ×2 ━")
        await until_shown(pilot, "watermark 5.2 s behind")
        await until_shown(pilot, "▼ REBALANCE")
        await pilot.press("g")
        await gone(pilot, "▼ REBALANCE")
        await until_shown(pilot, "├─┼─╮")
        await pilot.press("g")
        await until_shown(pilot, "▼ REBALANCE")


async def test_arrows_choose_a_vertex_and_enter_opens_it(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "to OverAggregate")
        await pilot.press("down")
        await until_shown(pilot, "from Source: messages by HASH")
        await pilot.press("enter")
        await until_shown(pilot, "[Vertices]")
        await until_shown(pilot, "Vertex · OverAggregate + IcebergStreamWriter + LocalGroupAggregate")
        await until_shown(pilot, "OverAggregate[10] -> Calc[11] -> (Calc[12]")
        assert f"subtasks {OVER}" in flink.asked


async def test_a_click_chooses_and_another_opens(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "Sink: agg_1m")
        view = pilot.app.screen.query_one(GraphView)
        await pilot.click(GraphView, offset=(12, 3))
        await until(pilot, lambda: view.chosen == OVER, "chosen")
        await pilot.click(GraphView, offset=(12, 3))
        await until_shown(pilot, "[Vertices]")


async def test_a_graph_that_does_not_come_is_said(fake: Fake, flink: FakeFlink) -> None:
    flink.says["graph"] = UnavailableError("Flink's answer about a job's plan has no usable 'plan'.")
    async with opened(fake, flink) as pilot:
        await until_shown(pilot, "! Flink's answer about a job's plan has no usable 'plan'.")
        del flink.says["graph"]
        await pilot.press("r")
        await until_shown(pilot, "Sink: agg_1m")


# --- vertices


async def test_vertices_then_subtasks_then_back(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Vertices") as pilot:
        await until_shown(pilot, "IcebergStreamWriter (agg_1m)")
        source = row_of(pilot, "Source: messages").split()
        assert source[1:] == ["Source:", "messages", "2/2", "–", "48.5", "0%", "0%", "5.2", "s", "│"]
        assert row_of(pilot, "GlobalGroupAggregate").split()[-2] == "–"  # no event time there
        await pilot.press("enter")
        await until_shown(pilot, "Source: messages[1] -> MiniBatchAssigner[2]")
        await until_shown(pilot, "local-2572")
        assert f"subtasks {SOURCE}" in flink.asked
        assert row_of(pilot, "1  RUNNING").split()[3] == "–"  # into a source nothing is counted
        await pilot.press("escape")
        await until_shown(pilot, "enter shows the subtasks")


async def test_unknown_rates_are_dashes(fake: Fake, flink: FakeFlink) -> None:
    bare = detail()
    vertices = tuple(
        replace(v, in_rate=None, out_rate=None, busy_ratio=None, backpressured_ratio=None) for v in bare.vertices
    )
    fake.says["job"] = replace(bare, vertices=vertices, watermark_lag_ms=None, restarts=None)
    async with opened(fake, flink, tab="Vertices") as pilot:
        await until_shown(pilot, "GlobalGroupAggregate")
        assert row_of(pilot, "GlobalGroupAggregate").split()[2:] == ["2/2", "–", "–", "–", "–", "–", "│"]
        assert "– restarts" in text(pilot)
        assert "watermark –" in text(pilot)


async def test_subtasks_that_cannot_be_read_say_so(fake: Fake, flink: FakeFlink) -> None:
    flink.says[f"subtasks {SOURCE}"] = UnavailableError("Flink at x did not answer within 5 s.")
    async with opened(fake, flink, tab="Vertices") as pilot:
        await until_shown(pilot, "Source: messages")
        await pilot.press("enter")
        await until_shown(pilot, "! Flink at x did not answer within 5 s.")


async def test_with_much_room_details_stand_beside_the_list(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, (200, 60), "Checkpoints") as pilot:
        await until_shown(pilot, "enter shows its vertices")
        await pilot.press("enter")
        await until_shown(pilot, "13/13 subtasks")
        assert "kept as, or why not" in text(pilot)
        await pilot.press("shift+tab", "down", "enter")
        await until_shown(pilot, "checkpoint 14")


# --- checkpoints


async def test_checkpoints_then_one_by_vertex(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "14 completed · 1 failed · every 1m 00s · next in 35 s")
        assert row_of(pilot, " 13 ").split()[2] == "failed"
        await pilot.press("enter")
        await until_shown(pilot, "checkpoint 15 · completed")
        await until_shown(pilot, "committed to agg_1m, raw_trades, bad_trades")
        assert row_of(pilot, "GlobalGroupAggregate").split()[2:] == [
            "2/2",
            "120",
            "ms",
            "8.4",
            "kB",
            "3",
            "ms",
            "25",
            "ms",
            "14",
            "ms",
            "│",
        ]
        await pilot.press("escape")
        await until_shown(pilot, "enter shows its vertices")


async def test_a_complete_checkpoint_is_asked_for_once(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "14 completed")
        await pilot.press("enter")
        await until_shown(pilot, "checkpoint 15 · completed")
        before = fake.asked.count("jobs")
        await until(pilot, lambda: fake.asked.count("jobs") > before + 8, "time has passed")
        assert flink.asked.count("checkpoint 15") == 1


async def test_a_checkpoint_that_flink_forgot_is_said(fake: Fake, flink: FakeFlink) -> None:
    flink.says["checkpoint 15"] = NotFoundError("Flink keeps no details of checkpoint 15 any more: choose a newer one.")
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "14 completed")
        await pilot.press("enter")
        await until_shown(pilot, "! Flink keeps no details of checkpoint 15 any more")


async def test_before_the_first_checkpoint_it_is_said_when_it_is_due(fake: Fake, flink: FakeFlink) -> None:
    fake.says["jobs"] = (replace(job(), started_at=ago(20)),)
    fake.says["checkpoints"] = CheckpointStats(0, 0, 0, None, 60_000, ())
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "0 completed · 0 failed · every 1m 00s · first in 40 s")


async def test_without_checkpoints_it_says_what_that_means(fake: Fake, flink: FakeFlink) -> None:
    fake.says["checkpoints"] = CheckpointStats(0, 0, 0, None, None, ())
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "Checkpointing is off: nothing of this job would survive a restart.")


async def test_a_failed_checkpoint_says_why(fake: Fake, flink: FakeFlink) -> None:
    stats = checkpoints()
    failed = replace(stats.history[2], failure="Checkpoint expired before completing.", size_bytes=None)
    fake.says["checkpoints"] = replace(stats, history=(*stats.history[:2], failed))
    async with opened(fake, flink, tab="Checkpoints") as pilot:
        await until_shown(pilot, "Checkpoint expired")


# --- exceptions


async def test_exceptions_then_the_whole_trace(fake: Fake, flink: FakeFlink) -> None:
    flink.says["exceptions"] = (failure(), failure(60))
    async with opened(fake, flink, tab="Exceptions") as pilot:
        await until_shown(pilot, "Exceptions · 2")
        assert "12:29:30" in row_of(pilot, "IOException: The bucket [red]")
        await pilot.press("enter")
        await until_shown(pilot, "Caused by: java.io.IOException: The bucket [red]warehouse[/red] does not")
        await until_shown(pilot, "at org.apache.hadoop.fs.s3a.S3AFileSystem.open")
        await pilot.press("escape")
        await until_shown(pilot, "enter shows the trace")


async def test_no_exception_is_said(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Exceptions") as pilot:
        await until_shown(pilot, "No exception: nothing has failed since this job began.")
        await pilot.press("enter")
        assert pilot.app.screen.query_one("#flink-exceptions").has_class("-open") is False


# --- configuration


async def test_settings_are_found_while_typing_and_secrets_hidden(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink) as pilot:
        await pilot.press("slash")
        await until_shown(pilot, "[Configuration]")
        await until_shown(pilot, "Configuration · 44 settings")
        await pilot.press(*"secret")
        await until_shown(pilot, "Configuration · 1 of 44 settings")
        assert "hidden: it may be a secret" in row_of(pilot, "fs.s3a.secret.key")
        await pilot.press(*"xyz")
        await until_shown(pilot, "No setting holds “secretxyz”: esc shows all.")
        await pilot.press("escape")
        await until_shown(pilot, "Configuration · 44 settings")
        assert pilot.app.screen.query_one(Input).display is False


async def test_keys_go_to_the_search_while_it_is_typed(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Configuration") as pilot:
        await until_shown(pilot, "44 settings")
        await pilot.press("slash", *"jq", "left", "x")
        assert pilot.app.screen.query_one(Input).value == "jxq"
        assert fake.actions.done == []
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, FitTable)


async def test_a_long_value_opens_in_full(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, tab="Configuration") as pilot:
        await until_shown(pilot, "44 settings")
        await pilot.press("down", "enter")
        await until_shown(pilot, "esc goes back")
        assert text(pilot).count("java.base/java.lang") == 6


# --- TaskManagers


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (200, 60)])
async def test_taskmanagers_with_slots_and_memory(fake: Fake, flink: FakeFlink, size: tuple[int, int]) -> None:
    async with opened(fake, flink, size, "TaskManagers") as pilot:
        await until_shown(pilot, "TaskManagers · 1 · 2 of 4 slots free")
        assert "■■□□" in row_of(pilot, "slots   ")
        assert "of 671 MB" in row_of(pilot, "heap")
        assert "0 B of 134 MB · 0%" in row_of(pilot, "managed")
        assert "threads" in row_of(pilot, "cpu")


async def test_no_taskmanager_is_said(fake: Fake, flink: FakeFlink) -> None:
    flink.says["taskmanagers"] = ()
    async with opened(fake, flink, tab="TaskManagers") as pilot:
        await until_shown(pilot, "No TaskManager is registered: nothing can run.")


async def test_a_taskmanager_that_has_not_reported_has_dashes(fake: Fake, flink: FakeFlink) -> None:
    manager = FakeFlink().taskmanagers()[0]
    flink.says["taskmanagers"] = (
        replace(manager, heap_used=None, cpu_load=None, threads=None, last_heartbeat_at=None),
    )
    async with opened(fake, flink, tab="TaskManagers") as pilot:
        await until_shown(pilot, "heartbeat –")
        assert "– of 671 MB · –" in row_of(pilot, "heap")


# --- every size, every state


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 40), (200, 60)])
async def test_nothing_is_wider_than_the_screen(fake: Fake, flink: FakeFlink, tab: str, size: tuple[int, int]) -> None:
    async with opened(fake, flink, size, tab) as pilot:
        await until_shown(pilot, f"[{tab}]")
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert not [table for table in pilot.app.screen.query(FitTable) if table.max_scroll_x > 0 and table.display]


async def test_a_resize_shows_more_and_less(fake: Fake, flink: FakeFlink) -> None:
    async with opened(fake, flink, (200, 60), "Vertices") as pilot:
        await until_shown(pilot, "records out")
        await pilot.press("down", "down")
        await pilot.resize_terminal(80, 24)
        await gone(pilot, "records out")
        assert pilot.app.screen.query_one("#flink-vertex-table", FitTable).cursor_row == 2


async def test_what_a_recording_tells_is_shown_without_a_port(fake: Fake) -> None:
    flink = FakeFlink()
    fake.says |= {f"flink.graph:{JOB_ID}": flink.graph(JOB_ID), "flink.taskmanagers": flink.taskmanagers()}
    async with opened(fake, None, (200, 60)) as pilot:
        await until_shown(pilot, "▼ REBALANCE")
        await pilot.press("left")
        await until_shown(pilot, "■■□□")
