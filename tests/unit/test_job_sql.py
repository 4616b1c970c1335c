"""The job without Flink: arguments, templates, and the pattern that decides between the fast and the slow way."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "jobs" / "kafka_to_iceberg.py"
TEMPLATES = ("catalog.sql", "tables.sql", "source.sql", "parse.sql", "late.sql", "inserts.sql")
REQUIRED = ["--bootstrap-servers", "127.0.0.1:9092", "--warehouse", "s3a://warehouse/iceberg"]
COLUMNS = {
    "raw_trades": "symbol ts price qty side event_time kafka_partition kafka_offset",
    "agg_1m": "symbol window_start window_end open_price high_price low_price close_price total_qty trade_count "
    "buy_qty sell_qty",
    "bad_trades": "raw reason kafka_partition kafka_offset kafka_time",
}
KEYWORDS = {"select", "from", "where", "group", "by", "case", "when", "then", "else", "end", "union", "insert", "into"}


@pytest.fixture(scope="module")
def job() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kafka_to_iceberg", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(job: ModuleType, file: str, *more: str) -> list[str]:
    found: list[str] = job.statements(file, job.placeholders(job.parse_arguments([*REQUIRED, *more])))
    return found


def uncommented(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))


@pytest.mark.parametrize("file", TEMPLATES)
def test_every_template_is_filled_in(job: ModuleType, file: str) -> None:
    statements = filled(job, file)
    assert statements
    for statement in statements:
        assert "${" not in statement
        assert ";" not in re.sub(r"'[^']*'", "", statement)
        assert statement.split()[0] in ("CREATE", "INSERT")


@pytest.mark.parametrize("file", [*TEMPLATES, "verify.sql"])
def test_keywords_are_in_capitals(file: str) -> None:
    code = uncommented((SCRIPT.parent / "sql" / file).read_text(encoding="utf-8"))
    words = set(re.findall(r"[a-z_]+", re.sub(r"'[^']*'|`[^`]*`|\$\{\w+\}", "", code)))
    assert not words & KEYWORDS


@pytest.mark.parametrize(("table", "columns"), COLUMNS.items())
def test_tables_have_the_agreed_columns(job: ModuleType, table: str, columns: str) -> None:
    (statement,) = (s for s in filled(job, "tables.sql") if f"`{table}`" in s)
    assert re.findall(r"^  `(\w+)` [A-Z]", statement, re.M) == columns.split()


def test_values_are_quoted(job: ModuleType) -> None:
    (source,) = filled(job, "source.sql", "--topic", "it's", "--kafka-property", "security.protocol=PLAIN'TEXT")
    assert "'topic' = 'it''s'" in source
    assert "'properties.security.protocol' = 'PLAIN''TEXT'" in source


@pytest.mark.parametrize(
    "wrong",
    [
        ["--database", "a`b"],
        ["--raw-table", "raw trades"],
        ["--parallelism", "0"],
        ["--checkpoint-interval-s", "0"],
        ["--watermark-delay-s", "-1"],
        ["--kafka-property", "novalue"],
        ["--jobmanager", "localhost"],
    ],
)
def test_wrong_arguments_are_a_usage_error(
    job: ModuleType, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        job.parse_arguments([*REQUIRED, *wrong])
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "expected"), [(5, "0 00:00:05"), (150, "0 00:02:30"), (90_061, "1 01:01:01"), (3600, "0 01:00:00")]
)
def test_intervals(job: ModuleType, seconds: int, expected: str) -> None:
    assert job.interval(seconds) == expected


def test_configuration_keeps_checkpoints_exact(job: ModuleType) -> None:
    arguments = [*REQUIRED, "--restore", "file:///c/chk-3", "--jobmanager", "h:1", "--flink-property", "a.b=c=d"]
    values = job.configuration(job.parse_arguments(arguments))
    assert values["execution.checkpointing.mode"] == "EXACTLY_ONCE"
    assert values["execution.checkpointing.unaligned.enabled"] == "false", "by the name that a cluster's settings have"
    assert values["execution.checkpointing.interval"] == "60000 ms"
    assert values["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert (values["execution.savepoint.path"], values["execution.savepoint-restore-mode"]) == (
        "file:///c/chk-3",
        "NO_CLAIM",
    )
    assert (values["rest.address"], values["rest.port"], values["a.b"]) == ("h", "1", "c=d")
    assert "table.exec.state.ttl" not in values, "a candle must never be forgotten"


def test_old_versions_of_a_table_go(job: ModuleType) -> None:
    found = job.placeholders(job.parse_arguments(REQUIRED))["table_options"]
    assert "'write.metadata.delete-after-commit.enabled' = 'true'" in found
    assert "'write.metadata.previous-versions-max' = '10'" in found


def test_the_script_needs_nothing_of_the_dashboard() -> None:
    code = (
        "import sys, runpy; runpy.run_path(sys.argv[1]); "
        "print([m for m in sys.modules if m.split('.')[0] in ('tui', 'pyflink')])"
    )
    found = subprocess.run([sys.executable, "-c", code, str(SCRIPT)], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_usual_messages_take_the_fast_way(job: ModuleType, separators: tuple[str, str]) -> None:
    draw = random.Random(3)
    for _ in range(500):
        values = {
            "symbol": "".join(draw.choices("ABCXYZ019-_/.é₿ ", k=draw.randrange(0, 20))),
            "ts": draw.choice([draw.randrange(2_000_000_000_000), -1, 0]),
            "price": draw.choice([draw.uniform(-1, 1e6), draw.random() * 1e-9, 5, -0.0, 1e300]),
            "qty": draw.choice([draw.expovariate(1), 1e-18, 0, 10**12]),
            "side": draw.choice(["BUY", "SELL", "buy", ""]),
        }
        message = json.dumps(values, separators=separators, ensure_ascii=False)
        assert re.search(job.TRADE_REGEX, message), message
        parts = message.split('"')  # what SPLIT_INDEX sees
        numbers = [parts[i].strip(job.AROUND_NUMBER) for i in (6, 8, 10)]
        assert (parts[3], parts[13]) == (values["symbol"], values["side"])
        assert (int(numbers[0]), float(numbers[1]), float(numbers[2])) == (values["ts"], values["price"], values["qty"])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{}",
        '[{"symbol":"A","ts":1,"price":1,"qty":1,"side":"BUY"}]',
        '{"symbol":"A","ts":1,"price":1,"qty":1,"side":"BUY"}x',
        '{"symbol":"A","ts":1,"price":1,"qty":1,"side":"BUY"}{}',
        '{"symbol":"A","ts":1,"price":1,"qty":1,"side":"BUY","x":1}',
        '{"symbol":"A","ts":1.0,"price":1,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":01,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":1.,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":+1,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":.5,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":NaN,"qty":1,"side":"BUY"}',
        '{"symbol":"A","ts":1,"price":"1","qty":1,"side":"BUY"}',
        '{"symbol":"a\\"b","ts":1,"price":1,"qty":1,"side":"BUY"}',
        '{"symbol":"a\nb","ts":1,"price":1,"qty":1,"side":"BUY"}',
        '{"symbol":"\ufffd","ts":1,"price":1,"qty":1,"side":"BUY"}',
        '{"ts":1,"symbol":"A","price":1,"qty":1,"side":"BUY"}',
    ],
)
def test_anything_else_takes_the_slow_way(job: ModuleType, message: str) -> None:
    assert not re.search(job.TRADE_REGEX, message)


@pytest.mark.parametrize(
    ("message", "unreadable"),
    [("[" * 500, True), ("[" * 499, False), ('{"a":[' * 250, True), ("x\ufffd", True), ("x" * 60_000, False)],
)
def test_what_the_parser_must_not_see(job: ModuleType, message: str, unreadable: bool) -> None:
    assert bool(re.search(job.UNREADABLE_REGEX, message)) is unreadable
