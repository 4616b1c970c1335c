"""Whatever the pages print is run by a test, or says why not; their commands, settings and links are real."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages
from tests.pages import ROOT, Block
from tui import cli, settings
from tui.view import registry
from tui.view.app import SCREENS

INLINE = re.compile(r"(?:uv run )?\blakehouse-tui(?: |$)(.*)", re.S)
STAND_INS = {"FILE": "mine.jsonl", "FILE.jsonl.gz": "mine.jsonl.gz", "SERVICE": "kafka", "TABLE": "agg_1m"}
STAND_INS |= {"N": "1", "S": "1", "P": "0.1", "H": "127.0.0.1"}


def ids(blocks: tuple[Block, ...]) -> list[object]:
    return [pytest.param(block, id=str(block)) for block in blocks]


def test_every_fence_is_a_block_that_is_looked_at() -> None:
    for page in pages.PAGES:
        fences = re.findall(r"^\s*```", page.read_text(encoding="utf-8"), re.M)
        assert len(fences) == 2 * len(pages.blocks(page)), page


@pytest.mark.parametrize("block", ids(pages.EVERY))
def test_every_block_is_run_or_says_why_not(block: Block) -> None:
    if block.mark == "not run":
        assert len(block.said.split()) >= 2, "a reason"
    elif block.mark == "run by":
        assert block.tests
        for path, function in block.tests:
            assert path.exists(), path
            source = path.read_text(encoding="utf-8")
            assert re.search(rf"^(?:async )?def {function}\(", source, re.M), f"{path.name} has no {function}"
            if block.language == "sh" and f'"{block.page.name}"' not in source:  # else it runs what is printed
                missing = [word for line in block.lines for word in words(line) if word not in source]
                assert not missing, f"{path.name} runs nothing with {missing}"
    else:
        assert block.language in ("sh", "toml"), "neither run by a test nor marked as not run"


def words(line: str) -> list[str]:
    """What makes a command line that one: its words without the program, containers and settings of the environment."""
    found = shlex.split(line.replace("--backend ", "backend "), comments=True)  # tests give it by its name
    found = [
        re.sub(r":\d+$", "", w)
        for w in found
        if not re.fullmatch(r"uv|run|lakehouse-tui|docker|compose|exec|-\w+|[A-Z_0-9]+=.*", w)
    ]
    return [w.removeprefix("experiments/")[:2] if w.startswith("experiments/") else w for w in found]


@pytest.mark.parametrize("block", ids(tuple(b for b in pages.EVERY if b.language == "toml")))
def test_settings_are_taken_as_they_are_printed(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r'"~/(.+?)"', block.text):
        secret = tmp_path / name
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("a secret\n", encoding="utf-8")
        secret.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lakehouse.toml").write_text(block.text, encoding="utf-8")
    found = settings.load({"home": tmp_path}, {})
    assert found != settings.load({"home": tmp_path / "other"}, {})
    registry.check(dict(found.keys), {name: screen.OWN for name, screen in SCREENS.items()})


def test_the_first_two_lines_of_readme_find_uv_and_their_command() -> None:
    first = [block for block in pages.blocks(ROOT / "README.md") if "command -v uv" in block.text]
    assert [block.lines[0].split()[-1] for block in first] == ["demo", "pytest"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "UV_NO_SYNC": "1", "UV_PROJECT_ENVIRONMENT": sys.prefix}
    for block in first:
        line = f"{block.lines[0]} --help"
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "--headless" in done.stdout or "usage: pytest" in done.stdout


def spans(text: str) -> list[str]:
    """The arguments of `lakehouse-tui …` in code spans."""
    found = (INLINE.fullmatch(" ".join(span.split())) for span in re.findall(r"`([^`]+)`", text))
    return [m[1] for m in found if m]


SOURCES = [*pages.PAGES, *ROOT.glob("tui/**/*.py"), *ROOT.glob("experiments/*.py"), *ROOT.glob("jobs/*.py")]
SPANS = sorted(
    {
        span
        for path in SOURCES
        for span in spans(pages.prose(path) if path.suffix == ".md" else path.read_text(encoding="utf-8"))
        if "{" not in span
    }
)
TYPED = sorted(
    {
        m[1]
        for block in pages.EVERY
        if block.language == "sh"
        for line in block.lines
        if (m := re.search(r"lakehouse-tui(?: |$)(.*)", line))
    }
)
_SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Commands\n")[1].split("\n## ")[0]
COMMANDS = sorted(
    {span for row in re.findall(r"^\| (`.*?) \|", _SECTION, re.M) for span in re.findall(r"`([^`]+)`", row)}
)


@pytest.mark.parametrize("arguments", [*SPANS, *TYPED, *COMMANDS])
def test_every_command_that_is_named_can_be_typed(arguments: str) -> None:
    """Commands and flags exist, wherever they are named: on a page, in a sentence of the product, in an experiment."""
    if arguments in ("…", "[COMMAND] [FLAGS]"):
        return
    typed = shlex.split(re.sub(r"[\[\]]", " ", arguments).replace("--port P", "--port 8001"), comments=True)
    try:
        cli.parser().parse_args([STAND_INS.get(word, word) for word in typed])
    except SystemExit as end:
        assert end.code == 0, arguments  # --help


def test_the_commands_were_found() -> None:
    assert len(SPANS) > 15
    assert {c.split()[0] for c in COMMANDS} == {c.name for c in cli.COMMANDS}
    with pytest.raises(AssertionError):
        test_every_command_that_is_named_can_be_typed("produce --lateness 0.1")


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages.PAGES])
def test_links_and_files_that_are_named_exist(page: Path) -> None:
    text = pages.prose(page)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target
    named = re.findall(r"(?:^|[\s`(])((?:tui|tests|docs|jobs|experiments|benchmarks|compose)/[\w./-]+\.\w+)", text)
    named += [
        w
        for block in pages.blocks(page)
        for w in re.findall(r"(?:^|\s)((?:tests|docs|experiments)/\S+\.py)", block.text)
    ]
    for name in named:
        assert list(ROOT.glob(name)), name


def anchors(page: Path) -> list[str]:
    """The anchors of a page's headings, as the usual hosts make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return [re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads]


def test_every_word_of_the_learning_path_names_a_step_that_there_is() -> None:
    text = (ROOT / "docs" / "learning-path.md").read_text(encoding="utf-8").split("## Words")[1]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert [len(row) for row in rows] == [4] * len(rows)
    for word, _, panel, lesson in rows:
        found = re.fullmatch(r"(\d), step (\d)", lesson)
        assert found or panel != "–", f"{word}: neither a panel nor an experiment"
        if found:
            script = next(ROOT.glob(f"experiments/0{found[1]}_*.py")).read_text(encoding="utf-8")
            assert script.count("    @step(") >= int(found[2]), word
