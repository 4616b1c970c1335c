"""Which restore points are allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tui.core.restore import choose
from tui.model.flink import Lineage, RestorePoint
from tui.model.iceberg import Snapshot, TableHistory

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = Lineage({})


def point(checkpoint_id: int, job: str = "aaaaaa11", minutes: int = 0, kind: str = "checkpoint") -> RestorePoint:
    at = T0 + timedelta(minutes=minutes or checkpoint_id)
    return RestorePoint(f"file:///c/{job}/{checkpoint_id}", kind, checkpoint_id, at, job)  # type: ignore[arg-type]


def history(*stamps: tuple[int | None, str | None], records: int = 10) -> TableHistory:
    snapshots = tuple(
        Snapshot(n, n - 1 or None, n, T0, "append", checkpoint, job, 1, 1, 0, records, 1, 0)
        for n, (checkpoint, job) in enumerate(stamps, start=1)
    )
    return TableHistory("raw_trades", "file:///t", 1, len(snapshots) or None, snapshots)


def test_nothing_anywhere_starts_from_the_beginning() -> None:
    decision = choose([], {"raw_trades": None}, NOBODY)
    assert decision.point is None
    assert decision.refusal is None


def test_the_newest_point_by_time_wins_over_the_highest_number() -> None:
    old, new = point(50, "aaaaaa11", minutes=1), point(3, "bbbbbb22", minutes=2)
    tables = {"raw_trades": history((50, "aaaaaa11"), (3, "bbbbbb22"))}
    assert choose([new, old], tables, NOBODY).point == new


def test_below_what_a_table_holds_is_refused_and_names_it() -> None:
    decision = choose([point(4)], {"raw_trades": history((5, "aaaaaa11"))}, NOBODY)
    assert decision.point is None
    assert "raw_trades already holds checkpoint 5" in (decision.refusal or "")


def test_a_damaged_point_is_named_and_the_next_older_one_taken() -> None:
    damaged = replace(point(6), damage="its _metadata is cut short")
    decision = choose([point(5), damaged, point(4)], {"raw_trades": history((5, "aaaaaa11"))}, NOBODY)
    assert decision.point == point(5)
    assert decision.remark == "checkpoint 6 is damaged: its _metadata is cut short"


def test_below_what_the_tables_hold_the_damage_is_part_of_the_reason() -> None:
    damaged = replace(point(6), damage="its _metadata is cut short")
    for points in ([point(5), damaged], [damaged]):
        decision = choose(points, {"raw_trades": history((6, "aaaaaa11"))}, NOBODY)
        assert decision.point is None
        assert "(checkpoint 6 is damaged: its _metadata is cut short)" in (decision.refusal or "")


def test_an_older_file_with_a_newer_time_hides_nothing() -> None:
    copied = point(3, minutes=99)
    decision = choose([point(5), copied], {"raw_trades": history((5, "aaaaaa11"))}, NOBODY)
    assert (decision.point, decision.remark) == (point(5), None)


def test_data_without_any_point_is_refused() -> None:
    assert "--fresh" in (choose([], {"raw_trades": history((5, "aaaaaa11"))}, NOBODY).refusal or "")


def test_rows_that_nobody_stamped_are_refused_too() -> None:
    assert choose([], {"raw_trades": history((None, None))}, NOBODY).refusal


def test_another_history_is_refused_even_with_a_higher_number() -> None:
    lineage = Lineage({"aaaaaa11": None, "bbbbbb22": None})
    tables = {"raw_trades": history((50, "aaaaaa11"), (3, "bbbbbb22"))}
    refusal = choose([point(50, "aaaaaa11")], tables, lineage).refusal
    assert refusal is not None
    assert "does not continue" in refusal


def test_a_job_that_continues_the_writer_is_allowed() -> None:
    lineage = Lineage({"aaaaaa11": None, "bbbbbb22": "aaaaaa"})
    newer = point(51, "bbbbbb22")
    assert choose([newer], {"raw_trades": history((50, "aaaaaa11"))}, lineage).point == newer


def test_a_savepoint_knows_only_the_first_digits_of_its_job() -> None:
    saved = point(7, "aaaaaa", kind="savepoint")
    assert choose([saved], {"raw_trades": history((7, "aaaaaa11"))}, Lineage({"aaaaaa11": None})).point == saved


def test_a_snapshot_without_stamp_does_not_hide_the_stamp_before_it() -> None:
    tables = {"raw_trades": history((9, "aaaaaa11"), (None, None))}
    assert choose([point(8)], tables, NOBODY).refusal
    assert choose([point(9)], tables, NOBODY).point == point(9)


def test_lineage_ends_on_a_circle() -> None:
    assert Lineage({"a": "b", "b": "a"}).descends("a", "c") is False
