from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.maven_server import MavenServer, maven_server
from tui.model.errors import CancelledError, LakehouseError, UnavailableError
from tui.model.stack import Progress
from tui.resources import resource
from tui.stack import download
from tui.stack.cache import disk_errors
from tui.stack.download import ChecksumError
from tui.stack.fetch import Jar, JarCache, load_lock, repository, sha256_of

BIG = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def maven() -> Iterator[MavenServer]:
    with maven_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RETRY_WAIT_S", 0.01)


@pytest.fixture
def jars(tmp_path: Path) -> JarCache:
    return JarCache(tmp_path / "jars")


def silent(_: Progress) -> None:
    """A sink for tests that do not look at progress."""


def fetch(jars: JarCache, maven: MavenServer, *wanted: Jar) -> int:
    return jars.fetch(wanted, maven.base, silent)


def test_the_path_is_that_of_a_maven_repository() -> None:
    assert Jar("org.a.b:c:1.0", "", 0).path == "org/a/b/c/1.0/c-1.0.jar"
    assert Jar("org.a:orc-core:1.9.4:nohive", "", 0).path == "org/a/orc-core/1.9.4/orc-core-1.9.4-nohive.jar"


def test_jars_are_downloaded_once_and_then_the_network_is_left_alone(jars: JarCache, maven: MavenServer) -> None:
    wanted = [maven.add(f"g:a{i}:1", BIG[: 1000 * i + 1]) for i in range(20)]
    seen: list[Progress] = []
    assert jars.fetch(wanted, maven.base, seen.append) == sum(jar.size for jar in wanted)
    assert [jars.path(jar).read_bytes() for jar in wanted] == [maven.files[jar.path] for jar in wanted]
    assert seen[-1] == Progress("jars", "20 downloaded", seen[-1].total, seen[-1].total, "bytes", finished=True)
    assert {p.total for p in seen} == {sum(jar.size for jar in wanted)}
    assert len(maven.requests) == 20
    assert jars.fetch(wanted, "http://127.0.0.1:1", silent) == 0
    assert not list(jars.root.rglob("*.part"))


@pytest.mark.parametrize("plan", [["503", "ok"], ["503", "503", "truncated", "ok"], ["truncated", "no-range"]])
def test_passing_trouble_is_tried_again(jars: JarCache, maven: MavenServer, plan: list[str]) -> None:
    jar = maven.add("g:a:1", BIG)
    maven.plan[jar.path] = list(plan)
    fetch(jars, maven, jar)
    assert jars.path(jar).read_bytes() == BIG
    assert len(maven.ranges(jar)) == len(plan) + plan.count("truncated") * (plan[-1] == "truncated")


def test_a_cut_connection_resumes_where_it_ended(jars: JarCache, maven: MavenServer) -> None:
    jar = maven.add("g:a:1", BIG)
    maven.plan[jar.path] = ["truncated"]
    assert fetch(jars, maven, jar) == len(BIG), "nothing is downloaded twice"
    first, second = maven.ranges(jar)
    assert first is None
    assert second is not None and 0 < int(second[6:-1]) <= len(BIG) // 2
    assert jars.path(jar).read_bytes() == BIG


