"""The recording behind README's pictures, and the script that draws them."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

from tui.clients.recording_file import load
from tui.core.player import Player

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests" / "payloads" / "recordings" / "first-run.jsonl.gz"


def draw(folder: Path, *names: str) -> dict[str, str]:
    command = [sys.executable, str(ROOT / "docs" / "pictures.py"), str(folder), *names]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


def test_the_same_recording_gives_the_same_pictures(tmp_path: Path) -> None:
    names = ("2-up", "5-candles", "verify")
    first, second = draw(tmp_path / "a", *names), draw(tmp_path / "b", *names)
    assert first == second
    assert set(first) == set(names)
    text = {name: re.sub(r"<[^>]*>|&#160;", " ", svg) for name, svg in first.items()}
    assert re.search(r"jars\s.*53% 85.3 MB of 162 MB", re.sub(r"\s+", " ", text["2-up"]))
    assert "█" in text["5-candles"]
    assert "▒" in text["5-candles"]
    assert "All 8 checks passed" in re.sub(r"\s+", " ", text["verify"])
    assert not any("url(http" in svg or "@font-face" in svg for svg in first.values())


def test_readme_shows_pictures_that_are_there() -> None:
    shown = set(re.findall(r"docs/pictures/[\w-]+\.svg", (ROOT / "README.md").read_text(encoding="utf-8")))
    there = {f"docs/pictures/{path.name}" for path in (ROOT / "docs" / "pictures").iterdir()}
    assert len(shown) > 10
    assert shown == there


def test_the_recording_is_whole_and_says_nothing_of_the_machine_it_was_made_on() -> None:
    found = load(RECORDING)
    assert found.cut is None
    assert found.header.home == "$LAKEHOUSE_HOME"
    sources = {reading.source.partition(":")[0] for reading in found.readings}
    screens = {"kafka.messages", "flink.graph", "iceberg.change", "logs.tail", "verify.run"}
    assert sources >= {"services", "lag", "job", "live", "activity", "history.agg_1m", *screens}
    player = Player(found)
    player.seek(1e9)
    assert player.state.shown("live").value.candles
    text = gzip.decompress(RECORDING.read_bytes()).decode()
    assert not re.search(r"(?<![\w.])/(tmp|root|home|work|Users)\b", text)
