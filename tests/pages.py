"""The Markdown pages, their fenced blocks, and what is said in them about how each block is run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(
    sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("compose/**/*.md")]
    )
)
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>run by|not run): (?P<said>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `mark` is `run by` (then `said` names tests), `not run` (then it is the reason) or nothing."""

    page: Path
    line: int
    language: str
    text: str
    mark: str | None
    said: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def lines(self) -> list[str]:
        """The command lines of a shell block, without comments."""
        parts = (" ".join(shlex.split(line, comments=True)) for line in self.text.splitlines())
        return [line for line, words in zip(self.text.splitlines(), parts, strict=True) if words]

    @property
    def tests(self) -> list[tuple[Path, str]]:
        """The tests that run it: file and function."""
        found = [name.strip().partition("::") for name in self.said.split(",")] if self.mark == "run by" else []
        return [(ROOT / path, function) for path, _, function in found]


def blocks(page: Path) -> list[Block]:
    """The blocks of one page, in its order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, m.start("text")), m["language"], m["text"], m["mark"], m["said"] or "")
        for m in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


EVERY = tuple(block for page in PAGES for block in blocks(page))
TYPED = tuple(block for block in EVERY if block.language == "sh" and block.mark is None)
"""What `tests/integration/test_pages.py` types."""