def test_a_part_with_wrong_bytes_is_thrown_away_and_fetched_from_the_start(jars: JarCache, maven: MavenServer) -> None:
    jar = maven.add("g:a:1", BIG)
    part = jars.path(jar).with_name("a-1.jar.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    fetch(jars, maven, jar)
    assert maven.ranges(jar) == ["bytes=1000-", None]
    assert jars.path(jar).read_bytes() == BIG


@pytest.mark.parametrize("left", [len(BIG), len(BIG) + 5])
def test_a_part_that_is_whole_or_too_long_is_judged_by_its_checksum(
    jars: JarCache, maven: MavenServer, left: int
) -> None:
    jar = maven.add("g:a:1", BIG)
    part = jars.path(jar).with_name("a-1.jar.part")
    part.parent.mkdir(parents=True)
    part.write_bytes((BIG + b"extra")[:left])
    fetch(jars, maven, jar)
    assert maven.ranges(jar) == ([] if left == len(BIG) else [None])
    assert jars.path(jar).read_bytes() == BIG


@pytest.mark.parametrize("step", ["wrong", "longer"])
def test_a_wrong_checksum_is_refused_and_named(jars: JarCache, maven: MavenServer, step: str) -> None:
    jar = maven.add("org.acme:rocket:1.0", BIG)
    maven.plan[jar.path] = [step] * 9
    with pytest.raises(ChecksumError) as caught:
        fetch(jars, maven, jar)
    changed = bytes(b ^ 1 for b in BIG) if step == "wrong" else BIG + b"more"
    got = hashlib.sha256(changed).hexdigest()
    assert "org.acme:rocket:1.0" in str(caught.value)
    assert f"expected SHA-256 {jar.sha256}" in str(caught.value)
    assert f"got {got}" in str(caught.value)
    assert len(maven.requests) == 1, "another try would bring the same"
    assert [p.name for p in jars.path(jar).parent.iterdir()] == []
    assert not jars.has(jar)


def test_a_missing_jar_is_named_at_once(jars: JarCache, maven: MavenServer) -> None:
    jar = Jar("org.acme:none:1.0", "0" * 64, 10)
    with pytest.raises(UnavailableError, match=r"org\.acme:none:1\.0 cannot be downloaded: .* answers HTTP 404"):
        fetch(jars, maven, jar)
    assert len(maven.requests) == 1


def test_one_failure_ends_the_others_and_is_the_one_reported(jars: JarCache, maven: MavenServer) -> None:
    stalled = [maven.add(f"g:s{i}:1", BIG) for i in range(3)]
    for jar in stalled:
        maven.plan[jar.path] = ["stall"]
    bad = maven.add("g:bad:1", b"x")
    maven.plan[bad.path] = ["404"]
    timer = threading.Timer(0.3, maven.go_on.set)
    timer.start()
    with pytest.raises(UnavailableError, match="g:bad:1"):
        fetch(jars, maven, *stalled, bad)
    timer.join()
    assert not any(jars.has(jar) for jar in stalled)


def test_a_server_that_stays_away_gives_one_sentence_with_the_way_out(jars: JarCache) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match=r"g:a:1 cannot be downloaded \(Connection refused\): .*LAKEHOUSE_MAVEN"):
        jars.fetch([Jar("g:a:1", "0" * 64, 10)], f"http://127.0.0.1:{port}", silent)


def test_a_flipped_byte_is_caught_named_and_healed(jars: JarCache, maven: MavenServer) -> None:
    jar = maven.add("org.acme:rocket:1.0", BIG)
    fetch(jars, maven, jar)
    path = jars.path(jar)
    path.write_bytes(BIG[:-1] + bytes([BIG[-1] ^ 1]))
    damaged = sha256_of(path)
    assert not jars.has(jar)
    seen: list[Progress] = []
    jars.fetch([jar], maven.base, seen.append)
    assert any(jar.coordinate in p.detail and jar.sha256 in p.detail and damaged in p.detail for p in seen)
    assert path.read_bytes() == BIG


def test_an_untouched_jar_without_its_marker_is_hashed_and_kept(jars: JarCache, maven: MavenServer) -> None:
    jar = maven.add("g:a:1", BIG)
    fetch(jars, maven, jar)
    os.utime(jars.path(jar), ns=(0, 0))
    assert not jars.has(jar)
    assert fetch(jars, maven, jar) == 0
    assert jars.has(jar)
    assert len(maven.requests) == 1


def test_a_lock_that_changes_its_checksum_makes_the_old_jar_unwelcome(jars: JarCache, maven: MavenServer) -> None:
    old = maven.add("g:a:1", b"old")
    fetch(jars, maven, old)
    new = maven.add("g:a:1", b"new")
    fetch(jars, maven, new)
    assert jars.path(new).read_bytes() == b"new"


