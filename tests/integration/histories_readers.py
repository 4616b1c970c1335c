"""Lets Flink write histories, and reads them back: with Flink's batch SQL, the product's reader and DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.integration import histories as told
from tests.integration.conftest import Lab, silent, until
from tests.integration.histories import SECOND_JOB, STEPS, TABLES, TYPES, History, Values
from tui.model.flink import RestorePoint
from tui.settings import Settings
from tui.stack.local import credentials
from tui.stack.local.job import LocalJobs
from tui.stack.local.layout import Layout
from tui.stack.provision import Provisioned

ROOT = Path(__file__).resolve().parents[2]
Rows = dict[int, list[Values]]
"""The sorted rows of each history that has any."""
Snapshots = Mapping[str, Sequence[int]]
"""The snapshot of each step, by table."""


class HistoryJobs(LocalJobs):
    """Submits `histories_job.py` with a plan, the way the product submits its job."""

    def __init__(self, settings: Settings, plan: Mapping[str, Any], folder: Path) -> None:
        super().__init__(settings)
        self._plan = folder / "plan.json"
        self._plan.write_text(json.dumps(plan))

    def program(self, found: Provisioned, /) -> list[str]:
        return [str(found.flink_python), str(Path(__file__).with_name("histories_job.py"))]

    def arguments(self, point: RestorePoint | None) -> list[str]:
        return [str(self._plan)]


def submit(lab: Lab, folder: Path, configuration: Mapping[str, str], **plan: object) -> str:
    """Start a job with parallelism 2; returns its id."""
    s = lab.settings
    common = {
        "execution.target": "remote",
        "execution.attached": "false",
        "rest.address": "127.0.0.1",
        "rest.port": str(s.flink_port),
        "pipeline.name": f"histories of {s.database}",
        "parallelism.default": "2",
        "table.local-time-zone": "UTC",
    }
    places = {"warehouse": s.warehouse, "database": s.database, "types": TYPES}
    return HistoryJobs(s, {**places, **plan, "configuration": {**common, **configuration}}, folder).start(None, silent)


def write(lab: Lab, found: Sequence[History], folder: Path) -> dict[str, list[int]]:
    """Let two jobs after each other write the histories, with just one checkpoint a step; returns the snapshots."""
    snapshots: dict[str, list[int]] = defaultdict(list)
    ends = Counter(dict.fromkeys(range(lab.settings.partitions), 0))
    steps = told.messages(found)
    for first, last in ((0, SECOND_JOB), (SECOND_JOB, STEPS)):
        job = start(lab, folder, first, ends)
        try:
            for step in steps[first:last]:
                for table, snapshot in commit(lab, job, step, ends).items():
                    snapshots[table].append(snapshot)
        finally:
            lab.clients.flink.cancel(job, 60)
    return snapshots


def start(lab: Lab, folder: Path, step: int, offsets: Mapping[int, int]) -> str:
    """Submit the job that writes from this step on, and wait until it runs."""
    configuration = {
        "execution.checkpointing.interval": "1 h",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "pipeline.object-reuse": "true",
        "table.exec.sink.upsert-materialize": "NONE",  # else it would take out what is to be tested
    }
    s = lab.settings
    begin = ";".join(f"partition:{partition},offset:{offset}" for partition, offset in offsets.items())
    topic = {"topic": s.topic, "bootstrap_servers": s.kafka, "group": s.group, "offsets": begin}
    job = submit(lab, folder, configuration, tables=[t.plan(step) for t in TABLES], **topic)
    lab.clients.flink.wait_running(job, 120)
    return job


def commit(lab: Lab, job: str, step: Sequence[tuple[int, bytes]], ends: Counter[int]) -> dict[str, int]:
    """Have the messages of a step written in one checkpoint; returns the snapshot of each table."""
    flink, partitions = lab.clients.flink, lab.settings.partitions
    lab.send([(number % partitions, None, value) for number, value in step])
    ends.update(number % partitions for number, _ in step)
    until(lambda: flink.read_offsets(job) == ends, "Flink has read the step", 120)
    checkpoint = flink.trigger_checkpoint(job, 120)

    def snapshot(table: str) -> int | None:
        history = lab.clients.lake.history(table).snapshots
        return next((s.id for s in history if (s.job_id, s.checkpoint_id) == (job, checkpoint)), None)

    waited = {t.name: until(partial(snapshot, t.name), f"checkpoint {checkpoint} is in {t.name}") for t in TABLES}
    return {name: found for name, found in waited.items() if found is not None}


def by_flink(lab: Lab, snapshots: Snapshots, folder: Path) -> dict[tuple[str, int], Rows]:
    """The rows of each table and snapshot by Flink's batch SQL."""
    output = folder / "rows"
    batch = {"execution.runtime-mode": "BATCH"}
    job = submit(lab, folder, batch, snapshots=snapshots, output=output.as_uri())
    flink = lab.clients.flink
    try:
        until(lambda: any(j.id == job and not j.active for j in flink.jobs()), "the batch job has ended", 300)
    finally:
        flink.cancel(job, 60)
    assert not flink.exceptions(job), flink.exceptions(job)[0].trace
    found: dict[tuple[str, int], Rows] = {}
    for table, ids in snapshots.items():
        rows: dict[int, list[told.Row]] = {snapshot: [] for snapshot in ids}
        for file in (output / table).rglob("part-*"):
            for line in file.read_bytes().splitlines():
                row = json.loads(line, parse_float=str)
                rows[row["snapshot"]].append(told.untold(row))
        found |= {(table, snapshot): gathered(those) for snapshot, those in rows.items()}
    return found


def by_reader(lab: Lab, table: str, snapshot: int) -> Rows:
    """The rows of a snapshot by the product's reader."""
    return gathered(row for batch in lab.clients.lake.scan(table, snapshot_id=snapshot) for row in batch.to_pylist())


def by_duckdb(lab: Lab) -> dict[str, Rows | str]:
    """The rows of each table by DuckDB, or why it cannot read them."""
    keys = credentials.load(Layout(lab.settings.home))
    assert keys is not None
    order = {
        "endpoint": lab.settings.s3_endpoint.partition("//")[2],
        "access_key": keys.s3_access_key,
        "secret_key": keys.s3_secret_key,
        "tables": {t.name: f"{lab.settings.warehouse}/{lab.settings.database}/{t.name}" for t in TABLES},
    }
    command = [sys.executable, "-m", "tests.integration.histories_duckdb"]
    done = subprocess.run(
        command, check=False, input=json.dumps(order), capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    found: dict[str, Rows | str] = {}
    for line in done.stdout.splitlines():
        name, rows = json.loads(line)
        found[name] = rows if isinstance(rows, str) else by_history((n, tuple(values)) for n, values in rows)
    ended = f"the process ended with {done.returncode}: {done.stderr[-300:]}"
    return dict.fromkeys((t.name for t in TABLES), ended) | found


def gathered(rows: Iterable[Mapping[str, Any]]) -> Rows:
    return by_history((row["history"], told.exactly(row)) for row in rows)


def by_history(rows: Iterable[tuple[int, Values]]) -> Rows:
    found: Rows = defaultdict(list)
    for number, row in rows:
        found[number].append(row)
    return {number: sorted(those) for number, those in found.items()}
