"""The check-up of the machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tui.model.checks import Check
from tui.settings import load
from tui.stack import doctor
from tui.stack.local import sql_client


def examine(home: Path, **flags: str) -> dict[str, Check]:
    settings = load({"home": home, "cache": home / "cache", **flags}, {})
    return {check.name: check for check in doctor.examine(settings)}


def test_a_taken_port_is_named_with_its_holder_and_the_flag(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = examine(tmp_path, kafka_port=str(port))["kafka_port"]
    assert not check.ok
    assert f"{port} is held by" in check.actual
    assert "--kafka-port" in check.detail
    assert examine(tmp_path, kafka_port=str(port))["kafka_port"].ok


def test_the_console_port_matters_only_with_minio(tmp_path: Path) -> None:
    assert "s3_console_port" not in examine(tmp_path)
    assert "s3_console_port" in examine(tmp_path, s3="minio")


def test_too_little_memory_or_disk_or_a_wrong_clock_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEMORY_NEEDED_BYTES", 10**18)
    monkeypatch.setattr(doctor, "DISK_NEEDED_BYTES", 10**18)
    monkeypatch.setattr(doctor, "DISK_TO_RUN_BYTES", 10**18)
    monkeypatch.setattr(doctor, "CLOCK_FLOOR_S", 10**12)
    found = examine(tmp_path)
    assert [found[name].ok for name in ("memory", "home disk", "cache disk", "clock")] == [False] * 4
    assert "LAKEHOUSE_HOME" in found["home disk"].detail


def test_a_home_that_does_not_exist_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    check = examine(tmp_path / "not" / "yet")["home folder"]
    assert check.ok
    assert not (tmp_path / "not").exists()


def test_the_sql_client_begins_with_the_catalog_of_the_job(tmp_path: Path) -> None:
    odd = sql_client.init_statements(load({"home": tmp_path}, {"LAKEHOUSE_WAREHOUSE": "s3a://b-1/it's $x"}))
    assert "'warehouse' = 's3a://b-1/it''s $x'" in odd
    text = sql_client.init_statements(load({"home": tmp_path}, {}))
    assert "CREATE CATALOG `lakehouse`" in text
    assert "'warehouse' = 's3a://warehouse/iceberg'" in text
    assert "USE `lakehouse`;" in text
    assert "${" not in text
