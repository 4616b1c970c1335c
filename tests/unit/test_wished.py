"""The wish and the keeper's words as files: whole or absent, private, and on their way through crashes and `down`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.no_space import no_space
from tui.model.errors import LakehouseError, UsageError
from tui.model.keeping import Keeping, Wish
from tui.settings import PIPELINE, Settings, load, with_pipeline
from tui.stack.local.layout import Layout
from tui.stack.wished import KeepingFile, WishFile

JOB = "a" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"home": tmp_path / "home"}, {})


def test_a_wish_has_what_the_job_was_started_with(settings: Settings) -> None:
    own = replace(settings, topic="ticks", checkpoint_interval_s=7, allowed_lateness_s=1)
    WishFile(own).want(JOB)
    wish = WishFile(settings).read()
    assert wish is not None
    assert (wish.job_id, wish.wanted) == (JOB, True)
    assert with_pipeline(settings, wish.pipeline) == own
    assert set(wish.pipeline) == set(PIPELINE)
    assert (settings.home / "data" / "flink" / "wanted.json").stat().st_mode & 0o077 == 0


def test_a_submission_that_began_is_written_beside_the_wish_and_gone_with_the_next_one(settings: Settings) -> None:
    file = WishFile(settings)
    WishFile(replace(settings, topic="ticks")).begin()
    found = file.read()
    assert found is not None
    assert (found.job_id, found.wanted, found.begun and found.begun["topic"]) == ("", False, "ticks")
    file.want(JOB)
    assert file.read() == replace(found, job_id=JOB, wanted=True, pipeline=file._pipeline, begun=None)
    file.begin()
    wanted = file.read()
    assert wanted is not None
    assert (wanted.job_id, wanted.wanted, wanted.begun) == (JOB, True, file._pipeline)
    file.end_all()
    assert file.read() == Wish(JOB, False)
    file.begin()
    file.end_all()
    assert file.read() == Wish(JOB, False), "`down` ends a submission that is under way too"


def test_down_ends_a_wish_on_a_full_disk_too(settings: Settings) -> None:
    file = WishFile(settings)
    file.want(JOB)
    with no_space():
        with pytest.raises(LakehouseError, match="cannot be written"):
            file.end(JOB)
        assert file.read() is not None
        file.end_all()
    assert file.read() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"job_id": 3}', '{"job_id": "a", "wanted": "yes"}'])
def test_a_damaged_wish_is_none(settings: Settings, content: str) -> None:
    path = settings.home / "data" / "flink" / "wanted.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert WishFile(settings).read() is None
    WishFile(settings).end_all()
    assert path.read_text() == content


def test_a_wish_with_nonsense_in_it_is_refused(settings: Settings) -> None:
    with pytest.raises(UsageError, match="the wanted job: parallelism must be"):
        with_pipeline(settings, {"parallelism": "many", "unknown": 1})


def test_a_crash_leaves_the_wish_and_down_ends_it(settings: Settings) -> None:
    WishFile(settings).want(JOB)
    Layout(settings.home).clear_run()  # what `up` does after a crash
    assert WishFile(settings).read() is not None
    WishFile(settings).end_all()
    assert WishFile(settings).read() == Wish(JOB, False)


def test_a_wish_that_cannot_be_written_is_said(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "data").write_text("a file where a folder should be")
    with pytest.raises(LakehouseError, match="cannot be written"):
        WishFile(settings).want(JOB)


@pytest.mark.parametrize("next_at", [None, datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_the_keeper_says_comes_back(settings: Settings, next_at: datetime | None) -> None:
    file, said = KeepingFile(settings.home), Keeping("waiting", JOB, 3, next_at, None if next_at else "S3 is away.")
    assert file.read() is None
    file.write(said)
    assert file.read() == said
    file.write(None)
    file.write(None)
    assert file.read() is None


def test_words_that_cannot_be_written_stop_no_keeper(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "run").write_text("a file where a folder should be")
    KeepingFile(settings.home).write(Keeping("waiting", JOB, 1))
    KeepingFile(settings.home).write(None)
    assert KeepingFile(settings.home).read() is None


@pytest.mark.parametrize(
    "change", [{"phase": "dancing"}, {"attempt": "many"}, {"next_at": "soon"}, {"next_at": 7}, {"reason": ...}]
)
def test_what_the_keeper_never_says_is_nothing(settings: Settings, change: dict[str, object]) -> None:
    whole = {"phase": "waiting", "job_id": JOB, "attempt": 3, "next_at": None, "reason": None}
    content = {key: value for key, value in {**whole, **change}.items() if value is not ...}
    path = settings.home / "run" / "keeper.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    assert KeepingFile(settings.home).read() is None