SCRIPT = """
import sys
from pathlib import Path
from tui.stack.fetch import Jar, JarCache
jars = [Jar(c, h, int(s)) for c, h, s in (line.split() for line in sys.stdin)]
print(JarCache(Path(sys.argv[1])).fetch(jars, sys.argv[2], lambda p: None))
"""


def fetcher(jars: JarCache, maven: MavenServer, wanted: list[Jar]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, jars.root, maven.base],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    process.stdin.write("".join(f"{j.coordinate} {j.sha256} {j.size}\n" for j in wanted))
    process.stdin.close()
    process.stdin = None
    return process


def test_two_processes_share_the_work_of_one(jars: JarCache, maven: MavenServer) -> None:
    wanted = [maven.add(f"g:a{i}:1", BIG[i:]) for i in range(10)]
    both = [fetcher(jars, maven, wanted) for _ in range(2)]
    counts = sorted(int(process.communicate(timeout=60)[0]) for process in both)
    assert counts == [0, sum(jar.size for jar in wanted)]
    assert sorted(path for path, _ in maven.requests) == sorted(jar.path for jar in wanted)
    assert not jars.missing(wanted)


def test_after_kill_9_in_the_middle_the_next_run_resumes(jars: JarCache, maven: MavenServer) -> None:
    jar = maven.add("g:a:1", BIG)
    maven.plan[jar.path] = ["stall"]
    process = fetcher(jars, maven, [jar])
    assert maven.half_sent.wait(30)
    part = jars.path(jar).with_name("a-1.jar.part")
    wait_until(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    have = part.stat().st_size
    assert fetch(jars, maven, jar) == len(BIG) - have
    assert maven.ranges(jar) == [None, f"bytes={have}-"]
    assert jars.path(jar).read_bytes() == BIG


def test_stop_cancels_a_download_that_still_flows(jars: JarCache, maven: MavenServer) -> None:
    jar, stop = maven.add("g:a:1", BIG), threading.Event()
    maven.plan[jar.path] = ["stall"]

    def cancel() -> None:
        maven.half_sent.wait(30)
        stop.set()
        maven.go_on.set()

    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(CancelledError):
        jars.fetch([jar], maven.base, silent, stop)
    assert not jars.has(jar)


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(jars: JarCache, maven: MavenServer) -> None:
    jar = Jar("g:a:1", "0" * 64, 10**18)
    with pytest.raises(LakehouseError, match=r"needs 1000000000000 MB more and its disk has \d+ MB free"):
        fetch(jars, maven, jar)
    assert maven.requests == []


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, maven: MavenServer) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakehouseError, match=r"cannot be written .*LAKEHOUSE_CACHE"):
        fetch(JarCache(tmp_path / "file" / "jars"), maven, maven.add("g:a:1", BIG))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(LakehouseError, match="is full: free some space"),
        disk_errors(tmp_path),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_the_repository_can_be_changed_by_the_environment() -> None:
    assert repository({"LAKEHOUSE_MAVEN": "http://127.0.0.1:99/m2/"}) == "http://127.0.0.1:99/m2"
    assert repository({}).startswith("https://")


@pytest.mark.parametrize("name", ["kafka", "s3proxy", "flink-iceberg-1.7.0", "flink-iceberg-1.10.0"])
def test_the_locks_are_whole(name: str) -> None:
    text = (resource("jars") / f"{name}.json").read_text()
    jars = load_lock(resource("jars") / f"{name}.json")
    assert "://" not in text
    assert len(jars) > 15
    assert all(len(jar.sha256) == 64 and jar.size > 100 and jar.coordinate.count(":") in (2, 3) for jar in jars)
    names = [Path(jar.path).name for jar in jars]
    assert len(set(names)) == len(names), "the file names of a set go into one folder"


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    tick, left = threading.Event(), timeout_s
    while not condition():
        tick.wait(0.01)
        left -= 0.01
        assert left > 0
