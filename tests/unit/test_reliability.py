"""The page about faults says what the runs say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docs import reliability


def run(seed: int, *faults: str, outcome: str = "exact", recovery_s: float | None = 1.0, messages: int = 100) -> Any:
    struck = [{"name": name, "at_s": 1.0, "took_s": 0.0} for name in faults]
    wrong = [] if outcome == "exact" else ["ledger: 3 missing"]
    return {
        "seed": seed,
        "faults": struck,
        "outcome": outcome,
        "recovery_s": recovery_s,
        "messages": messages,
        "wrong": wrong,
    }


def test_a_row_counts_strikes_runs_outcomes_and_the_times_of_those_it_ended() -> None:
    runs = [
        run(1, "s3 killed", "kafka killed", "kafka killed", recovery_s=9.0),
        run(2, "kafka killed", recovery_s=3.0),
        run(3, "kafka killed", "s3 killed", outcome="wrong", recovery_s=50.0),
    ]
    assert reliability.table(runs)[2:] == [
        "| kafka killed | 4 | 3 | 2 | 2 | 3.0 | 9.0 | 9.0 |",
        "| s3 killed | 2 | 2 | 1 | 1 | 50.0 | 50.0 | 50.0 |",
    ]


def test_a_run_that_never_recovered_has_no_time() -> None:
    assert reliability.table([run(1, "s3 killed", outcome="stuck", recovery_s=None)])[2].endswith("| 0 | – | – | – |")


def test_what_was_wrong_is_on_the_page_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n".join(json.dumps(r) for r in (run(1, "x", outcome="wrong"), run(2, "y"))))
    text = reliability.page(reliability.read([tmp_path / "a"]))
    assert "2 runs, 2 faults, 100 messages: **1 exact, 1 wrong**." in text
    assert "- seed 1 (x): ledger: 3 missing" in text
    (tmp_path / "b").write_text(json.dumps(run(1, "x")))
    text = reliability.page(reliability.read([tmp_path / "a", tmp_path / "b"]))
    assert "**2 exact**." in text
    assert "not exact" not in text


def test_how_busy_the_machine_was_is_said_where_it_is_known() -> None:
    assert reliability.machine([run(1)]) == ""
    told = reliability.machine([run(1), *({**run(2), "load": load, "cores": 2} for load in (4.2, 9.8, 30.1))])
    assert told.startswith(" The machine: 2 cores, load average 4 to 30, half of the time above 10.")


def test_messages_of_a_pipeline_are_counted_once() -> None:
    runs = [run(1, messages=100), run(2, messages=250), run(3, messages=90)]
    assert [r["messages"] for r in reliability.last_of_each_pipeline(runs)] == [250, 90]


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (1.0, 20), (0.0, 1)])
def test_percentiles_are_values_that_were_there(share: float, value: int) -> None:
    assert reliability.percentile(range(1, 21), share) == value


def test_kills_are_counted_by_who_and_amid_what_and_those_that_were_not_clean_are_told(tmp_path: Path) -> None:
    def kill(who: str, number: int, moment: str, *wrong: str) -> str:
        return json.dumps({"kill": who, "number": number, "moment": moment, "wrong": wrong})

    report = tmp_path / "report"
    lines = [kill("supervisor", 1, "up"), kill("dashboard", 1, "start", "left: 7"), kill("dashboard", 2, "start")]
    report.write_text("\n".join([*lines, json.dumps(run(1, "s3 killed")), kill("supervisor", 1, "up", "gone", "late")]))
    told = reliability.page(reliability.read([report])).splitlines()
    assert "1 runs, 1 faults, 100 messages: **1 exact**." in told
    assert told[-5:] == [
        "| dashboard | start | 2 | 1 |",
        "| supervisor | up | 1 | 0 |",
        "",
        "- dashboard 1 (start): left: 7",
        "- supervisor 1 (up): gone; late",
    ]


def test_the_page_is_what_the_kept_runs_say() -> None:
    assert reliability.TARGET.read_text(encoding="utf-8") == reliability.page(reliability.read([reliability.RUNS]))
