"""Snapshots, changes, files and rows as text for the Iceberg screen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from rich.text import Text

from tui.model.candles import Candle
from tui.model.iceberg import (
    CandleChange,
    Column,
    FileCount,
    FileDetail,
    FileHealth,
    RowSet,
    Snapshot,
    SnapshotChange,
    TableFiles,
    TableSchema,
    ValueChange,
)
from tui.view import format as fmt
from tui.view.lake.look import short_id
from tui.view.widgets.panel import columns, wrapped
from tui.view.widgets.table import Column as TableColumn

SIGNS: Mapping[str, str] = {
    "added": "+ added",
    "corrected": "~ corrected",
    "removed": "− removed",
    "rewritten": "= same",
}
KINDS: Mapping[str, str] = {"data": "data", "position deletes": "pos. deletes", "equality deletes": "eq. deletes"}
_ORDER = ("trade_count", "close_price", "high_price", "low_price", "total_qty", "open_price", "buy_qty", "sell_qty")
_CELL = 22  # columns that long text gets at least, before it is cut
_TIMES = ("timestamptz", "timestamp")

Row = tuple[str, Sequence[str | Text]]


# --- snapshots


def snapshot_columns(wide: bool) -> tuple[TableColumn, ...]:
    """The columns of the list of snapshots."""
    return (
        ("id", "snapshot", "left"),
        ("age", "ago", "right"),
        ("operation", "operation", "left"),
        ("checkpoint", "ckpt", "right"),
        ("job", "job", "left"),
        ("records", "records", "right"),
        ("files", "files", "right"),
        ("deletes", "deletes", "right"),
        *((("size", "size", "right"), ("at", "committed", "left")) if wide else ()),
    )


def snapshot_cells(s: Snapshot, now: datetime, *, wide: bool, as_of: bool) -> tuple[Text, ...]:
    """One row of it; `as_of` marks the snapshot that files and data are shown of."""
    number = fmt.count if wide else fmt.short
    cells = [
        f"{'▶' if as_of else ' '}{s.id if wide else short_id(s.id)}",
        fmt.coarse_age(s.committed_at, now),
        fmt.clip(fmt.plain(s.operation), 9),
        fmt.count(s.checkpoint_id),
        (s.job_id or fmt.UNKNOWN)[: 32 if wide else 8],
        _total(s.total_records, s.added_records, number),
        _total(s.total_files, s.added_files, fmt.count),
        _total(s.total_delete_files, s.added_delete_files, fmt.count),
    ]
    if wide:
        cells += [fmt.size(s.total_bytes), fmt.day_clock(s.committed_at, now)]
    texts = [Text(c, no_wrap=True) for c in cells]
    if as_of:
        texts[0].stylize("bold reverse")
    return tuple(texts)


def _total(total: int | None, added: int | None, number: Callable[[int | None], str]) -> str:
    """The total, and what was added where the writer says so."""
    return number(total) if added is None else f"{number(total)} +{number(added)}"


# --- changes


def change_lines(change: SnapshotChange, now: datetime, width: int) -> list[Text]:
    """What stands above the list of changed candles."""
    s = change.snapshot
    checkpoint = "no checkpoint" if s.checkpoint_id is None else f"checkpoint {s.checkpoint_id}"
    parent = "none: it is the first" if change.parent_id is None else str(change.parent_id)
    job = f", job {s.job_id}" if s.job_id else ""
    lines = [
        Text.assemble((f"Snapshot {s.id}", "bold"), f" of {change.table}: {fmt.plain(s.operation)}, {checkpoint}"),
        Text(f"committed {fmt.day_clock(s.committed_at, now)}, {fmt.age(s.committed_at, now)} ago{job}"),
        Text(f"parent {parent}"),
        *wrapped(Text(f"files  {_file_changes(change)}"), width),
    ]
    if change.keys is not None:
        lines += wrapped(Text(f"candles  {_candle_changes(change)}"), width)
    if change.note:
        lines += wrapped(Text(change.note, style="italic"), width)
    return lines


def _file_changes(change: SnapshotChange) -> str:
    parts = [
        _counted("+", change.data_added, "data file"),
        _counted("−", change.data_removed, "data file"),
        _counted("+", change.position_deletes_added, "position delete file"),
        _counted("+", change.equality_deletes_added, "equality delete file"),
        _counted("−", change.deletes_removed, "delete file"),
    ]
    return " · ".join(filter(None, parts)) or "none added, none removed"


def _counted(sign: str, found: FileCount, noun: str) -> str:
    if not found.files:
        return ""
    plural = "" if found.files == 1 else "s"
    return f"{sign}{found.files} {noun}{plural} ({fmt.count(found.records)} rows, {fmt.size(found.size_bytes)})"


def _candle_changes(change: SnapshotChange) -> str:
    kinds = Counter[str](c.kind for c in change.candles)
    words = {"added": "added", "corrected": "corrected", "removed": "removed", "rewritten": "written again unchanged"}
    parts = [f"{kinds[kind]:,} {word}" for kind, word in words.items() if kinds[kind]]
    return ", ".join(parts) or "none"


CHANGE_COLUMNS: tuple[TableColumn, ...] = (
    ("kind", "change", "left"),
    ("symbol", "symbol", "left"),
    ("minute", "minute", "right"),
    ("what", "what", "left"),
)


def change_row(change: CandleChange, now: datetime) -> Row:
    """One changed candle; the columns that say most come first."""
    values = sorted(change.values, key=lambda v: _ORDER.index(v.column) if v.column in _ORDER else len(_ORDER))
    key = f"{change.symbol} {change.window_start.isoformat()}"
    what = " · ".join(f"{_label(v.column)} {_step(v)}" for v in values)
    return key, (SIGNS[change.kind], change.symbol, minute(change.window_start, now), what)


def _label(column: str) -> str:
    return {"trade_count": "trades", "total_qty": "quantity"}.get(
        column, column.removesuffix("_price").replace("_", " ")
    )


def _step(value: ValueChange) -> str:
    before, after = (_number(value.column, v) for v in (value.before, value.after))
    if value.before is None:
        return after
    return before if value.after is None else f"{before} → {after}"


def _number(column: str, value: float | None) -> str:
    if value is None:
        return fmt.UNKNOWN
    if column == "trade_count":
        return fmt.count(int(value))
    return fmt.price(value) if column.endswith("price") else fmt.quantity(value)


def minute(moment: datetime, now: datetime) -> str:
    """The local time of a candle, with the date unless it is today."""
    local = moment.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%m-%d %H:%M}"


# --- schema


def schema_lines(schema: TableSchema, width: int) -> list[Text]:
    """Columns, key, partitions, order and properties."""
    keys = ", ".join(f.name for f in schema.fields if f.key)
    default, *older = schema.partition_specs or ("unknown",)
    rows = [
        (str(f.id), fmt.plain(f.name), f.type, "required" if f.required else "optional", "key" if f.key else "")
        for f in schema.fields
    ]
    docs = [f"  {f.name}: {fmt.plain(f.doc)}" for f in schema.fields if f.doc]
    facts = [
        ("key", keys or "none: rows are only added"),
        ("partitions", default + (f" (older files: {'; '.join(older)})" if older else "")),
        ("sort order", schema.sort_order),
        ("location", schema.location),
        ("format", f"Iceberg version {schema.format_version}, schema {schema.schema_id}, table {schema.uuid}"),
    ]
    lines = columns(("id", "column", "type", "", ""), rows, left=(1, 2, 3, 4))
    lines += [line for doc in docs for line in wrapped(doc, width)]
    lines += [Text(), *(line for name, value in facts for line in _fact(name, value, width))]
    if schema.properties:
        lines += [Text(), Text("properties", style="dim")]
        lines += [line for k, v in schema.properties for line in wrapped(f"{fmt.plain(k)} = {fmt.plain(v)}", width)]
    return lines


def _fact(name: str, value: str, width: int) -> list[Text]:
    """A name, and its value in as many lines as it needs, below each other."""
    first, *rest = wrapped(Text(fmt.plain(value)), width - 12) or [Text()]
    return [Text.assemble((f"{name:<12}", "dim"), first), *(Text.assemble(" " * 12, line) for line in rest)]


# --- files


def health_lines(files: TableFiles, width: int) -> list[Text]:
    """Counts, averages, and what to do."""
    h = files.health
    text = (
        f"{fmt.count(h.data.files)} data files, {fmt.size(h.data.size_bytes)}: {fmt.size(h.average_bytes)} on average, "
        f"{fmt.percent(h.small_share)} small (below {fmt.size(h.small_bytes)})"
    )
    positions, equalities = fmt.count(h.position_deletes.files), fmt.count(h.equality_deletes.files)
    deletes = f"{positions} position and {equalities} equality delete files, {_ratio(h)} per data file"
    if files.total > len(files.files):
        deletes += f" · listed: the newest {len(files.files):,} of {files.total:,}"
    advice = Text(f"{'!' if h.poor else '✓'} {h.advice}", style="bold" if h.poor else "")
    return [*wrapped(text, width), *wrapped(deletes, width), *wrapped(advice, width)]


def _ratio(health: FileHealth) -> str:
    return fmt.UNKNOWN if health.deletes_per_data_file is None else f"{health.deletes_per_data_file:.1f}"


def file_columns(wide: bool) -> tuple[TableColumn, ...]:
    """The columns of the list of files."""
    return (
        ("kind", "kind", "left"),
        ("sequence", "commit", "right"),
        ("records", "rows", "right"),
        ("size", "size", "right"),
        ("span", "from – to", "left"),
        ("bounds", "holds", "left"),
        *((("name", "file", "left"),) if wide else ()),
    )


def file_row(file: FileDetail, now: datetime, *, wide: bool) -> Row:
    """One file; `commit` is the sequence number of the commit that wrote its rows."""
    bounds = " ".join(low if low == high else f"{low}–{high}" for _, low, high in file.bounds[: None if wide else 1])
    cells = [KINDS[file.kind], fmt.count(file.sequence), fmt.count(file.records), fmt.size(file.size_bytes)]
    cells += [_span(file, now), fmt.clip(fmt.plain(bounds), 40 if wide else 17)]
    return file.name, (*cells, file.name) if wide else cells


def _span(file: FileDetail, now: datetime) -> str:
    if file.since is None or file.until is None:
        return fmt.UNKNOWN
    since, until = minute(file.since, now), minute(file.until, now)
    return since if since == until else f"{since} – {until}"


# --- rows and candles

CANDLE_COLUMNS: tuple[TableColumn, ...] = (
    ("minute", "minute", "right"),
    ("open", "open", "right"),
    ("high", "high", "right"),
    ("low", "low", "right"),
    ("close", "close", "right"),
    ("quantity", "quantity", "right"),
    ("trades", "trades", "right"),
    ("buys", "buys", "right"),
)


def candle_row(c: Candle, now: datetime) -> Row:
    """One candle; the sign tells whether it closed above or below its open."""
    sign = "▲" if c.close_price > c.open_price else "▼" if c.close_price < c.open_price else "="
    buys = c.buy_qty / c.total_qty if c.total_qty else None
    prices = (fmt.price(p) for p in (c.open_price, c.high_price, c.low_price))
    close = f"{sign} {fmt.price(c.close_price)}"
    cells = (minute(c.window_start, now), *prices, close, fmt.quantity(c.total_qty), fmt.count(c.trade_count))
    return f"{c.symbol} {c.window_start.isoformat()}", (*cells, fmt.percent(buys))


def row_table(found: RowSet, now: datetime, width: int) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns and rows of any table: times first, `ts` (the time again) last, long text cut."""
    names = [c.name for c in found.columns]
    order = sorted(range(len(names)), key=lambda i: (found.columns[i].type not in _TIMES, names[i] == "ts"))
    shape = [found.columns[i] for i in order]
    cells = [[_cell(row[i], found.columns[i], now) for i in order] for row in found.rows]
    most = _most(shape, cells, width)
    columns_ = tuple((c.name, label(c.name), "left" if c.type == "string" else "right") for c in shape)
    rows = [(f"{n}", [fmt.clip(cell, most) for cell in row]) for n, row in enumerate(cells)]
    return columns_, rows  # type: ignore[return-value]


