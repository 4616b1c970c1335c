"""Other ways in: an installed wheel, a machine without network, Flink's own SQL client and `flink run`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, silent, until
from tests.integration.test_demo import command, own_home
from tests.worked import candles_of, deletes_of, expected, trades_of
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import flink, sql_client
from tui.stack.local.layout import Layout
from tui.stack.provision import provisioned
from tui.stack.query_notes import QueryNotes

__all__ = ["own_home"]
ROOT = Path(__file__).resolve().parents[2]


def run(argv: list[str], timeout_s: float = 240, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout_s, **options)  # type: ignore[call-overload, no-any-return]


def test_an_installed_wheel_does_the_main_job(own_home: Settings, tmp_path: Path) -> None:
    built = run(["uv", "build", "--wheel", "--out-dir", str(tmp_path / "dist"), str(ROOT)])
    assert built.returncode == 0, built.stderr
    wheel = next((tmp_path / "dist").glob("*.whl"))
    tools = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    installed = run(["uv", "tool", "install", "--python", sys.executable, str(wheel)], env=tools, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    program = [
        str(tmp_path / "bin" / "lakehouse-tui"),
        *command(own_home, "demo", "--headless", "--backfill", "5m")[3:],
    ]
    done = run(program, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 8 checks passed." in done.stdout


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a network namespace needs root")
def test_a_second_up_needs_no_network(own_home: Settings) -> None:
    """In a network namespace that has only loopback."""
    up = " ".join(f"'{part}'" for part in command(own_home, "up"))
    down = " ".join(f"'{part}'" for part in command(own_home, "down"))
    loopback = f"'{sys.executable}' -c '{LOOPBACK_UP}'"
    done = run(["unshare", "--net", "bash", "-c", f"{loopback} && {up} && {down}"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The lakehouse is up" in done.stdout


LOOPBACK_UP = (
    "import fcntl, socket, struct; "
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    'fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1))'  # SIOCSIFFLAGS, IFF_UP
)


def test_verify_in_flinks_sql_client(lab: Lab, tmp_path: Path) -> None:
    bootstrap.producer(lab.settings).start({"rate": "0", "count": "3000", "seed": "3", "bad": "0.01"})
    until(lambda: not bootstrap.producer(lab.settings).runs(), "all trades are sent", 30)
    lab.control.submit(silent)
    total = sum(p.high or 0 for p in lab.clients.kafka.lag().partitions)
    lab.committed(total)
    lab.control.cancel()
    argv, environment = sql_client.command(lab.settings, ROOT / "jobs" / "sql" / "verify.sql")
    done = run(list(argv), env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout, done.stdout
    answers = re.findall(r"^\|(.*)\|$", done.stdout, re.MULTILINE)
    rows = [[cell.strip() for cell in answer.split("|")] for answer in answers]
    ledger = [row for row in rows if len(row) == 6 and row[0].isdigit()]
    assert sum(int(row[1]) for row in ledger) == total
    for _, messages, distinct, lowest, highest, _ in ledger:
        assert int(messages) == int(distinct) == int(highest) + 1 - int(lowest)
    assert done.stdout.count("Empty set") == 2, done.stdout


def test_worked_queries_say_the_same_in_flinks_sql_client_and_on_the_sql_screen(lab: Lab, tmp_path: Path) -> None:
    options = {"rate": "0", "count": "3000", "seed": "5", "late": "0.05", "bad": "0.01"}
    bootstrap.producer(lab.settings).start(options)
    until(lambda: not bootstrap.producer(lab.settings).runs(), "all trades are sent", 30)
    lab.control.submit(silent)
    lab.committed(sum(p.high or 0 for p in lab.clients.kafka.lag().partitions))
    lab.control.cancel()
    lake = lab.clients.lake
    trades = trades_of(lake)
    wanted = {**expected(trades, candles_of(trades)), "deletes": deletes_of(lake)}
    worked = QueryNotes(None).worked()
    engine = bootstrap.query(lab.settings)
    assert {w.name: list(engine.run(w.sql, 10_000).rows) for w in worked} == wanted
    assert wanted["vwap"]
    assert wanted["late_trades"]

    script = tmp_path / "worked.sql"
    script.write_text("\n".join(w.sql for w in worked))
    argv, environment = sql_client.command(lab.settings, script)
    done = run(list(argv), timeout_s=480, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout, done.stdout
    lines = [[cell.strip() for cell in row.split("|")] for row in re.findall(r"^\|(.*)\|$", done.stdout, re.MULTILINE)]
    heads = [n for n, cells in enumerate(lines) if cells[0] in ("symbol", "kind")]
    tables = [lines[a + 1 : b] for a, b in pairwise([*heads, len(lines)])]
    said = {w.name: tables.pop(0) if wanted[w.name] else [] for w in worked}
    assert said == {name: [[_as_flink_says(v) for v in row] for row in rows] for name, rows in wanted.items()}
    assert done.stdout.count("Empty set") == sum(not rows for rows in wanted.values())


def _as_flink_says(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.000000"
    return _Number(value) if isinstance(value, int | float) else value


class _Number(float):
    """A number that is equal to its text, in whatever form."""

    def __eq__(self, other: object) -> bool:
        return float(self) == float(other)  # type: ignore[arg-type]

    __hash__ = float.__hash__


def test_flink_run_submits_the_same_job(lab: Lab) -> None:
    found = provisioned(lab.settings)
    assert found is not None
    layout = Layout(lab.settings.home)
    environment = {**os.environ, **flink.client_environment(layout, found)}
    job = ["-py", str(ROOT / "jobs" / "kafka_to_iceberg.py")]
    python = ["-pyexec", str(found.flink_python), "-pyclientexec", str(found.flink_python)]
    names = {"topic": lab.settings.topic, "group": lab.settings.group, "database": lab.settings.database}
    places = {"bootstrap-servers": lab.settings.kafka, "warehouse": lab.settings.warehouse}
    flags = [part for name, value in {**places, **names}.items() for part in (f"--{name}", value)]
    done = run(["bash", str(found.pyflink / "bin" / "flink"), "run", "-d", *python, *job, *flags], env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    submitted = re.search(r"Job has been submitted with JobID ([0-9a-f]{32})", done.stdout)
    assert submitted is not None
    lab.control.control.wait_running(submitted[1], 60)
    lab.send(
        [(0, b"BTCUSDT", json.dumps({"symbol": "BTCUSDT", "ts": 1, "price": 1, "qty": 1, "side": "BUY"}).encode())]
    )
    lab.committed(1)
    assert lab.control.require_job().id == submitted[1]
