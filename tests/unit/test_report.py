"""Reports of the checks, and where they are written."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.cli.verify import show
from tui.core.report import as_json, as_markdown, failures_first, verdict
from tui.model.checks import Check, Report, VerifyRun
from tui.model.errors import LakehouseError
from tui.stack.reports import save
from tui.view.verification import Verification

AT = datetime(2026, 3, 1, 12, 30, 0, tzinfo=UTC)
GOOD = Check("services", True, "every service is ready", "kafka, s3 ready")
BAD = Check("ledger", False, "every offset once", "of 120 offsets 2 are missing", "partition 1: missing 3–4 | [x](y)")


def test_the_json_report_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([GOOD, BAD], as_json=True) == 1
    printed = capsys.readouterr().out
    assert json.loads(as_json(Report((GOOD, BAD)))) == json.loads(printed)
    assert printed == as_json(Report((GOOD, BAD)))


def test_the_markdown_report_has_failures_first_and_no_markup_from_outside() -> None:
    text = as_markdown(VerifyRun((GOOD, BAD), False, AT, 4.25), "/data/my_demo")
    lines = text.splitlines()
    assert lines[2] == (r"1 of 2 checks failed, begun 2026-03-01 12:30:00 UTC, took 4.2 s. Lakehouse: /data/my\_demo")
    assert lines[6].startswith("| ✗ failed | ledger | every offset once |")
    assert lines[7].startswith("| ✓ passed | services |")
    assert lines[-1] == r"partition 1: missing 3–4 \| \[x\](y)"


def test_a_report_without_times_has_dashes() -> None:
    assert "begun –, took –" in as_markdown(VerifyRun((GOOD,)), "/h")


def test_verdicts() -> None:
    assert verdict(()) == "No check was made"
    assert verdict((GOOD,)) == "All 1 checks passed"
    assert verdict((BAD,)) == "1 check failed"
    assert verdict((GOOD, BAD, GOOD)) == "1 of 3 checks failed"
    assert failures_first((GOOD, BAD, GOOD)) == (BAD, GOOD, GOOD)


def test_reports_are_written_beside_each_other_and_never_over_one(tmp_path: Path) -> None:
    texts = {".json": "{}\n", ".md": "# x\n"}
    base = tmp_path / "reports" / "verify-1"
    assert save(str(base), texts) == (f"{base}.json", f"{base}.md")
    assert (tmp_path / "reports" / "verify-1.md").read_text() == "# x\n"
    with pytest.raises(LakehouseError, match=r"verify-1\.json exists already; give another name"):
        save(f"{base}.json", {".json": "other", ".md": "other"})
    assert (tmp_path / "reports" / "verify-1.json").read_text() == "{}\n"


def test_nothing_is_left_where_the_second_file_exists(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("mine")
    with pytest.raises(LakehouseError, match=r"a\.md exists already"):
        save(str(tmp_path / "a"), {".json": "{}", ".md": "x"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.md"]
    assert (tmp_path / "a.md").read_text() == "mine"


def test_a_dot_in_the_name_stays(tmp_path: Path) -> None:
    assert save(str(tmp_path / "run.2026"), {".md": ""}) == (str(tmp_path / "run.2026.md"),)


@pytest.mark.parametrize("path", ["", "  ", "/", "reports/", "a\0b", "~nobody-of-this-name/x"])
def test_paths_that_are_none(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakehouseError, match=r"is no name of a file|names no user's home"):
        save(path, {".md": "x"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_and_one_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LakehouseError, match=f"There is no folder {tmp_path}/no; give another path"):
        save(str(tmp_path / "no" / "way" / "x"), {".md": "x"})
    (tmp_path / "file").write_text("")
    with pytest.raises(LakehouseError, match=r"file exists already|cannot be written"):
        save(str(tmp_path / "file" / "x"), {".md": "x"})


def test_the_home_of_the_user_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert save("~/r", {".md": ""}) == (str(tmp_path / "r.md"),)


class Gate:
    """Checks that come one by one, each when it is let through."""

    def __init__(self, *checks: Check | Exception) -> None:
        self.checks = checks
        self.passes = threading.Semaphore(0)

    def __call__(self) -> Iterator[Check]:
        for check in self.checks:
            assert self.passes.acquire(timeout=10)
            if isinstance(check, Exception):
                raise check
            yield check


def wait_for(verification: Verification, checks: int, *, running: bool) -> VerifyRun:
    deadline = time.monotonic() + 10
    while (run := verification.now()).running != running or len(run.checks) != checks:
        assert time.monotonic() < deadline, run
        time.sleep(0.005)
    return run


def test_a_run_is_told_while_it_runs_and_refused_twice() -> None:
    gate = Gate(GOOD, BAD)
    verification = Verification(gate, str, lambda: AT)
    assert verification.now() == VerifyRun()
    assert verification.start() is None
    assert verification.start() == "The checks are already running (0 s); wait for their end."
    gate.passes.release()
    run = wait_for(verification, 1, running=True)
    assert (run.checks, run.began_at) == ((GOOD,), AT)
    assert run.took_s is not None
    gate.passes.release()
    run = wait_for(verification, 2, running=False)
    assert run.checks == (GOOD, BAD)
    assert verification.now() == run  # the time stands still
    assert verification.start() is None
    assert verification.now().checks == ()
    gate.passes.release(2)
    wait_for(verification, 2, running=False)


def test_what_breaks_the_run_is_a_failed_check_in_words() -> None:
    gate = Gate(GOOD, LakehouseError("There is no lakehouse; run up."))
    gate.passes.release(2)
    verification = Verification(gate, lambda error: f"Unexpected: {error}", lambda: AT)
    verification.start()
    run = wait_for(verification, 2, running=False)
    assert run.checks[1] == Check("topic", False, "the check can be made", "unknown", "There is no lakehouse; run up.")

    gate.checks = (GOOD, ZeroDivisionError("by 0"))
    gate.passes.release(2)
    verification.start()
    run = wait_for(verification, 2, running=False)
    assert (run.checks[1].actual, run.checks[1].detail) == ("an unexpected error", "Unexpected: by 0")


def test_checks_that_cannot_even_be_made_are_a_failed_check() -> None:
    def nothing() -> Iterator[Check]:
        raise LakehouseError("There is no lakehouse; run up.")

    verification = Verification(nothing, str, lambda: AT)
    verification.start()
    assert wait_for(verification, 1, running=False).checks[0].name == "services"
