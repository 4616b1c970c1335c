"""The home's folders, secrets, ports and logs."""

from __future__ import annotations

import errno
import os
import random
import socket
import stat
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.no_space import no_space
from tui.model.errors import LakehouseError, UsageError
from tui.stack.local import credentials, logs, ports
from tui.stack.local.layout import SOCKET_PATH_MAX, Layout, write_private
from tui.stack.local.signing import sign
from tui.stack.local.spec import properties


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_for_the_owner_only(layout: Layout) -> None:
    folders = [p for p in layout.home.rglob("*") if p.is_dir()]
    assert layout.data / "flink" / "savepoints" in folders
    assert {mode(p) for p in [layout.home, *folders]} == {0o700}


@pytest.mark.parametrize("name", ["a,b", "a:b", "a|b", "a\nb"])
def test_a_home_with_a_separator_in_its_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="must not have"):
        Layout(tmp_path / name).create()
    assert not (tmp_path / name).exists()


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakehouseError, match=r"cannot be made .*LAKEHOUSE_HOME"):
        Layout(tmp_path / "file" / "home").create()


def test_a_long_home_has_its_socket_elsewhere(tmp_path: Path) -> None:
    found = Layout(tmp_path / ("long" * 30))
    found.create()
    try:
        assert len(os.fsencode(found.socket)) <= SOCKET_PATH_MAX
        assert mode(found.socket.parent) == 0o700
    finally:
        found.socket.parent.rmdir()


def test_a_foreign_socket_folder_is_refused(tmp_path: Path) -> None:
    found = Layout(tmp_path / ("open" * 30))
    found.socket.parent.mkdir()
    found.socket.parent.chmod(0o777)
    try:
        with pytest.raises(LakehouseError, match="belongs to somebody else"):
            found.create()
    finally:
        found.socket.parent.rmdir()


