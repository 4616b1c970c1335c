"""The tables that the reader is tested with, read by Iceberg's own Java reader: it must agree with the tests' model."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import new_settings, silent
from tests.lake_scenarios import Check, build, in_order
from tui.stack.provision import provision

SOURCE = Path(__file__).parent / "ReadTables.java"
SEEDS = range(1000, 1060)
REFUSED = ("dropped_column",)
"""What Iceberg's reader itself fails on, against its specification: deletes by a column that was dropped."""


@pytest.fixture(scope="module")
def classpath(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    found = provision(
        new_settings(tmp_path_factory.mktemp("home"), iceberg=pytestconfig.getoption("--iceberg")), silent
    )
    return os.pathsep.join(map(str, (*found.flink_extra_jars, *(found.pyflink / "lib").glob("*.jar"))))


def value(cell: str) -> Any:
    kind, text = cell[0], cell[1:]
    return {"n": lambda: None, "i": lambda: int(text), "d": lambda: number(text), "s": lambda: text}[kind]()


def number(text: str) -> float:
    return float("nan") if text == "NaN" else float.fromhex(text)


def read_by_java(asked: list[Check], classpath: str, folder: Path) -> list[Any]:
    """The rows of each, or an error as text."""
    questions, answers = folder / "questions", folder / "answers"
    lines = [f"{c.root}/db/t\t{c.snapshot_id or 'current'}\t{','.join(c.columns)}\n" for c in asked]
    questions.write_text("".join(lines))
    java = Path(shutil.which("javac") or "").resolve().with_name("java")
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", classpath, SOURCE, questions, answers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Any] = []
    for line in answers.read_text().splitlines():
        kind, *cells = line.split("\t")
        if kind == "table":
            found.append([])
        elif kind == "row":
            found[-1].append(tuple(map(value, cells)))
        else:
            found[-1] = cells[0]
    return found


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK, which compiles the Java reader")
def test_iceberg_reads_the_same_rows(tmp_path: Path, classpath: str) -> None:
    tables = build(tmp_path / "tables", SEEDS)
    asked = [(name, check) for name, checks in tables.items() for check in checks if not check.where]
    found = read_by_java([check for _, check in asked], classpath, tmp_path)
    wrong = []
    for (name, check), rows in zip(asked, found, strict=True):
        if isinstance(rows, str):
            if name not in REFUSED:
                wrong.append(f"{name} as of {check.snapshot_id}: {rows}")
        elif in_order(rows) != check.expected:
            wrong.append(f"{name} as of {check.snapshot_id}: {in_order(rows)}, not {check.expected}")
    assert not wrong
    assert len(asked) > 300
