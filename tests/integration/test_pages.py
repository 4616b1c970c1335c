"""Every command line that the pages print is typed on a real stack, and every answer has the shape that they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import pages
from tests.integration.conftest import free_ports, new_settings, silent, until
from tests.integration.terminal import Terminal
from tests.pages import ROOT
from tui import bootstrap
from tui.clients import recording_file
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.layout import Layout

STAYS = {"serve": (r"http://127\.0\.0\.1:\d+", "\x03", (0, 130)), "--replay": (r"REPLAY", "q", (0,))}
"""Commands that stay until they are ended: what is on the screen then, the key that ends them, and how."""
DASHBOARD = (r"DASHBOARD.*4/4 ready", "q", (0,))


@dataclass(frozen=True)
class Clone:
    """A folder that looks like a clone of the repository, and a home of its own; nothing is known but what is typed."""

    folder: Path
    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        ports = ("kafka_port", "flink_port", "s3_port", "s3_console_port", "iceberg", "s3")
        own = {f"LAKEHOUSE_{name.upper()}": str(getattr(self.settings, name)) for name in ports}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        uv = {"UV_NO_SYNC": "1", "UV_PROJECT_ENVIRONMENT": sys.prefix}
        return {**os.environ, **own, **uv, "LAKEHOUSE_HOME": str(self.settings.home), "PATH": path, "PYTHONUTF8": "1"}

    def type(self, line: str) -> str:
        """Type one line and let it end; what it printed."""
        words = shlex.split(line, comments=True)
        if words[:3] != ["uv", "run", "lakehouse-tui"]:
            return self._run(line)
        line = re.sub(r"\bserve\b", f"serve --port {free_ports(1)[0]}", line)  # 8000 may be somebody's
        stays = next((STAYS[w] for w in words if w in STAYS), None)
        if stays is None and (len(words) == 3 or "--record" in words):
            stays = DASHBOARD
        return self._run(line) if stays is None else self._sit(line, *stays)

    def reads(self) -> bool:
        """Whether the job has read a message: a checkpoint before that commits nothing."""
        job = bootstrap.control(self.settings).require_job()
        return any(bootstrap.clients(self.settings).flink.read_offsets(job.id).values())

    def _run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, check=False, capture_output=True, text=True,
            timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _sit(self, line: str, shown: str, key: str, ends: tuple[int, ...]) -> str:
        with Terminal(["bash", "-c", f"cd {shlex.quote(str(self.folder))} && exec {line}"], self.environment) as term:
            term.until(shown, 60)
            seen = term.text
            term.type(key)
            assert term.wait(30) in ends, f"{line}\n{term.text}"
        return seen


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, stack_settings: Settings) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        if entry.name not in (".git", ".venv"):
            (folder / entry.name).symlink_to(entry)
    home = tmp_path_factory.mktemp("pages") / "home"
    found = Clone(folder, new_settings(home, iceberg=stack_settings.iceberg, s3=stack_settings.s3))
    yield found
    bootstrap.backend(found.settings).down(silent)


def typed() -> list[str]:
    """All lines in an order that makes sense: until the job runs, the other pages' while it does, then its end."""
    whole = next(block.lines for block in pages.TYPED if "lakehouse-tui produce" in block.text)
    others = [line for block in pages.TYPED for line in block.lines if line not in whole]
    end = next(number for number, line in enumerate(whole) if "lakehouse-tui cancel" in line)
    return [line for line in (*whole[:end], *others, *whole[end:]) if not ends(line)]


def ends(line: str) -> bool:
    return bool(re.search(r"lakehouse-tui down\b", line))


def test_every_line_can_be_typed_and_does_what_it_says(clone: Clone) -> None:
    said = {}
    for line in typed():
        said[line] = clone.type(line)
        if "submit" in line:
            until(clone.reads, "the job has read a message, as it has when a person types the next line")

    def of(command: str) -> str:
        return next(text for line, text in said.items() if f"lakehouse-tui {command}" in line)

    assert "The lakehouse is up" in of("up")
    assert "is committed to raw_trades, agg_1m" in of("checkpoint")
    assert of("candles").count("BTCUSDT") > 5
    assert "All 8 checks passed." in of("verify")
    assert re.search(r"^ +0 +0( +[\d,]+){5} *$", of("lag"), re.M), of("lag")  # what the job has read is known, too
    submitted = [text for line, text in said.items() if "lakehouse-tui submit" in line]
    assert len(submitted) == 2, "the comments tell them apart"
    assert "from the beginning" in submitted[0]
    assert "from checkpoint" in submitted[1]
    assert "4/4 ready" in of("--record")
    recorded = recording_file.load(clone.folder / "FILE.jsonl.gz")
    assert "services" in {reading.source for reading in recorded.readings}, "what was on the screen is in it"
    assert recorded.cut is None


KEYS_OF_NOTHING = {"exceptions": {"at", "task", "name", "message", "trace"}}
"""What is within a list that may well be empty."""


def shapes() -> dict[str, set[str]]:
    """Command → the names in its answer, as docs/json.md has them."""
    block = next(b for b in pages.blocks(ROOT / "docs" / "json.md") if "status --json" in b.text)
    parts = re.split(r"^(\w[\w -]*?) --json", block.text, flags=re.M)[1:]
    return {name: set(re.findall(r'"(\w+)"', text)) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def names(value: object) -> set[str]:
    """Every name of an answer, however deep."""
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in names(one)}
    return {name for one in value for name in names(one)} if isinstance(value, list) else set()


def test_every_answer_in_json_has_the_shape_of_its_page(clone: Clone) -> None:
    found = shapes()
    assert set(found) >= {"up", "status", "submit", "cancel", "verify"}
    arguments = {"logs": "logs kafka", "snapshots": "snapshots agg_1m"}
    for command in ("checkpoint", "status", "logs", "lag", "jobs", "candles", "snapshots", "verify", "doctor"):
        answer = json.loads(clone.type(f"uv run lakehouse-tui {arguments.get(command, command)} --json"))
        shape = found[command] if command != "doctor" else found["verify"]
        unseen = {name for key, inner in KEYS_OF_NOTHING.items() if not answer.get(key) for name in inner}
        assert names(answer) - shape == set(), command
        assert shape - names(answer) - unseen == set(), command


def test_the_python_of_the_pages_runs(clone: Clone) -> None:
    block = next(b for b in pages.blocks(ROOT / "docs" / "reading-iceberg.md") if b.language == "python")
    printed = clone.type(f"uv run python -c {shlex.quote(block.text)}")
    assert sum(map(int, printed.split())) > 5


def test_the_last_line_stops_everything_and_keeps_the_data(clone: Clone) -> None:
    lines = [line for block in pages.TYPED for line in block.lines if ends(line)]
    assert lines
    for line in lines:
        assert "Everything is stopped." in clone.type(line)
    layout = Layout(clone.settings.home)
    assert processes.tagged(layout) == []
    assert any((clone.settings.home / "data").iterdir())
