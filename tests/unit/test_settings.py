"""Layers of the settings, and the sentence for each thing that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.model.errors import UsageError
from tui.settings import load


def env(home: Path, **values: str) -> dict[str, str]:
    return {"LAKEHOUSE_HOME": str(home), **values}


def test_each_layer_overrides_the_weaker_ones(tmp_path: Path) -> None:
    assert load({}, env(tmp_path)).kafka_port == 9092
    (tmp_path / "lakehouse.toml").write_text("kafka_port = 1001\nflink_port = 1002\ns3_port = 1003\n")
    assert load({}, env(tmp_path)).kafka_port == 1001
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stack.json").write_text(json.dumps({"kafka_port": 2001, "flink_port": 2002}))
    assert load({}, env(tmp_path)).kafka_port == 2001
    assert load({}, env(tmp_path, LAKEHOUSE_KAFKA_PORT="3001")).kafka_port == 3001
    settings = load({"kafka_port": "4001"}, env(tmp_path, LAKEHOUSE_KAFKA_PORT="3001"))
    assert (settings.kafka_port, settings.flink_port, settings.s3_port) == (4001, 2002, 1003)


def test_a_flag_that_was_not_given_overrides_nothing(tmp_path: Path) -> None:
    assert load({"kafka_port": None}, env(tmp_path, LAKEHOUSE_KAFKA_PORT="3001")).kafka_port == 3001


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"kafka_port": "nine"}, "kafka_port must be a whole number from 1 to 65535, not 'nine'"),
        ({"kafka_port": "70000"}, "kafka_port must be a whole number from 1 to 65535"),
        ({"kafka_port": "0"}, "kafka_port must be a whole number"),
        ({"iceberg": "2.0"}, "iceberg must be one of 1.7.0, 1.10.0, not '2.0'"),
        ({"s3": "aws"}, "s3 must be one of s3proxy, minio"),
        ({"kafka_port": "8081"}, "kafka_port and flink_port are both 8081"),
        ({"symbols": "BTC,,ETH"}, "symbols must be a list of names"),
    ],
)
def test_a_wrong_value_names_the_layer_and_the_key(tmp_path: Path, flags: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        load(flags, env(tmp_path))


def test_the_console_port_counts_with_minio_only(tmp_path: Path) -> None:
    assert load({"flink_port": 9001}, env(tmp_path)).flink_port == 9001
    with pytest.raises(UsageError, match="flink_port and s3_console_port are both 9001"):
        load({"flink_port": 9001, "s3": "minio"}, env(tmp_path))


def test_the_bucket_is_the_one_of_the_warehouse(tmp_path: Path) -> None:
    assert load({"warehouse": "s3a://other.bucket/a/b"}, env(tmp_path)).bucket == "other.bucket"


@pytest.mark.parametrize("warehouse", ["s3://warehouse/x", "file:///x", "s3a://warehouse", "s3a://Upper/x", "s3a:///x"])
def test_a_warehouse_outside_a_bucket_is_refused(tmp_path: Path, warehouse: str) -> None:
    with pytest.raises(UsageError, match=f"warehouse must be s3a://BUCKET/PATH .* not '{warehouse}'"):
        load({"warehouse": warehouse}, env(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [("database", "it's"), ("database", "a`b"), ("database", "../x"), ("database", "ö"), ("topic", "a b"),
     ("topic", ".."), ("topic", "[red]x"), ("topic", "a\x1b[31m"), ("topic", "x" * 250)],
)  # fmt: skip
def test_names_that_kafka_or_the_job_would_refuse_are_refused_at_once(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"The {name}'s name must be letters, digits"):
        load({"home": tmp_path}, {f"LAKEHOUSE_{name.upper()}": value})


def test_the_tables_may_have_other_names(tmp_path: Path) -> None:
    found = load({}, env(tmp_path, LAKEHOUSE_CANDLE_TABLE="candles"))
    assert found.table_names == {"raw_trades": "raw_trades", "agg_1m": "candles", "bad_trades": "bad_trades"}
    with pytest.raises(UsageError, match="letters, digits and _, not 'a-b'"):
        load({}, env(tmp_path, LAKEHOUSE_RAW_TABLE="a-b"))
    with pytest.raises(UsageError, match="raw_table, candle_table and bad_table must differ"):
        load({}, env(tmp_path, LAKEHOUSE_RAW_TABLE="agg_1m"))


def test_an_unknown_key_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lakehouse.toml").write_text("kafkaport = 1\n")
    with pytest.raises(UsageError, match=r"lakehouse\.toml: there is no setting 'kafkaport'"):
        load({}, env(tmp_path))


def test_broken_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "lakehouse.toml").write_text("kafka_port = \n")
    with pytest.raises(UsageError, match="not valid TOML"):
        load({}, env(tmp_path))


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="LAKEHOUSE_CONFIG"):
        load({}, env(tmp_path, LAKEHOUSE_CONFIG=str(tmp_path / "none.toml")))


def test_a_damaged_record_of_the_stack_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stack.json").write_text('{"kafka_port": 2')
    assert load({}, env(tmp_path)).kafka_port == 9092


def test_symbols_come_as_a_list_or_with_commas(tmp_path: Path) -> None:
    (tmp_path / "lakehouse.toml").write_text('symbols = ["A", "B"]\n')
    assert load({}, env(tmp_path)).symbols == ("A", "B")
    assert load({}, env(tmp_path, LAKEHOUSE_SYMBOLS="X, Y")).symbols == ("X", "Y")
