"""What a snapshot changed against its parent, candle by candle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import recorded_lake
from tests.lake_candles import NOON, candle, upsert
from tests.lake_model import History
from tests.lake_writer import CANDLES, Row, Writer
from tui.clients.lake import LakeClient
from tui.clients.lake.changes import snapshot_change
from tui.clients.lake.detail import LakeDetail
from tui.model.candles import Candle
from tui.model.errors import NotFoundError
from tui.model.iceberg import SnapshotChange


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> LakeClient:
    return recorded_lake.opened(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def lake(tmp_path: Path) -> LakeClient:
    return LakeClient(str(tmp_path), "db")


@pytest.fixture
def candles(tmp_path: Path) -> Writer:
    return Writer.create(f"{tmp_path}/db/agg_1m", CANDLES)


def kinds(change: SnapshotChange) -> dict[tuple[str, int], tuple[str, Any]]:
    """Symbol and minute → kind and the closing price before and after."""
    found = {}
    for c in change.candles:
        closes = [(v.before, v.after) for v in c.values if v.column == "close_price"]
        minute = (c.window_start - NOON) // timedelta(minutes=1)
        found[c.symbol, minute] = (c.kind, closes[0] if closes else None)
    return found


def newest(lake: LakeClient) -> SnapshotChange:
    return snapshot_change(lake, lake.metadata("agg_1m"), lake.history("agg_1m").current_id or 0)


def test_changes_are_the_difference_between_two_snapshots(recorded: LakeClient) -> None:
    """Real Flink commits, against all candles before and after."""
    detail = LakeDetail(recorded)

    def at(snapshot_id: int | None) -> Mapping[tuple[str, datetime], Candle]:
        found = recorded.candles(snapshot_id=snapshot_id).candles if snapshot_id else ()
        return {(c.symbol, c.window_start): c for c in found}

    seen = set()
    for snapshot in recorded.history("agg_1m").snapshots:
        before, after = at(snapshot.parent_id), at(snapshot.id)
        change = detail.change("agg_1m", snapshot.id)
        told = {(c.symbol, c.window_start): c for c in change.candles}
        assert {k for k, c in told.items() if c.kind == "added"} == after.keys() - before.keys()
        assert {k for k, c in told.items() if c.kind == "removed"} == before.keys() - after.keys()
        differing = {k for k in before.keys() & after.keys() if before[k] != after[k]}
        assert {k for k, c in told.items() if c.kind == "corrected"} == differing
        for key in differing:
            for value in told[key].values:
                assert value.before == getattr(before[key], value.column)
                assert value.after == getattr(after[key], value.column)
        assert change.keys == len(told)
        starts = [c.window_start for c in change.candles]
        assert starts == sorted(starts, reverse=True)
        assert change.data_added.files == snapshot.added_files
        assert change.data_added.records == snapshot.added_records
        seen |= {c.kind for c in change.candles}
    assert {"added", "corrected"} <= seen


def test_every_kind_of_change_to_a_candle(lake: LakeClient, candles: Writer) -> None:
    first = [candle("A", n, 1.0) for n in range(6)]
    (uri,) = candles.commit(data=[first])
    again = [candle("A", 1, 2.0), candle("A", 2, 1.0), candle("B", 9, 5.0), candle("C", 9, 7.0), candle("C", 9, 8.0)]
    candles.commit(
        data=[again],
        equality=[upsert(*again, candle("A", 3, 0.0), candle("Z", 1, 0.0))],
        positions=[(uri, 4), (0, 2), (0, 3)],
    )
    change = newest(lake)
    assert kinds(change) == {
        ("A", 1): ("corrected", (1.0, 2.0)),
        ("A", 2): ("rewritten", None),
        ("A", 3): ("removed", (1.0, None)),
        ("A", 4): ("removed", (1.0, None)),
        ("C", 9): ("added", (None, 8.0)),
    }
    assert change.keys == 7  # with one written and deleted at once, and one deleted that never was
    assert change.data_added.files == 1
    assert (change.position_deletes_added.records, change.equality_deletes_added.records) == (3, 7)


def test_a_rewrite_of_files_changes_no_candle(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", 1, 1.0)], [candle("A", 2, 2.0)]])
    candles.commit(data=[[candle("A", 1, 1.0), candle("A", 2, 2.0)]], drop=uris)
    change = newest(lake)
    assert {c.kind for c in change.candles} == {"rewritten"}
    assert (change.data_added.files, change.data_removed.files) == (1, 2)


def test_a_compaction_changes_no_candle(lake: LakeClient, candles: Writer) -> None:
    """Files of several commits, deletes applied, written anew as one: operation `replace`."""
    uris = candles.commit(data=[[candle("A", 1, 1.0), candle("A", 2, 2.0)]])
    uris += candles.commit(data=[[candle("A", 1, 3.0)]], equality=[upsert(candle("A", 1, 0.0))])
    old = [*uris, *candles.deletes]
    rows = [candle("A", 1, 3.0), candle("A", 2, 2.0)]
    candles.commit(data=[rows], drop=old, operation="replace")
    change = newest(lake)
    assert change.candles == ()
    assert change.note == "It only rewrote files: none of these candles changed."
    assert (change.data_added.files, change.data_removed.files, change.deletes_removed.files) == (1, 2, 1)
    candles.commit(
        data=[[candle("A", 1, 3.0), candle("A", 2, 9.0)]], drop=[candles.scopes.popitem()[0]], operation="replace"
    )
    change = newest(lake)
    assert kinds(change) == {("A", 2): ("corrected", (2.0, 9.0))}, "what a replacement changed is told all the same"
    assert change.note is None


def test_deletes_by_other_columns_than_the_key(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle("A", 1, 1.0), candle("A", 2, 2.0), candle("B", 1, 2.0)]])
    candles.commit(equality=[(("close_price",), [candle("A", 0, 2.0)])])
    gone = {("A", 2): ("removed", (2.0, None)), ("B", 1): ("removed", (2.0, None))}
    change = newest(lake)
    assert (kinds(change), change.keys) == (gone, 2)
    candles.commit(drop=candles.deletes)
    assert kinds(newest(lake)) == {("A", 2): ("added", (None, 2.0)), ("B", 1): ("added", (None, 2.0))}


@pytest.mark.parametrize("kind", ["equality", "positions"])
def test_a_delete_that_is_taken_back_adds_its_candles_again(lake: LakeClient, candles: Writer, kind: str) -> None:
    (uri,) = candles.commit(data=[[candle("A", 1, 1.0), candle("A", 2, 2.0)]])
    if kind == "equality":
        candles.commit(equality=[upsert(candle("A", 2, 0.0))])
    else:
        candles.commit(positions=[(uri, 1)])
    assert kinds(newest(lake)) == {("A", 2): ("removed", (2.0, None))}
    candles.commit(drop=candles.deletes)
    assert kinds(newest(lake)) == {("A", 2): ("added", (None, 2.0))}


def test_a_number_that_is_none_is_the_same_as_before(lake: LakeClient, candles: Writer) -> None:
    nan = float("nan")
    candles.commit(data=[[candle("A", 1, nan), candle("A", 2, nan)]])
    again = [candle("A", 1, nan), candle("A", 2, 1.0)]
    candles.commit(data=[again], equality=[upsert(*again)])
    assert {k: kind for k, (kind, _) in kinds(newest(lake)).items()} == {("A", 1): "rewritten", ("A", 2): "corrected"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dice=st.randoms(use_true_random=False))
def test_random_changes_are_the_difference_between_two_states(dice: Random) -> None:
    """Upserts, deletes, rewrites within a commit, compactions and dropped files, against what was live row by row."""
    with TemporaryDirectory() as folder:
        history = History(f"{folder}/db/agg_1m", fields=CANDLES)
        for _ in range(dice.randint(1, 6)):
            _random_change(dice, history)
        lake = LakeClient(folder, "db")
        before: dict[tuple[str, datetime], Row] = {}
        for snapshot, state in history.states.items():
            after = {(r["symbol"], r["window_start"]): r for r in state.rows()}
            change = snapshot_change(lake, lake.metadata("agg_1m"), snapshot)
            told = {(c.symbol, c.window_start): c.kind for c in change.candles}
            differing = {k for k in before.keys() & after.keys() if before[k] != after[k]}
            assert {k for k, kind in told.items() if kind == "added"} == after.keys() - before.keys()
            assert {k for k, kind in told.items() if kind == "removed"} == before.keys() - after.keys()
            assert {k for k, kind in told.items() if kind == "corrected"} == differing
            before = after


def _random_change(dice: Random, history: History) -> None:
    rows = [candle(s, m, float(dice.randrange(3))) for s in "AB" for m in range(4) if dice.random() < 0.4]
    live = [*history.state.data, *history.state.equality, *history.state.positions]
    kind = dice.choice(("upsert", "upsert", "rewrite", "delete", "positions", "closes", "compaction", "drop"))
    if kind == "upsert":
        history.commit([rows] if rows else [], [upsert(*rows)] if rows else [])
    elif kind == "rewrite" and rows:  # the same keys twice in one commit: the first ones go by position
        again = [{**r, "close_price": 7.0} for r in rows]
        history.commit([[*rows, *again]], [upsert(*rows)], [(0, place) for place in range(len(rows))])
    elif kind == "delete":
        history.commit(equality=[upsert(candle("A", dice.randrange(4), 0.0), candle("C", 1, 0.0))])
    elif kind == "positions" and history.state.data:
        file = dice.choice(history.state.data)
        history.commit(positions=[(file.uri, dice.randrange(len(file.rows)))])
    elif kind == "closes":
        history.commit(equality=[(("close_price",), [candle("A", 0, float(dice.randrange(3)))])])
    elif kind == "compaction":
        rows = list(history.state.rows())
        history.commit([rows] if rows else [], drop=[f.uri for f in live], operation="replace")
    else:
        history.commit(drop=[f.uri for f in history.state.data if dice.random() < 0.3])


def test_a_dropped_file_removes_its_candles(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", 1, 1.0)], [candle("A", 2, 2.0)]])
    candles.commit(drop=[uris[0]])
    assert kinds(newest(lake)) == {("A", 1): ("removed", (1.0, None))}


def test_only_the_newest_are_told_one_by_one(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle(s, n, 1.0) for n in range(20) for s in "AB"]])
    meta = lake.metadata("agg_1m")
    change = snapshot_change(lake, meta, meta.current_id or 0, newest=5)
    assert [(c.symbol, c.window_start.minute) for c in change.candles] == [
        ("A", 19), ("B", 19), ("A", 18), ("B", 18), ("A", 17)
    ]  # fmt: skip
    assert change.keys == 40
    assert change.note == "The newest 5 of 40 candles that it wrote."


def test_an_expired_parent_is_said(lake: LakeClient, candles: Writer) -> None:
    candles.commit(data=[[candle("A", 1, 1.0)]])
    candles.commit(data=[[candle("A", 2, 1.0)]])
    del candles.document["snapshots"][0]
    candles.save()
    change = newest(lake)
    assert change.note == "Its parent has expired: what it removed or corrected is not known."
    assert (change.keys, change.candles, change.data_added.files) == (None, (), 1)


def test_a_snapshot_that_is_gone_is_named(lake: LakeClient, candles: Writer) -> None:
    detail = LakeDetail(lake)
    for read in (detail.change, detail.files, detail.rows):
        with pytest.raises(NotFoundError, match="Table agg_1m has no snapshot 17"):
            read("agg_1m", 17)
    with pytest.raises(NotFoundError, match="Table nothing does not exist yet"):
        detail.schema("nothing")


def test_only_files_that_can_hold_a_changed_minute_are_read(lake: LakeClient, candles: Writer) -> None:
    uris = candles.commit(data=[[candle("A", n, 1.0)] for n in range(10)])
    Path(uris[5].removeprefix("file:")).unlink()
    ends = [candle("A", 0, 2.0), candle("A", 9, 2.0)]
    candles.commit(data=[ends], equality=[upsert(*ends)])
    assert {c.kind for c in newest(lake).candles} == {"corrected"}
