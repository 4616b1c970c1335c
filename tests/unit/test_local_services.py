"""What is written for each service, and what is believed of its answers."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import ServiceState
from tui.settings import Settings
from tui.stack.java import JavaHome
from tui.stack.local import flink, kafka, readiness, s3
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.status import Prober, restart_count
from tui.stack.local.supervision import ProgramState, State
from tui.stack.provision import Provisioned

KEYS = Credentials("key<&>", "secret&<word>", "password")
INTERNAL = {"kafka_controller": 20_001, "jobmanager_rpc": 20_002}


@dataclass(frozen=True)
class Home:
    settings: Settings
    layout: Layout
    provisioned: Provisioned

    def write_flink(self) -> dict[str, object]:
        flink.prepare(self.settings, self.layout, self.provisioned, KEYS, INTERNAL)
        lines = (self.layout.flink_home / "conf" / "config.yaml").read_text().splitlines()
        return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    settings = Settings(home=tmp_path / "home", cache=tmp_path / "cache", flink_port=20_003, s3_port=20_004)
    layout = Layout(settings.home)
    layout.create()
    pyflink = tmp_path / "pyflink"
    for name in ("lib/flink-dist-1.19.3.jar", "lib/log4j-core.jar", "conf/log4j-cli.properties"):
        (pyflink / name).parent.mkdir(parents=True, exist_ok=True)
        (pyflink / name).write_text("")
    (pyflink / "conf" / "log4j-session.properties").write_text("")
    (pyflink / "conf" / "config.yaml").write_text(
        "env:\n  java:\n    opts:\n      all: --add-opens=a --add-exports=b\n"
    )
    extra = tmp_path / "iceberg-core.jar"
    extra.write_text("")
    provisioned = Provisioned(
        java=JavaHome(tmp_path / "jdk", "17", "PATH"),
        kafka_jars=(tmp_path / "kafka.jar",),
        s3proxy_jars=(tmp_path / "s3proxy.jar",),
        flink_extra_jars=(extra,),
        flink_python=tmp_path / "python",
        pyflink=pyflink,
        minio=None,
    )
    return Home(settings, layout, provisioned)


@contextmanager
def serving(answer: Callable[[str], tuple[int, bytes]]) -> Iterator[int]:
    """A real HTTP server on a free port that answers each path with (status, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is the base class's

        def log_message(self, *args: object) -> None:
            """Nothing on stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and never answers, as a frozen process does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_flink_binds_to_loopback_and_keeps_its_checkpoints_in_the_home(home: Home) -> None:
    config = home.write_flink()
    addresses = {k: v for k, v in config.items() if re.search(r"(bind-host|bind-address|[.]host|address)$", k)}
    assert len(addresses) >= 5
    assert set(addresses.values()) == {"127.0.0.1"}
    assert config["rest.port"] == 20_003
    assert config["jobmanager.rpc.port"] == 20_002
    assert config["state.checkpoints.dir"] == f"file://{home.layout.data}/flink/checkpoints"
    assert config["execution.checkpointing.interval"] == "60 s"
    assert config["execution.checkpointing.unaligned.enabled"] is False
    assert config["taskmanager.numberOfTaskSlots"] == 4
    assert config["env.java.opts.all"] == "--add-opens=a --add-exports=b"


def test_flink_home_links_the_jars_and_forgets_the_old_ones(home: Home) -> None:
    home.write_flink()
    stale = home.layout.flink_home / "lib" / "extra" / "old.jar"
    stale.symlink_to(home.provisioned.flink_extra_jars[0])
    home.write_flink()
    links = {p.name for p in (home.layout.flink_home / "lib").rglob("*.jar")}
    assert links == {"flink-dist-1.19.3.jar", "log4j-core.jar", "iceberg-core.jar"}


def test_flink_processes_run_java_on_the_linked_jars(home: Home) -> None:
    home.write_flink()
    for spec in (flink.jobmanager(home.layout, home.provisioned), flink.taskmanager(home.layout, home.provisioned)):
        arguments = (home.layout.conf / f"{spec.name}.args").read_text()
        assert spec.argv[:2] == (str(home.provisioned.java.home / "bin/java"), f"@{home.layout.conf / spec.name}.args")
        assert "iceberg-core.jar" in arguments
        assert arguments.index("flink-dist") > arguments.index("log4j-core.jar")
        assert '"--add-opens=a"\n"--add-exports=b"' in arguments
        assert spec.env["HADOOP_CONF_DIR"] == str(home.layout.flink_home / "conf")


def test_core_site_holds_the_keys_for_the_owner_only(home: Home) -> None:
    home.write_flink()
    path = home.layout.flink_home / "conf" / "core-site.xml"
    values = {p.findtext("name"): p.findtext("value") for p in ET.parse(path).getroot()}
    assert values["fs.s3a.secret.key"] == KEYS.s3_secret_key
    assert values["fs.s3a.access.key"] == KEYS.s3_access_key
    assert values["fs.s3a.endpoint"] == "http://127.0.0.1:20004"
    assert path.stat().st_mode & 0o077 == 0


def test_a_pyflink_without_java_options_is_refused(home: Home) -> None:
    (home.provisioned.pyflink / "conf" / "config.yaml").write_text("env: {}\n")
    with pytest.raises(LakehouseError, match=r"lacks env\.java\.opts\.all"):
        home.write_flink()


def test_kafka_listens_on_loopback_and_is_formatted_once(home: Home) -> None:
    kafka.spec(home.settings, home.layout, home.provisioned, INTERNAL)
    meta = home.layout.data / "kafka" / "log" / "meta.properties"
    first = meta.read_text()
    kafka.spec(home.settings, home.layout, home.provisioned, INTERNAL)
    assert meta.read_text() == first
    assert re.search(r"^cluster\.id=[\w][\w-]{21}$", first, re.MULTILINE)
    properties = (home.layout.conf / "kafka.properties").read_text()
    assert "listeners=CLIENT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20001\n" in properties
    assert "auto.create.topics.enable=false\n" in properties


def test_what_a_killed_broker_left_goes_at_the_next_start(home: Home) -> None:
    argv = kafka.spec(home.settings, home.layout, home.provisioned, INTERNAL).argv
    temporary = home.layout.data / "kafka" / "tmp"
    assert f'"-Djava.io.tmpdir={temporary}"' in Path(argv[1].removeprefix("@")).read_text()
    (temporary / "liblz4-java-1.so").write_bytes(b"")
    kafka.spec(home.settings, home.layout, home.provisioned, INTERNAL)
    assert list(temporary.iterdir()) == []


def test_s3_servers_get_their_secret_by_file(home: Home, tmp_path: Path) -> None:
    proxy = s3.spec(home.settings, home.layout, home.provisioned, KEYS)
    assert f"s3proxy.credential={KEYS.s3_secret_key}\n" in (home.layout.conf / "s3proxy.properties").read_text()
    wanted = replace(home.settings, s3="minio")
    with pytest.raises(LakehouseError, match="no MinIO binary"):
        s3.spec(wanted, home.layout, home.provisioned, KEYS)
    minio = s3.spec(wanted, home.layout, replace(home.provisioned, minio=tmp_path / "minio"), KEYS)
    assert Path(minio.env["MINIO_ROOT_PASSWORD_FILE"]).read_text() == KEYS.s3_secret_key
    assert "127.0.0.1:9001" in minio.argv
    for spec in (proxy, minio):
        assert KEYS.s3_secret_key not in " ".join([*spec.argv, *spec.env.values()])


def test_tables_are_private_again_when_they_were_copied_without_their_modes(home: Home, tmp_path: Path) -> None:
    """S3Proxy gives a file to anybody, unsigned, when its mode lets others read it."""
    s3.spec(home.settings, home.layout, home.provisioned, KEYS)
    bucket = home.layout.data / "s3" / "s3proxy" / "warehouse"
    (bucket / "iceberg").mkdir(parents=True)
    (bucket / "iceberg" / "a.parquet").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    (bucket / "link").symlink_to(elsewhere)
    for path in (bucket, bucket / "iceberg", bucket / "iceberg" / "a.parquet", elsewhere):
        path.chmod(0o755 if path.is_dir() else 0o644)
    s3.spec(home.settings, home.layout, home.provisioned, KEYS)
    assert [p.stat().st_mode & 0o777 for p in (bucket, bucket / "iceberg")] == [0o700, 0o700]
    assert (bucket / "iceberg" / "a.parquet").stat().st_mode & 0o777 == 0o600
    assert elsewhere.stat().st_mode & 0o777 == 0o644


def test_tables_of_one_s3_server_are_not_served_by_the_other(home: Home, tmp_path: Path) -> None:
    s3.spec(home.settings, home.layout, home.provisioned, KEYS)
    (home.layout.data / "s3" / "s3proxy" / "warehouse").mkdir()
    wanted = replace(home.settings, s3="minio")
    with pytest.raises(LakehouseError, match="holds data of s3proxy; start it with `--s3 s3proxy`"):
        s3.spec(wanted, home.layout, replace(home.provisioned, minio=tmp_path / "minio"), KEYS)


def test_probes_name_what_is_wrong(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"nothing answers on port {port}"):
        readiness.http_json(port, "/overview", 0.5)
    with silent_server() as port, pytest.raises(UnavailableError, match=r"no answer on port \d+ within 0\.2 s"):
        readiness.http_json(port, "/overview", 0.2)
    with silent_server() as port, pytest.raises(UnavailableError, match="no answer to a metadata request"):
        kafka.probe(replace(home.settings, kafka_port=port), 0.2)
    for answer in ((503, b"{}"), (200, b"<html>"), (200, b"[]")):
        with serving(lambda _, a=answer: a) as port, pytest.raises(UnavailableError, match="no usable answer"):
            readiness.http_json(port, "/overview", 2)
    with serving(lambda _: (403, b"")) as port, pytest.raises(UnavailableError, match="answers HTTP 403"):
        s3.probe(replace(home.settings, s3_port=port), KEYS, 2)
    with serving(lambda _: (404, b"")) as port:
        assert s3.probe(replace(home.settings, s3_port=port), KEYS, 2) == "bucket warehouse does not exist"


def test_a_topic_that_is_not_made_in_time_is_unavailable(home: Home) -> None:
    late = r"topic trades was not made within 0\.3 s|Topic trades cannot be made: .*imed out"  # whose clock is first
    with silent_server() as port, pytest.raises(UnavailableError, match=late):
        kafka.ensure_topic(replace(home.settings, kafka_port=port), 0.3)
    with pytest.raises(UnavailableError, match=late):
        kafka.ensure_topic(replace(home.settings, kafka_port=port), 0.3)


def test_only_this_taskmanager_process_counts(home: Home) -> None:
    body = json.dumps({"taskmanagers": [{"id": "local-7", "slotsNumber": 4, "freeSlots": 1}]}).encode()
    with serving(lambda _: (200, body)) as port:
        settings = replace(home.settings, flink_port=port)
        assert flink.probe_taskmanager(settings, 7, 2) == "1 of 4 slots free"
        with pytest.raises(UnavailableError, match="not registered"):
            flink.probe_taskmanager(settings, 8, 2)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.STOPPED, ServiceState.STOPPED),
        (State.BACKOFF, ServiceState.BACKOFF),
        (State.EXITED, ServiceState.FAILED),
        (State.FATAL, ServiceState.FAILED),
        (State.UNKNOWN, ServiceState.UNKNOWN),
    ],
)
def test_states_without_a_process(home: Home, state: State, expected: ServiceState) -> None:
    program = ProgramState("s3", state, None, 0, "why")
    found = {s.name: s for s in Prober(home.settings, home.layout, KEYS).services({"s3": program})}
    assert (found["s3"].state, found["s3"].detail) == (expected, "why")
    assert found["kafka"].state is ServiceState.STOPPED


def test_starting_becomes_ready_and_then_unhealthy(home: Home) -> None:
    program = {"jobmanager": ProgramState("jobmanager", State.RUNNING, 42, 1, "")}
    answers = iter([(503, b""), (200, b'{"flink-version": "1.19.3"}'), (503, b"")])
    with serving(lambda _: next(answers)) as port:
        prober = Prober(replace(home.settings, flink_port=port), home.layout, KEYS)
        states = [prober.services(program)[2].state for _ in range(3)]
    assert states == [ServiceState.STARTING, ServiceState.READY, ServiceState.UNHEALTHY]


def test_a_service_that_never_gets_ready_is_unhealthy(home: Home) -> None:
    program = {"jobmanager": ProgramState("jobmanager", State.RUNNING, 42, 1000, "")}
    with serving(lambda _: (503, b"")) as port:
        prober = Prober(replace(home.settings, flink_port=port), home.layout, KEYS)
        assert prober.services(program)[2].state is ServiceState.UNHEALTHY


def test_restarts_count_starts_after_the_first(home: Home) -> None:
    assert restart_count(home.layout, "kafka") is None
    starts = home.layout.run / "kafka.starts"
    starts.write_text("a 1\n")
    assert restart_count(home.layout, "kafka") == 0
    starts.write_text("a 1\nb 2\nc 3\n")
    assert restart_count(home.layout, "kafka") == 2
