"""Random histories, written by Flink into tables of each kind: its batch SQL, the reader and a model agree on each row.

`LAKEHOUSE_HISTORIES=COUNT:SEED` plays another number of histories, or other ones, and has Flink read every snapshot.
Without it, Flink reads the last one of each job; the reader reads every one. A seed gives the same histories as long as
the code is the same: Hypothesis takes constants from it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.integration import histories as told
from tests.integration.conftest import Lab
from tests.integration.histories import SECOND_JOB, STEPS, TABLES, History, Table
from tests.integration.histories_readers import Rows, by_duckdb, by_flink, by_reader, write
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry
from tui.clients.lake.parquet import DELETED_PATH

ORDER = os.environ.get("LAKEHOUSE_HISTORIES")
COUNT, SEED = (int(part) for part in (ORDER or "1000:1").split(":"))
FLINK_READS = range(STEPS) if ORDER else (SECOND_JOB - 1, STEPS - 1)
SEEN = "inserted", "deleted", "late", "rewritten in one checkpoint", "corrected in a later checkpoint"


def test_histories_are_read_back_as_flink_reads_them(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    histories = told.generate(COUNT, SEED)
    kinds = told.counted(histories)
    assert all(kinds[kind] >= COUNT for kind in SEEN), kinds
    snapshots = write(lab, histories, tmp_path)
    flink = by_flink(lab, {name: [ids[step] for step in FLINK_READS] for name, ids in snapshots.items()}, tmp_path)
    duckdb = by_duckdb(lab)
    lines = [f"{COUNT} histories: " + ", ".join(f"{kinds[kind]} {kind}" for kind in SEEN)]
    wrong: list[str] = []
    ours: set[int] = set()
    theirs: set[int] = set()
    for table in TABLES:
        reports: dict[int, str] = {}
        model = [told.expected(table, history) for history in histories]
        for step, snapshot in enumerate(snapshots[table.name]):
            three = {
                "model": {n: states[step] for n, states in enumerate(model) if states[step]},
                "reader": by_reader(lab, table.name, snapshot),
            }
            if step in FLINK_READS:
                three["Flink"] = flink[table.name, snapshot]
            reports = differing(table, step, three, histories) | reports
        found = deletes(lab, table)
        beside, differ = compared(duckdb[table.name], flink[table.name, snapshots[table.name][-1]])
        lines.append(f"{table.name}: the reader differs in {len(reports)}, DuckDB {beside}; {dict(found)}")
        wrong += reports.values()
        ours |= reports.keys()
        theirs |= differ
        assert all(found[name] for name in ("by position", "by equality", "by both")), found
    lines.append(
        f"in any table: the reader differs in {len(ours)}, DuckDB in {len(theirs)}, as far as it can read them"
    )
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert not wrong, f"{len(ours)} histories differ; one of the shortest:\n{min(wrong, key=len)}"


def differing(table: Table, step: int, three: Mapping[str, Rows], histories: Sequence[History]) -> dict[int, str]:
    """Each history on which the three do not agree after this step, told in full."""
    model = three["model"]
    wrong = [n for n in range(len(histories)) if any(rows.get(n) != model.get(n) for rows in three.values())]
    return {n: "\n".join(story(table, step, histories[n], n, three)) for n in wrong}


def story(table: Table, step: int, history: History, number: int, three: Mapping[str, Rows]) -> list[str]:
    events = [f"  step {s}: {e.operation} {e.row}" for s, events in enumerate(history[: step + 1]) for e in events]
    rows = [f"  {who}: {row}" for who, found in three.items() for row in found.get(number, ["nothing"])]
    return [f"{table.name} after step {step}, history {number} (seed {SEED}):", *events, *rows]


def compared(theirs: Rows | str, right: Rows) -> tuple[str, set[int]]:
    """What is to be said of another reader, and the histories in which it differs, as far as it reads the table."""
    if isinstance(theirs, str):
        return f"cannot read it ({theirs.strip().splitlines()[0]})", set()
    wrong = {n for n in right.keys() | theirs.keys() if theirs.get(n) != right.get(n)}
    return f"in {len(wrong)}", wrong


def deletes(lab: Lab, table: Table) -> Counter[str]:
    """The data files of the newest snapshot that each kind of delete hits, and the delete files."""
    lake = lab.clients.lake
    meta = lake.metadata(table.name)
    assert meta.current_id is not None
    files = lake.files(meta, meta.current_id)

    def keys(file: FileEntry, ids: tuple[int, ...]) -> set[told.Values]:
        columns = [f.name for f in meta.fields if f.id in ids]
        rows = (row for batch in lake.batches(meta, file, columns) for row in batch.to_pylist())
        return {told.key_of(columns, row) for row in rows}

    positions = [f for f in files if f.content == POSITION_DELETES]
    equalities = [(f, keys(f, f.equality_ids)) for f in files if f.content == EQUALITY_DELETES]
    named = {
        path
        for file in positions
        for batch in lake.batches(meta, file, [DELETED_PATH])
        for path in batch.column(0).to_pylist()
    }
    found = Counter({"position delete files": len(positions), "equality delete files": len(equalities)})
    for file in (f for f in files if f.content == DATA):
        own = {ids: keys(file, ids) for ids in {e.equality_ids for e, _ in equalities}}
        newer = [(e, g) for e, g in equalities if e.sequence > file.sequence and e.scope in (None, file.scope)]
        later = (gone & own[e.equality_ids] for e, gone in newer)
        by_position, by_equality = file.uri in named, any(later)
        found.update({"data files": 1, "by position": by_position, "by equality": by_equality})
        found["by both"] += by_position and by_equality
    return found
