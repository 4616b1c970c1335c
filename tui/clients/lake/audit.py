"""The heavy half of `verify`: what the tables hold, counted in Arrow, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tui.clients.lake.candles import COLUMNS, KEY, VALUES
from tui.clients.lake.deletes import KeyIndex
from tui.clients.lake.recompute import MINUTE_MS, TRADE_COLUMNS, Candles
from tui.model.audit import CandleAudit, Findings, OffsetRun, TableOffsets
from tui.model.iceberg import TableHistory

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient

EXAMPLES = 10
TOLERANCE = 1e-12
"""Relative difference up to which two sums are the same (DECIMAL sums, cast to DOUBLE by two programs)."""
_SUMS = ("total_qty", "buy_qty", "sell_qty")


class LakeAudit:
    """Audits the tables that a `LakeClient` reads."""

    def __init__(self, lake: LakeClient, raw_table: str = "raw_trades", candle_table: str = "agg_1m") -> None:
        self._lake = lake
        self._raw = raw_table
        self._candles = candle_table

    def history(self, table: str) -> TableHistory:
        """Snapshots of `table`, oldest first."""
        return self._lake.history(table)

    def offsets(self, table: str, snapshot_id: int) -> TableOffsets:
        """Every (partition, offset) in the snapshot, as runs; rows and files are streamed."""
        rows, unidentified, runs = 0, 0, list[OffsetRun]()
        for batch in self._rows(table, snapshot_id, ("kafka_partition", "kafka_offset")):
            rows += batch.num_rows
            known = batch.filter(pc.and_(pc.is_valid(batch.column(0)), pc.is_valid(batch.column(1))))
            unidentified += batch.num_rows - known.num_rows
            runs.extend(_runs(known))
        return TableOffsets(rows, unidentified, tuple(_joined(runs)))

    def candles(self, raw_snapshot_id: int | None, candle_snapshot_id: int | None) -> CandleAudit:
        """Candles recomputed from the trades of one snapshot beside the candles of another one."""
        recomputed = Candles()
        if raw_snapshot_id is not None:
            recomputed.add(self._rows(self._raw, raw_snapshot_id, TRADE_COLUMNS))
        batches: list[pa.RecordBatch] = []
        if candle_snapshot_id is not None:
            batches = list(self._rows(self._candles, candle_snapshot_id, COLUMNS))
        return compare(recomputed.table(), batches, recomputed.trades)

    def _rows(self, table: str, snapshot_id: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        meta = self._lake.metadata(table)
        return self._lake.rows(meta, snapshot_id, columns)


def _runs(batch: pa.RecordBatch) -> Iterator[OffsetRun]:
    partitions, offsets = batch.columns
    for partition in pc.unique(partitions).to_pylist():
        own = offsets.filter(pc.equal(partitions, partition))
        own = pc.take(own, pc.sort_indices(own))
        steps = pc.subtract(own[1:], own[:-1])
        breaks = pc.indices_nonzero(pc.not_equal(steps, 1))
        firsts = [own[0].as_py(), *pc.take(own, pc.add(breaks, 1)).to_pylist()]
        lasts = [*pc.take(own, breaks).to_pylist(), own[-1].as_py()]
        yield from (OffsetRun(partition, f, t) for f, t in zip(firsts, lasts, strict=True))


def _joined(runs: list[OffsetRun]) -> Iterator[OffsetRun]:
    """Adjoining runs made one; overlapping ones stay apart, for they are double."""
    current: OffsetRun | None = None
    for run in sorted(runs):
        if current and run.partition == current.partition and run.first == current.last + 1:
            current = OffsetRun(run.partition, current.first, run.last)
            continue
        if current:
            yield current
        current = run
    if current:
        yield current


def compare(expected: pa.Table, batches: list[pa.RecordBatch], trades: int) -> CandleAudit:
    """Candles of a table (`COLUMNS`) beside the recomputed ones: keys first, then column by column."""
    if not batches:
        missing = _findings(expected, "{symbol} {window_start:%Y-%m-%d %H:%M} is missing")
        return CandleAudit(trades, expected.num_rows, 0, missing=missing)
    actual = pa.Table.from_batches(batches).combine_chunks()
    index = KeyIndex([actual[c] for c in KEY])
    counted = pa.table({"code": index.codes, "row": pa.arange(0, actual.num_rows)}).group_by("code")
    keys = counted.aggregate([("row", "count"), ("row", "max")]).sort_by("code")
    doubled = actual.take(keys["row_max"]).append_column("times", keys["row_count"])
    doubled = doubled.filter(pc.greater(doubled["times"], 1))
    code = index.lookup([expected[c] for c in KEY])
    partner = pc.take(keys["row_max"], code)
    found = pc.is_valid(partner)
    surplus = actual.filter(pc.invert(pc.is_in(index.codes, value_set=code.drop_null())))
    return CandleAudit(
        trades,
        expected.num_rows,
        actual.num_rows,
        missing=_findings(expected.filter(pc.invert(found)), "{symbol} {window_start:%Y-%m-%d %H:%M} is missing"),
        surplus=_findings(surplus, "{symbol} {window_start:%Y-%m-%d %H:%M} has no trades"),
        differing=_differing(expected.filter(found), actual.take(pc.drop_null(partner))),
        doubled=_findings(doubled, "{symbol} {window_start:%Y-%m-%d %H:%M} is there {times} times"),
    )


def _differing(expected: pa.Table, actual: pa.Table) -> Findings:
    minute = pa.scalar(MINUTE_MS * 1000, pa.duration("us"))
    expected = expected.append_column("window_end", pc.add(expected["window_start"], minute))
    wrong: pa.Array | pa.ChunkedArray = pa.repeat(pa.scalar(False), expected.num_rows)
    masks = {}
    for name in ("window_end", *VALUES):
        masks[name] = _unequal(expected[name], actual[name], exact=name not in _SUMS)
        wrong = pc.or_(wrong, masks[name])
    rows = pc.indices_nonzero(wrong)
    examples = []
    for row in rows[:EXAMPLES].to_pylist():
        key = f"{expected['symbol'][row]} {expected['window_start'][row].as_py():%Y-%m-%d %H:%M}"
        columns = [
            f"{name} is {actual[name][row].as_py()}, recomputed {expected[name][row].as_py()}"
            for name, mask in masks.items()
            if mask[row].as_py()
        ]
        examples.append(f"{key}: {'; '.join(columns)}")
    return Findings(len(rows), tuple(examples))


def _unequal(expected: pa.ChunkedArray, actual: pa.ChunkedArray, *, exact: bool) -> pa.ChunkedArray:
    """Rows that differ; a null beside a value differs."""
    if exact:
        same = pc.equal(expected, actual)
    else:
        bound = pc.multiply(pc.max_element_wise(pc.abs(expected), pc.abs(actual)), TOLERANCE)
        same = pc.less_equal(pc.abs(pc.subtract(expected, actual)), bound)
    return pc.invert(pc.fill_null(same, fill_value=False))


def _findings(rows: pa.Table, template: str) -> Findings:
    return Findings(rows.num_rows, tuple(template.format(**row) for row in rows.slice(0, EXAMPLES).to_pylist()))