def label(column: str) -> str:
    """A short title of a column."""
    known = {"kafka_partition": "part", "event_time": "time", "kafka_time": "time"}
    return known.get(column, column.removeprefix("kafka_"))


def _most(shape: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> int:
    """The width at which long columns are cut, so that all fit."""
    widths = [max([len(label(c.name)), *(len(row[i]) for row in cells)]) for i, c in enumerate(shape)]
    long = [w for w in widths if w > _CELL]
    room = width - sum(w for w in widths if w <= _CELL) - 2 * len(widths) - 2
    return max(_CELL, room // len(long)) if long else _CELL


def _cell(value: str | None, column: Column, now: datetime) -> str:
    if value is None:
        return "null"
    return moment(value, now) if column.type in _TIMES else fmt.plain(value)


def moment(text: str, now: datetime) -> str:
    """ISO 8601 as local time with milliseconds, with the date unless it is today."""
    at = datetime.fromisoformat(text)
    local = at.astimezone() if at.tzinfo is not None else at
    day = "" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M:%S}.{local.microsecond // 1000:03}"


# --- one row in full

Record = tuple[str, list[tuple[str, str]]]


def change_record(changes: Sequence[CandleChange], key: str) -> Record | None:
    """One changed candle, value by value."""
    found = next((c for c in changes if f"{c.symbol} {c.window_start.isoformat()}" == key), None)
    if found is None:
        return None
    values = [(v.column, _exactly(v)) for v in found.values] or [("", "written again with the same values")]
    return f"{found.symbol} {_at(found.window_start)}: {found.kind}", values


def _exactly(value: ValueChange) -> str:
    before, after = (None if v is None else f"{v:,}" for v in (value.before, value.after))
    if before is None or after is None:
        return after or before or fmt.UNKNOWN
    return f"{before} → {after}"


def file_record(files: Sequence[FileDetail], key: str) -> Record | None:
    """One file."""
    found = next((f for f in files if f.name == key), None)
    if found is None:
        return None
    values = [("kind", found.kind), ("commit", f"sequence number {found.sequence}")]
    values += [
        ("rows", fmt.count(found.records)),
        ("size", f"{fmt.size(found.size_bytes)} ({found.size_bytes:,} bytes)"),
    ]
    if found.time_column and found.since and found.until:
        values.append((found.time_column, f"{_at(found.since)} – {_at(found.until)}"))
    values += [(name, low if low == high else f"{low} – {high}") for name, low, high in found.bounds]
    return fmt.plain(found.name), [(name, fmt.plain(value)) for name, value in values]


def candle_record(candles: Sequence[Candle], key: str) -> Record | None:
    """One candle, exactly."""
    found = next((c for c in candles if f"{c.symbol} {c.window_start.isoformat()}" == key), None)
    if found is None:
        return None
    names = ("open_price", "high_price", "low_price", "close_price", "total_qty", "trade_count", "buy_qty", "sell_qty")
    values = [(name, f"{getattr(found, name):,}") for name in names]
    return f"{found.symbol} {_at(found.window_start)}", [("window_end", _at(found.window_end)), *values]


def row_record(found: RowSet, key: str) -> Record | None:
    """One row, cell by cell."""
    row = found.rows[int(key)] if key.isdecimal() and int(key) < len(found.rows) else None
    if row is None:
        return None
    cells = [
        (
            fmt.plain(c.name),
            "null" if v is None else fmt.plain(v if c.type not in _TIMES else _at(datetime.fromisoformat(v))),
        )
        for c, v in zip(found.columns, row, strict=True)
    ]
    return f"row of {found.table}", cells


def _at(moment: datetime) -> str:
    local = moment.astimezone() if moment.tzinfo is not None else moment
    return local.strftime("%Y-%m-%d %H:%M:%S") + (f".{local.microsecond // 1000:03}" if local.microsecond else "")
