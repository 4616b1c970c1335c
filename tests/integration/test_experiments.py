"""Each experiment on the real stack: what it demonstrates, and that nothing of it is left."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from pyarrow import fs

from tests.integration.conftest import until
from tests.integration.terminal import Terminal
from tests.integration.test_demo import HEARS_CTRL_C
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.layout import Layout

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
PREFIX = "experiment_"
COLUMNS = 80


def command(name: str, settings: Settings, *flags: str) -> list[str]:
    script = next(EXPERIMENTS.glob(f"{name}_*.py"))
    return [sys.executable, str(script), "--home", str(settings.home), *flags]


def shown(name: str, settings: Settings) -> tuple[dict[str, object], str]:
    """Run it through; what it found, and what it printed."""
    done = subprocess.run(
        command(name, settings, "--json"), check=False, capture_output=True, text=True, timeout=240, cwd=EXPERIMENTS
    )
    assert done.returncode == 0, done.stderr
    assert "LEFT:" not in done.stderr, done.stderr
    wide = [line for line in done.stderr.splitlines() if len(line) > COLUMNS]
    assert not wide, wide
    return json.loads(done.stdout), done.stderr


def leftovers(settings: Settings) -> list[str]:
    """Everything that bears an experiment's name, wherever it may lie, and every program that one has started."""
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    found = [topic for topic in admin.list_topics(timeout=10).topics if PREFIX in topic]
    found += [g.group_id for g in admin.list_consumer_groups().result(10).valid if PREFIX in g.group_id]
    access = bootstrap.kit(settings).s3()
    assert access is not None
    store = fs.S3FileSystem(
        access_key=access.access_key,
        secret_key=access.secret_key,
        endpoint_override=access.endpoint,
        scheme="http",
        region=access.region,
    )
    listed = store.get_file_info(fs.FileSelector(settings.bucket, recursive=True, allow_not_found=True))
    found += [info.path for info in listed if PREFIX in info.path]
    found += [str(path) for path in Path(settings.home, "data", "flink").rglob(f"{PREFIX}*")]
    found += [job.id for job in bootstrap.clients(settings).flink.jobs() if job.active]
    for process in processes.tagged(Layout(settings.home)):
        with process.oneshot():
            if any("SqlGateway" in word or "FsShell" in word for word in process.cmdline()):
                found.append(f"process {process.pid}")
    return found


@pytest.fixture
def stack(stack_settings: Settings) -> Iterator[Settings]:
    """The session's stack; the experiment must leave nothing on it."""
    yield stack_settings
    until(lambda: leftovers(stack_settings) == [], f"nothing is left (found {leftovers(stack_settings)})", 10)


def test_kafka_basics(stack: Settings) -> None:
    found, _ = shown("01", stack)
    assert found["partitions_of_a_key"] == 1
    assert found["read_by_a"] == found["read_by_b"] == 2 * 5 + 10
    assert found["read_again"] == 3
    assert found["idle_members"] == 4 - 3
    assert found["partitions_taken_over"] == 3
    assert found["first_offset_after_cut"] == found["cut_at"]


def test_flink_sql_basics(stack: Settings) -> None:
    found, text = shown("02", stack)
    assert found["batch_rows"] == 3
    assert found["same_as_batch"] is True
    assert found["kinds"] == {"+I": 3, "-U": 3, "+U": 3}
    assert found["deleted"] == [1]  # no symbol is left that was traded once
    assert found["filter_below_aggregate"] is True
    assert found["changelog_modes"] == ["I", "I,UA", "I,UA,D"]
    assert "doesn't support consuming update changes" in " ".join(text.split())


def test_flink_windows(stack: Settings) -> None:
    found, _ = shown("03", stack)
    assert found["rows_before_watermark"] == 0
    assert found["counted_in_first_minute"] == 4
    assert found["late_set"] == ["05:00:50"]
    assert found["sent"] == 8
    assert found["counted"] == 7
    assert found["first_minute"] == ["+I 4", "-U 4", "+U 5"]
    assert found["counted_in_hopping_windows"] == 2 * 8 - 1
    assert [session[2] for session in found["sessions"]] == [2, 5, 1]  # type: ignore[attr-defined]


def test_iceberg_tables(stack: Settings) -> None:
    found, text = shown("04", stack)
    assert found["snapshots"] == 2
    assert (found["rows_then"], found["rows_now"]) == (2, 3)
    assert found["files_rewritten"] == 0
    assert (found["files_opened"], found["files_opened_without_filter"]) == (1, 4)
    assert found["kinds_of_files"] == ["data", "equality deletes", "position deletes"]
    assert (found["stored_rows"], found["live_rows"]) == (4, [["BTCUSDT", 6.0], ["ETHUSDT", 2.0]])
    assert found["rows_after_delete"] == found["rows_after_compaction"] == [["BTCUSDT", 6.0]]
    assert found["still_in_data_files"] is True
    assert found["files_after"] == 1
    assert found["rows_of_first_snapshot"] == 2
    assert "file_path" in text  # the position delete, opened


def test_object_store(stack: Settings) -> None:
    found, _ = shown("05", stack)
    assert found["listed_after_delete"] == []
    assert found["seen_during_upload"] == [False, False, False]
    assert found["size_bytes"] == 3 * 5 * 1024**2
    assert found["broken_upload_is_there"] is False
    assert found["half_renamed"] == [2, 2]
    assert found["states_in_between"] > 0  # type: ignore[operator]
    assert found["renamed"] == 60
    assert found["winner"] == "B"
    assert found["rows_found_by_hand"] == ["BTCUSDT", "ETHUSDT"]


def test_full_pipeline(stack: Settings) -> None:
    found, _ = shown("06", stack)
    assert len(found["bad_trades"]) == 3  # type: ignore[arg-type]
    assert found["high_after"] == pytest.approx(2 * float(found["high_before"]), abs=0.01)  # type: ignore[arg-type]
    assert found["too_late"]
    assert found["killed_pid"] != found["new_pid"]
    assert len(found["verified"]) == 8  # type: ignore[arg-type]
    assert set(found["verified"].values()) == {True}  # type: ignore[attr-defined]
    assert found["messages_at_last"] > found["messages_at_first"] + 2000  # type: ignore[operator]


def test_typed_answers(stack: Settings) -> None:
    with Terminal(command("01", stack), os.environ, width=80, height=100) as terminal:
        for number in range(1, 7):
            step = rf"Step {number} of 6[\s\S]*"
            if number > 1:
                terminal.until(step + "Your answer:")
                terminal.type(f"perhaps {number}\n")
            terminal.until(step + r"\[Enter\] " + ("cleans up" if number == 6 else "goes on"))
            terminal.type("\n")
        assert terminal.wait(30) == 0, terminal.text
        assert "perhaps 6" in terminal.text
        assert "gone: topic experiment_01" in terminal.text


@pytest.mark.parametrize(("name", "awaited"), [("01", "Step 5"), ("02", "The query runs on the cluster")])
def test_ctrl_c_cleans_up(stack: Settings, name: str, awaited: str) -> None:
    argv = [sys.executable, "-c", HEARS_CTRL_C, *command(name, stack, "--json")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stderr is not None
        said = io.TextIOWrapper(process.stderr, encoding="utf-8")
        for line in said:
            if awaited in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest = said.read()
        assert process.wait(30) == 130, rest
    assert "Interrupted." in rest
    assert "LEFT:" not in rest, rest