def test_the_second_holder_of_the_lock_waits(layout: Layout) -> None:
    waits, order = threading.Event(), []

    def second() -> None:
        with layout.lock(waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with layout.lock(lambda: order.append("never")):
        thread.start()
        assert waits.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_clear_run_keeps_the_internal_ports_only(layout: Layout) -> None:
    for name in ("ports.json", "stack.json", "kafka.starts", "kafka.ready", "producer.json", "supervisord.pid"):
        (layout.run / name).write_text("")
    (layout.run / "programs" / "kafka.conf").write_text("")
    layout.clear_run()
    assert sorted(p.name for p in layout.run.rglob("*") if p.is_file()) == ["ports.json"]


def test_deleted_data_is_gone(layout: Layout) -> None:
    (layout.data / "s3" / "x").write_text("x")
    layout.delete_data()
    assert not layout.data.exists()
    layout.delete_data()


def test_data_behind_a_link_is_deleted_too(layout: Layout, tmp_path: Path) -> None:
    disk, other = tmp_path / "disk", tmp_path / "other"
    layout.data.rename(disk)
    layout.data.symlink_to(disk)
    (disk / "s3").rename(other)
    (disk / "s3").symlink_to(other)
    (other / "s3proxy").mkdir()
    (other / "s3proxy" / "object").write_text("x")
    layout.delete_data()
    assert list(disk.iterdir()) == []
    assert list(other.iterdir()) == []
    layout.create()
    assert (disk / "s3").is_dir()


@pytest.mark.parametrize("linked", [False, True])
def test_data_that_cannot_be_deleted_is_named(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    if linked:
        layout.data.rename(tmp_path / "disk")
        layout.data.symlink_to(tmp_path / "disk")
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(LakehouseError, match=f"Not all of {layout.data.resolve()} could be deleted"):
        layout.delete_data()


def test_credentials_are_random_made_once_and_private(layout: Layout, tmp_path: Path) -> None:
    assert credentials.load(layout) is None
    made = credentials.ensure(layout)
    assert credentials.ensure(layout) == made
    assert mode(credentials.path(layout)) == 0o600
    other = Layout(tmp_path / "other")
    assert credentials.ensure(other).s3_secret_key != made.s3_secret_key
    assert made.s3_secret_key not in repr(made)


def test_damaged_credentials_are_named(layout: Layout) -> None:
    write_private(credentials.path(layout), '{"s3_access_key": 1}')
    with pytest.raises(LakehouseError, match=r"credentials\.json cannot be read; delete it"):
        credentials.load(layout)


def test_write_private_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and longer")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [False, True])
def test_write_private_leaves_the_old_file_and_nothing_else_where_there_is_no_space(
    tmp_path: Path, durable: bool
) -> None:
    path = tmp_path / "state.json"
    write_private(path, "old")
    with no_space(), pytest.raises(OSError, match="File too large"):
        write_private(path, "new", durable=durable)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def below_outgoing_ports() -> socket.socket:
    """A server on a port that nobody gets by chance as soon as it is free again."""
    while True:
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", random.randrange(11_000, 19_000)))


def test_a_taken_port_is_known_with_its_holder() -> None:
    with below_outgoing_ports() as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.holder(port).pid == os.getpid()
        assert f"process {os.getpid()} (" in str(ports.holder(port))
    assert ports.is_free(port)
    assert str(ports.holder(port)) == "a process of another user"


def test_a_port_taken_on_all_addresses_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_internal_ports_are_remembered_until_somebody_takes_one(layout: Layout) -> None:
    first = ports.internal(layout, avoid=set(), in_use=frozenset())
    assert len(set(first.values())) == len(ports.INTERNAL)
    assert ports.internal(layout, avoid=set(), in_use=frozenset()) == first
    with socket.create_server(("127.0.0.1", first["jobmanager_rpc"])):
        assert ports.internal(layout, avoid=set(), in_use=frozenset({"jobmanager_rpc"})) == first
        second = ports.internal(layout, avoid=set(), in_use=frozenset())
    assert second["kafka_controller"] == first["kafka_controller"]
    assert second["jobmanager_rpc"] != first["jobmanager_rpc"]
    third = ports.internal(layout, avoid={second["kafka_controller"]}, in_use=frozenset())
    assert third["kafka_controller"] != second["kafka_controller"]


def test_signature_of_the_published_example() -> None:
    """AWS, "Signature Calculations for the Authorization Header", example GET Bucket Lifecycle."""
    headers = sign(
        "GET",
        "examplebucket.s3.amazonaws.com",
        "/",
        "lifecycle=",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert headers["Authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_last_lines_reach_into_rotated_files(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    (tmp_path / "kafka.log.10").write_text("1\n2\n")
    (tmp_path / "kafka.log.2").write_text("3\n")
    (tmp_path / "kafka.log.1").write_text("4\n5\n")
    (tmp_path / "kafka.log.old").write_text("no\n")
    log.write_text("6\n7\n")
    assert logs.last_lines(log, 3) == ["5", "6", "7"]
    assert logs.last_lines(log, 100) == ["1", "2", "3", "4", "5", "6", "7"]
    assert logs.last_lines(log, 0) == []
    assert logs.last_lines(tmp_path / "none.log", 5) == []


def test_follow_survives_rotation_and_joins_parts_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "s3.log"
    log.write_text("old\n")
    lines = logs.follow(log, 1)
    assert next(lines) == "old"
    with log.open("a") as handle:
        handle.write("one\ntw")
    assert next(lines) == "one"
    with log.open("a") as handle:
        handle.write("o\nlast\n")
    log.rename(tmp_path / "s3.log.1")
    log.write_text("new\n")
    assert [next(lines) for _ in range(3)] == ["two", "last", "new"]


def test_follow_waits_for_a_log_that_does_not_exist_yet(tmp_path: Path) -> None:
    log = tmp_path / "late.log"
    timer = threading.Timer(0.1, lambda: log.write_text("hello\n"))
    timer.start()
    assert next(logs.follow(log, 10)) == "hello"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INFO fine\nERROR bad\nINFO going\n", "ERROR bad"),
        (
            "ERROR Exiting\njava.lang.RuntimeException: node 7\n\tat x.Error(y)\nINFO end\n",
            "java.lang.RuntimeException: node 7",
        ),
        ("a.B: x\nCaused by: java.net.BindException: in use\n\tat z\n", "Caused by: java.net.BindException: in use"),
        ("one\ntwo\n", "two"),
        ("", None),
    ],
)
def test_telling_line(tmp_path: Path, text: str, expected: str | None) -> None:
    log = tmp_path / "x.log"
    log.write_text(text)
    assert logs.telling_line(log) == expected


def test_properties_are_latin_1_with_escapes() -> None:
    assert properties({"log.dirs": "/h/my höme €😀\\x"}) == "log.dirs=/h/my h\\u00f6me \\u20ac\\ud83d\\ude00\\\\x\n"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, r"cannot be written \(No space left on device: /x\); free some space"),
        (errno.EROFS, r"cannot be written \(Read-only file system: /x\); make it writable, or set LAKEHOUSE_HOME"),
    ],
)
def test_a_home_that_cannot_be_written_amid_a_change_is_said(layout: Layout, number: int, told: str) -> None:
    with pytest.raises(LakehouseError, match=told), layout.lock(lambda: None):
        raise OSError(number, os.strerror(number), "/x")


def test_other_errors_amid_a_change_are_not_about_the_disk(layout: Layout) -> None:
    with pytest.raises(ConnectionRefusedError), layout.lock(lambda: None):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
