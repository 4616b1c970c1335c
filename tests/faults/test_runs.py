"""Random faults over real processes under load: afterwards nothing is lost, nothing double, nobody orphaned."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.faults.stage import Stage, StuckError, note

pytestmark = pytest.mark.faults
SHARED_RUNS = 10
"""So many runs follow each other on one pipeline, as long as the result is exact: the next ones find its history."""
UNDISTURBED_S = (1.0, 5.0)
BETWEEN_S = (0.0, 3.0)


@dataclass
class Strike:
    """One fault of a run: when it began, in seconds since the load did, and how long it did harm."""

    name: str
    at_s: float
    took_s: float = 0.0


@dataclass
class Run:
    """One line of the report; `recovery_s` from the end of the last fault until every task ran again.

    `load`: processes that ran or waited for one of the `cores`, as the machine averages them over a minute.
    """

    seed: int
    faults: list[Strike] = field(default_factory=list)
    outcome: str = "stuck"
    recovery_s: float | None = None
    messages: int | None = None
    wrong: list[str] = field(default_factory=list)
    took_s: float = 0.0
    load: float | None = None
    cores: int | None = None


class Series:
    """The runs of a session, on one pipeline after the other."""

    def __init__(self, stage: Stage, report: Path | None) -> None:
        self._stage, self._report = stage, report
        self._left = 0

    def run(self, seed: int) -> Run:
        """One run, reported whatever becomes of it; one that is broken off by hand is none."""
        began, done = time.monotonic(), Run(seed)
        try:
            self._play(done)
        except StuckError as error:
            done.wrong.append(str(error))
        except Exception as error:
            done.wrong.append(repr(error))
            self._note(done, began)
            raise
        self._note(done, began)
        return done

    def _note(self, done: Run, began: float) -> None:
        done.took_s = round(time.monotonic() - began, 1)
        done.load, done.cores = round(os.getloadavg()[0], 1), os.cpu_count()
        if done.outcome != "exact":
            self._left = 0
        note(done, self._report)

    def _play(self, done: Run) -> None:
        stage, chance = self._stage, random.Random(done.seed)
        if not self._left:
            stage.new_pipeline(f"faults{done.seed}")
            self._left = SHARED_RUNS
        self._left -= 1
        stage.load()
        stage.recovered()
        began = time.monotonic()
        time.sleep(chance.uniform(*UNDISTURBED_S))
        for name in chance.choices(list(FAULTS), k=chance.randint(1, 3)):
            strike = Strike(name, round(time.monotonic() - began, 1))
            done.faults.append(strike)
            FAULTS[name](stage, chance)
            strike.took_s = max(0.0, round(time.monotonic() - began - strike.at_s, 1))
            time.sleep(chance.uniform(*BETWEEN_S))
        done.recovery_s = round(stage.recovered(), 1)
        done.messages = stage.settle()
        done.wrong += stage.wrong() if done.messages else ["nothing was written"]
        done.outcome = "wrong" if done.wrong else "exact"


@pytest.fixture(scope="module")
def series(stage: Stage, pytestconfig: pytest.Config) -> Series:
    return Series(stage, pytestconfig.getoption("--report"))


def test_the_result_is_exact(series: Series, seed: int) -> None:
    done = series.run(seed)
    assert done.outcome == "exact", done.wrong
