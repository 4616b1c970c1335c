"""What the supervisor needs to know of one program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tui.stack.local.layout import Layout, write_private

TAG = "LAKEHOUSE_HOME_ID"
"""Environment variable that every process of a home carries."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One supervised program; `env` comes on top of a small clean environment, `stop_wait_s` ends in KILL.

    `restart` says when it is started again: `always`, `killed` (not when it ended by itself), or `never`.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    restart: Literal["always", "killed", "never"] = "always"
    start_tries: int = 5
    stop_wait_s: int = 10


def environment(layout: Layout, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: nothing of the caller's but the basics, the home's tag, and `extra`."""
    basics = {name: os.environ[name] for name in _KEPT if name in os.environ}
    language = {} if {"LANG", "LC_ALL"} & basics.keys() else {"LANG": "C.UTF-8"}  # Java's file names follow it
    return {**basics, **language, TAG: layout.id, **extra}


def properties(values: Mapping[str, object]) -> str:
    """A Java properties file: Latin-1 by its definition (`java.util.Properties#load`), so the rest is escaped."""
    return "".join(f"{key}={_escaped(str(value))}\n" for key, value in values.items())


def _escaped(text: str) -> str:
    units = text.replace("\\", "\\\\").encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in pairs)


def java(
    layout: Layout, name: str, home: Path, flags: list[str], classpath: list[Path], arguments: list[str]
) -> tuple[str, ...]:
    """A short Java command line: flags and class path go into an argument file (JDK 9 or later), readable in `conf`."""
    common = ["-XX:-UsePerfData", "-Xshare:auto", "-Djava.awt.headless=true"]
    lines = [*common, *flags, "-classpath", os.pathsep.join(str(p) for p in classpath)]
    quoted = ['"{}"'.format(line.replace("\\", "\\\\").replace('"', '\\"')) for line in lines]
    file = layout.conf / f"{name}.args"
    write_private(file, "\n".join(quoted) + "\n")
    return (str(home / "bin" / "java"), f"@{file}", *arguments)
