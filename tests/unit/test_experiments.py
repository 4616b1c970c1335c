"""The stage of the experiments: order of steps, questions, claims, and the clean-up in every case."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
FILES = sorted(EXPERIMENTS.glob("0*.py"))
PLAY = '''"""A play."""
from _stage import Experiment, step

class Play(Experiment):
    """A play in two steps"""

    @step("Zeta")
    def zeta(self) -> None:
        self.clean("first", lambda: print("first is cleaned"))
        self.clean("broken", lambda: 1 / 0)
        self.clean("last", lambda: print("last is cleaned"))
        self.ask("What?")
        self.check("One is one.", True, answer=[1])

    @step("Alpha")
    def alpha(self) -> None:
        ACT

Play.main()
'''
SWALLOWED = (
    "import contextlib, os, signal\n        with contextlib.suppress(KeyboardInterrupt): os.kill(os.getpid(), 2)"
)
"""A signal whose exception a library keeps to itself."""


def play(tmp_path: Path, act: str, *flags: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    script = tmp_path / "09_play.py"
    script.write_text(PLAY.replace("ACT", act), encoding="utf-8")
    return run(script, tmp_path, *flags, answers=answers)


def run(script: Path, home: Path, *flags: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(EXPERIMENTS), "PYTHONUTF8": "1"}
    argv = [sys.executable, str(script), "--home", str(home), *flags]
    return subprocess.run(argv, check=False, capture_output=True, text=True, input=answers, env=environment, timeout=60)


def cleaned(text: str) -> list[str]:
    return re.findall(r"(\w+) is cleaned", text)


def test_steps_run_in_the_order_of_the_file(tmp_path: Path) -> None:
    done = play(tmp_path, 'self.say("The end.")', "--yes")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"Step (\d of 2: \w+)", done.stdout) == ["1 of 2: Zeta", "2 of 2: Alpha"]


def test_it_waits_for_answers(tmp_path: Path) -> None:
    done = play(tmp_path, 'self.say("The end.")', answers="one\n\n\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Your answer") == 1
    assert "goes on" in done.stdout
    assert "cleans up" in done.stdout


def test_without_anybody_to_answer_it_says_so(tmp_path: Path) -> None:
    done = play(tmp_path, "pass")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert cleaned(done.stdout) == ["last", "first"]


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        ('self.check("Two is one.", 2 == 1, found=2)', 1, r"Two is one\. What was found: \{'found': 2\}"),
        ('raise ValueError("oh")', 1, r"Unexpected error \(ValueError: oh\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 130, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", 130, ""),
        ("raise KeyboardInterrupt", 130, ""),
        (SWALLOWED + "\n        self.say('on')", 130, ""),
        (SWALLOWED + "\n        raise TypeError", 130, ""),
    ],
)
def test_however_it_ends_it_cleans_up(tmp_path: Path, act: str, status: int, said: str) -> None:
    done = play(tmp_path, act, "--yes")
    assert done.returncode == status, done.stderr
    assert re.search(said, " ".join(done.stderr.split()))
    assert "Traceback" not in done.stderr
    assert cleaned(done.stdout) == ["last", "first"]
    assert "LEFT: broken (ZeroDivisionError" in done.stdout


def test_json_is_all_of_stdout_and_only_after_success(tmp_path: Path) -> None:
    done = play(tmp_path, "pass", "--json")
    assert json.loads(done.stdout) == {"answer": [1]}
    assert "Zeta" in done.stderr
    failed = play(tmp_path, 'self.check("No.", False)', "--json")
    assert (failed.returncode, failed.stdout) == (1, "")


@pytest.mark.parametrize("script", FILES, ids=lambda path: path.stem)
def test_each_lists_its_steps(script: Path, tmp_path: Path) -> None:
    done = run(script, tmp_path, "--list")
    assert done.returncode == 0, done.stderr
    titles = re.findall(r'@step\("(.+)"\)', script.read_text(encoding="utf-8"))
    assert re.findall(r"^  \d\. (.+)$", done.stdout, re.MULTILINE) == titles
    assert len(titles) >= 5


@pytest.mark.parametrize("script", FILES, ids=lambda path: path.stem)
def test_without_a_stack_it_says_what_to_do(script: Path, tmp_path: Path) -> None:
    done = run(script, tmp_path, "--yes")
    assert done.returncode == 1
    assert "uv run lakehouse-tui up" in " ".join(done.stderr.split())
    assert done.stdout == ""


@pytest.mark.parametrize("page", ["README.md", "docs/learning-path.md"])
def test_pages_name_experiments_that_exist(page: str) -> None:
    text = (EXPERIMENTS.parent / page).read_text(encoding="utf-8")
    named = re.findall(r"uv run (experiments/\w+\.py)", text)
    assert sorted(named) == [f"experiments/{path.name}" for path in FILES]


def test_answers_of_the_quiz_name_steps_that_exist() -> None:
    text = (EXPERIMENTS.parent / "docs" / "learning-path.md").read_text(encoding="utf-8")
    questions, answers = text.split("## Quiz")[1].split("<summary>Answers</summary>")
    numbered = re.compile(r"^(\d+)\. ", re.MULTILINE)
    assert numbered.findall(questions) == numbered.findall(answers)
    named = re.findall(r"\(experiment (\d), steps? (\d)(?: and (\d))?\)", answers)
    assert len(named) >= 9
    for experiment, *steps in named:
        titles = re.findall(r"@step\(", FILES[int(experiment) - 1].read_text(encoding="utf-8"))
        assert all(1 <= int(number) <= len(titles) for number in steps if number)


@pytest.mark.parametrize("script", FILES[1:], ids=lambda path: path.stem)
def test_what_drives_flink_says_that_it_needs_it(script: Path) -> None:
    assert re.search(r'^    needs = \(.*"flink"', script.read_text(encoding="utf-8"), re.MULTILINE)


def test_what_needs_a_local_stack_says_so_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_BACKEND", "compose")
    done = run(FILES[1], tmp_path, "--yes")
    assert done.returncode == 1, done.stdout
    said = " ".join(done.stderr.split())
    assert said.startswith(f"This experiment drives Flink on a local stack; {tmp_path} is on compose: start one beside")
    assert "up --backend local" in said
    assert "Step 1" not in done.stdout
