"""What the Flink screen asks of the REST interface: recorded answers of Flink 1.19.3, and every kind of broken one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.flink_server import BROKEN, Flink, recorded, spoiled
from tui.clients import flink_detail_parse as parse
from tui.clients.flink_detail import FlinkDetailClient
from tui.model.access import FlinkAccess
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.flink_detail import ConfigEntry, JobGraph

JOB = "ccf68ad35138be3d81aa34a2587f0848"
SOURCE = "cbc357ccb763df2852fee8c4fc7d55f2"
BEHIND = "62d01a33e5d334d74a65e4fa25ca21ae"
MANAGER = recorded("lakehouse_taskmanagers")["taskmanagers"][0]["id"]
CHECKPOINT = recorded("lakehouse_checkpoint")["id"]


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


@pytest.fixture
def lakehouse(flink: Flink) -> Flink:
    """A cluster with the lakehouse's own job, as recorded."""
    job = f"/jobs/{JOB}"
    flink.on(job, recorded("lakehouse_job"))
    flink.on(f"{job}/config", recorded("lakehouse_job_config"))
    flink.on(f"{job}/checkpoints/config", recorded("lakehouse_checkpoints_config"))
    flink.on(f"{job}/exceptions", recorded("exceptions_failed"))
    flink.on("/jobmanager/config", recorded("lakehouse_jobmanager_config"))
    for vertex, metrics in ((SOURCE, "lakehouse_metrics_source"), (BEHIND, "lakehouse_metrics_behind")):
        flink.on(f"{job}/vertices/{vertex}", recorded("lakehouse_vertex_source"))
        flink.on(f"{job}/vertices/{vertex}/subtasks/metrics", recorded("lakehouse_metric_ids_source"))
        flink.on(f"{job}/vertices/{vertex}/metrics", recorded(metrics))
    detail = f"{job}/checkpoints/details/{CHECKPOINT}"
    flink.on(detail, recorded("lakehouse_checkpoint"))
    for vertex in recorded("lakehouse_checkpoint")["tasks"]:
        flink.on(f"{detail}/subtasks/{vertex}", recorded("lakehouse_checkpoint_source"))
    flink.on("/taskmanagers", recorded("lakehouse_taskmanagers"))
    flink.on(f"/taskmanagers/{MANAGER}", recorded("lakehouse_taskmanager"))
    flink.on(f"/taskmanagers/{MANAGER}/metrics", recorded("lakehouse_taskmanager_metrics"))
    return flink


def client(flink: Flink) -> FlinkDetailClient:
    return FlinkDetailClient(FlinkAccess(flink.url))


# --- the graph


def test_the_graph_has_every_stream_and_how_it_is_shared_out(lakehouse: Flink) -> None:
    graph = client(lakehouse).graph(JOB)
    assert len(graph.nodes) == len(graph.edges) == 8
    assert graph.sources() == {SOURCE}
    ways = {(edge.source, edge.target): edge.ship_strategy for edge in graph.edges}
    assert ways[SOURCE, BEHIND] == "HASH"
    assert sorted(ways.values()) == ["FORWARD", "FORWARD", "HASH", "HASH", "HASH", *["REBALANCE"] * 3]


def test_the_graph_is_asked_for_once(lakehouse: Flink) -> None:
    reader = client(lakehouse)
    assert reader.graph(JOB) is reader.graph(JOB)
    assert len(lakehouse.asked) == 1


def test_the_graph_tells_operators_as_lines_of_plain_text(lakehouse: Flink) -> None:
    node = next(node for node in client(lakehouse).graph(JOB).nodes if node.id == BEHIND)
    assert node.name.startswith("OverAggregate[10] -> Calc[11]")
    assert node.description.splitlines()[0].startswith("[10]:OverAggregate(partitionBy=[kafka_partition]")
    assert "(ts >= ($9 - 3605000))" in node.description
    assert "<br/>" not in node.description


def test_watermarks_behind_a_mini_batch_by_the_clock_are_no_event_time(lakehouse: Flink) -> None:
    graph = client(lakehouse).graph(JOB)
    assert graph.clocked() == {node.id for node in graph.nodes} - {SOURCE}
    assert parse.graph(recorded("job_running")).clocked() == frozenset()


def plan(nodes: dict[str, list[str]]) -> JobGraph:
    """A graph out of vertex → the vertices it reads from."""
    listed = [
        {"id": name, "parallelism": 1, "inputs": [{"id": i, "ship_strategy": "HASH"} for i in inputs]}
        for name, inputs in nodes.items()
    ]
    vertices = [{"id": name, "name": name} for name in nodes]
    return parse.graph({"jid": JOB, "vertices": vertices, "plan": {"nodes": listed}})


@pytest.mark.parametrize(
    ("nodes", "order"),
    [
        ({"c": ["b"], "b": ["a"], "a": []}, "abc"),
        ({"b": [], "a": [], "c": ["a", "b"]}, "bac"),
        ({"a": [], "b": ["a", "c"], "c": ["b"]}, "abc"),  # a loop
        ({"a": ["a"]}, "a"),
        ({"a": ["gone"]}, "a"),
        ({}, ""),
    ],
)
def test_edges_point_forward_unless_there_is_a_loop(nodes: dict[str, list[str]], order: str) -> None:
    graph = plan(nodes)
    assert "".join(node.id for node in graph.nodes) == order
    assert all(edge.source in nodes for edge in graph.edges)


# --- subtasks


def test_the_subtasks_of_the_source(lakehouse: Flink) -> None:
    idle, busy = client(lakehouse).subtasks(JOB, SOURCE)
    assert (idle.index, idle.attempt, idle.status, idle.taskmanager) == (0, 0, "RUNNING", MANAGER)
    assert (idle.write_records, idle.out_rate, idle.idle_ratio, idle.watermark_ms) == (0, 0.0, 1.0, None)
    assert (busy.busy_ratio, busy.backpressured_ratio, busy.idle_ratio) == (0.011, 0.0, 0.989)
    assert (busy.out_rate, busy.watermark_ms) == (50.0, 1_795_538_231_979)
    assert busy.host is not None
    assert busy.host.startswith("localhost:")


def test_subtasks_behind_the_mini_batch_have_no_watermark(lakehouse: Flink) -> None:
    subtasks = client(lakehouse).subtasks(JOB, BEHIND)
    assert [subtask.watermark_ms for subtask in subtasks] == [None, None]
    assert sum(subtask.in_rate or 0 for subtask in subtasks) == pytest.approx(50, abs=1)


def test_subtasks_that_have_not_reported_are_unknown(lakehouse: Flink) -> None:
    lakehouse.on(f"/jobs/{JOB}/vertices/{SOURCE}/metrics", [])
    lakehouse.on(f"/jobs/{JOB}/vertices/{SOURCE}/subtasks/metrics", [])
    waiting = recorded("lakehouse_vertex_source")
    waiting["subtasks"][0].update(
        {"status": "SCHEDULED", "start-time": -1, "duration": -1, "endpoint": "(unassigned)", "host": "(unassigned)"}
    )
    waiting["subtasks"][0]["taskmanager-id"] = "(unassigned)"
    waiting["subtasks"][0]["metrics"]["read-records-complete"] = False
    lakehouse.on(f"/jobs/{JOB}/vertices/{SOURCE}", waiting)
    subtask = client(lakehouse).subtasks(JOB, SOURCE)[0]
    unknown = {field.name for field in fields(subtask) if getattr(subtask, field.name) is None}
    assert unknown == {
        *("host", "taskmanager", "started_at", "duration_ms", "read_records"),
        *("in_rate", "out_rate", "busy_ratio", "backpressured_ratio", "idle_ratio", "watermark_ms"),
    }


# --- checkpoints


def test_a_checkpoint_by_vertex(lakehouse: Flink) -> None:
    detail = client(lakehouse).checkpoint(JOB, CHECKPOINT)
    assert (detail.checkpoint.id, detail.checkpoint.status, detail.kind) == (CHECKPOINT, "COMPLETED", "CHECKPOINT")
    assert (detail.acknowledged, detail.subtasks, len(detail.vertices)) == (13, 13, 8)
    assert sum(vertex.size_bytes or 0 for vertex in detail.vertices) == detail.checkpoint.size_bytes
    source = next(vertex for vertex in detail.vertices if vertex.vertex_id == SOURCE)
    assert (source.acknowledged, source.subtasks, source.status) == (2, 2, "COMPLETED")
    slowest = recorded("lakehouse_checkpoint_source")["summary"]
    assert source.sync_ms == slowest["checkpoint_duration"]["sync"]["max"]
    assert source.async_ms == slowest["checkpoint_duration"]["async"]["max"]
    assert source.start_delay_ms == slowest["start_delay"]["max"]
    assert source.alignment_ms == 0


def test_a_vertex_whose_times_are_gone_or_unknown_keeps_the_rest(lakehouse: Flink) -> None:
    path = f"/jobs/{JOB}/checkpoints/details/{CHECKPOINT}/subtasks"
    unknown = recorded("lakehouse_checkpoint_source")
    unknown["summary"]["alignment"]["duration"]["max"] = -1
    lakehouse.on(f"{path}/{SOURCE}", unknown).on(f"{path}/{BEHIND}", (404, b'{"errors":["gone"]}'))
    found = {vertex.vertex_id: vertex for vertex in client(lakehouse).checkpoint(JOB, CHECKPOINT).vertices}
    assert found[SOURCE].alignment_ms is None
    assert (found[BEHIND].sync_ms, found[BEHIND].acknowledged) == (None, 2)


def test_a_checkpoint_that_flink_no_longer_keeps_is_said_so(lakehouse: Flink) -> None:
    with pytest.raises(NotFoundError, match="keeps no details of checkpoint 999 any more: choose a newer one"):
        client(lakehouse).checkpoint(JOB, 999)


def test_exceptions_come_through(lakehouse: Flink) -> None:
    (entry,) = client(lakehouse).exceptions(JOB)
    assert "\n" in entry.trace


# --- configuration


def test_configuration_of_job_checkpoints_and_cluster(lakehouse: Flink) -> None:
    job, checkpoints, cluster = client(lakehouse).configuration(JOB)
    assert ConfigEntry("job-parallelism", "2") in job.entries
    assert ConfigEntry("unaligned_checkpoints", "false") in checkpoints.entries
    assert ConfigEntry("externalization.enabled", "true") in checkpoints.entries
    assert ConfigEntry("taskmanager.numberOfTaskSlots", "4") in cluster.entries
    keys = [entry.key for entry in cluster.entries]
    assert keys == sorted(keys)
    assert not any(entry.masked for section in (job, checkpoints, cluster) for entry in section.entries)


def test_configuration_without_a_job_or_without_checkpoints(lakehouse: Flink) -> None:
    assert [section.title for section in client(lakehouse).configuration(None)] == ["cluster"]
    lakehouse.on(f"/jobs/{JOB}/checkpoints/config", (404, b'{"errors":["Checkpointing has not been enabled."]}'))
    assert [section.title for section in client(lakehouse).configuration(JOB)] == ["job", "cluster"]


@pytest.mark.parametrize(
    "key",
    [
        "fs.s3a.secret.key",
        "fs.s3a.access.key",
        "s3.access-key",
        "s3.secretAccessKey",
        "fs.azure.account.key.store.blob.core.windows.net",
        "security.ssl.internal.keystore-password",
        "security.ssl.rest.key-password",
        "metrics.reporter.dghttp.apikey",
        "fs.s3a.session.token",
        "security.delegation.token.provider.x",
        "security.kerberos.jaas",
        "properties.sasl.jaas.config",
        "aws.credentials",
        "hadoop.security.credential.provider.path",
        "rest.basic-auth",
        "fs.s3a.server-side-encryption.key",
        "CLIENT_SECRET",
        "my.passphrase",
    ],
)
def test_a_value_whose_key_smells_of_a_secret_is_hidden(key: str) -> None:
    (entry,) = parse.cluster_config([{"key": key, "value": "hunter2"}])
    assert entry == ConfigEntry(key, parse.HIDDEN, masked=True)
    (nested,) = parse.job_config({"execution-config": {"user-config": {key: "hunter2"}}})
    assert "hunter2" not in repr(nested)


@pytest.mark.parametrize(
    "value",
    [
        "-Xmx1g -Dfs.s3a.secret.key=hunter2 -Dx=y",
        "-Djavax.net.ssl.keyStorePassword='hunter2'",
        "https://user:hunter2@host/path",
        "https://hunter2@host/path",
        "s3a://AK:hunter2/hunter2@bucket/x",
        'org.apache.PlainLoginModule required username="u" password="hunter2";',
        '{"token": "hunter2", "other": 1}',
        "jdbc:postgresql://db/x?user=u&password=hunter2&ssl=true",
        "https://store/x?sv=2024&sig=hunter2",
        "Authorization: Bearer hunter2",
        "secret_key: hunter2",
    ],
)
def test_a_secret_within_another_value_is_hidden(value: str) -> None:
    (entry,) = parse.cluster_config([{"key": "env.java.opts.all", "value": value}])
    assert "hunter2" not in entry.value
    assert parse.HIDDEN in entry.value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("security.delegation.tokens.enabled", "true"),
        ("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"),
        ("state.checkpoints.dir", "file:///lakehouse/data/flink/checkpoints"),
        ("taskmanager.memory.managed.size", "128m"),
        ("env.java.opts.all", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
        ("pipeline.name", "kafka_to_iceberg"),
        ("key.fields-prefix", "x"),
    ],
)
def test_what_is_no_secret_is_shown(key: str, value: str) -> None:
    assert parse.cluster_config([{"key": key, "value": value}]) == (ConfigEntry(key, value),)


def test_what_flink_hides_itself_counts_as_hidden() -> None:
    (entry,) = parse.cluster_config([{"key": "anything", "value": "******"}])
    assert entry.masked


# --- TaskManagers


def test_taskmanagers_with_slots_and_memory(lakehouse: Flink) -> None:
    (manager,) = client(lakehouse).taskmanagers()
    assert (manager.id, manager.slots_total, manager.slots_free) == (MANAGER, 4, 2)
    assert manager.address.startswith("127.0.0.1:")
    assert (manager.heap_max, manager.managed_total, manager.network_total) == (671_088_640, 134_217_728, 100_663_296)
    assert manager.heap_used is not None
    assert 0 < manager.heap_used < 671_088_640
    assert (manager.managed_used, manager.metaspace_max, manager.physical_bytes) == (0, 335_544_320, 16 * 1024**3)
    assert manager.cpu_load is not None
    assert 0 < manager.cpu_load < 1
    assert manager.threads is not None
    assert manager.last_heartbeat_at is not None
    assert manager.last_heartbeat_at.year == 2026


def test_a_taskmanager_that_has_not_reported_or_has_gone(lakehouse: Flink) -> None:
    new = recorded("lakehouse_taskmanager")
    del new["metrics"]
    new["timeSinceLastHeartbeat"] = 0
    lakehouse.on(f"/taskmanagers/{MANAGER}", new).on(f"/taskmanagers/{MANAGER}/metrics", [])
    gone = {**recorded("lakehouse_taskmanagers")["taskmanagers"][0], "id": "gone"}
    lakehouse.on("/taskmanagers", {"taskmanagers": [gone, recorded("lakehouse_taskmanagers")["taskmanagers"][0]]})
    (manager,) = client(lakehouse).taskmanagers()
    unknown = (manager.heap_used, manager.network_used, manager.threads, manager.cpu_load, manager.last_heartbeat_at)
    assert unknown == (None,) * 5
    assert manager.managed_total == 134_217_728


def test_no_taskmanagers(flink: Flink) -> None:
    flink.on("/taskmanagers", {"taskmanagers": []})
    assert client(flink).taskmanagers() == ()


# --- answers that are not what they should be

READS: dict[str, Callable[[FlinkDetailClient], object]] = {
    "graph": lambda c: c.graph(JOB),
    "subtasks": lambda c: c.subtasks(JOB, SOURCE),
    "checkpoint": lambda c: c.checkpoint(JOB, CHECKPOINT),
    "exceptions": lambda c: c.exceptions(JOB),
    "configuration": lambda c: c.configuration(JOB),
    "taskmanagers": lambda c: c.taskmanagers(),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_is_one_sentence(lakehouse: Flink, read: str, broken: str) -> None:
    for path in [urlsplit(path).path for _, path in lakehouse.answers]:
        lakehouse.on(path, BROKEN[broken])
    with pytest.raises(UnavailableError) as raised:
        READS[read](client(lakehouse))
    assert str(raised.value).startswith("Flink")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("read", READS)
def test_an_unknown_job_or_a_silent_server_is_said_so(flink: Flink, read: str) -> None:
    with pytest.raises(NotFoundError):
        READS[read](client(flink))
    for path in (f"/jobs/{JOB}", "/taskmanagers", f"/jobs/{JOB}/exceptions", f"/jobs/{JOB}/config"):
        flink.on(path, flink.hang)
    for path in (f"/jobs/{JOB}/vertices/{SOURCE}", f"/jobs/{JOB}/checkpoints/details/{CHECKPOINT}"):
        flink.on(path, flink.hang)
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.2 s"):
        READS[read](FlinkDetailClient(FlinkAccess(flink.url), timeout_s=0.2))


def test_every_field_a_parser_needs_may_be_missing_or_wrong() -> None:
    small = recorded("lakehouse_job")
    small["plan"]["nodes"] = small["plan"]["nodes"][:2]
    small["vertices"] = small["vertices"][:2]
    vertex = parse.checkpoint_detail(recorded("lakehouse_checkpoint")).vertices[0]
    answers: list[tuple[Callable[[Any], object], Any]] = [
        (parse.graph, small),
        (parse.subtasks, recorded("lakehouse_vertex_source")),
        (parse.checkpoint_detail, recorded("lakehouse_checkpoint")),
        (lambda answer: parse.timed(vertex, answer), recorded("lakehouse_checkpoint_source")),
        (parse.job_config, recorded("lakehouse_job_config")),
        (parse.checkpoint_config, recorded("lakehouse_checkpoints_config")),
        (parse.cluster_config, recorded("lakehouse_jobmanager_config")[:3]),
        (parse.taskmanager_ids, recorded("lakehouse_taskmanagers")),
        (lambda answer: parse.taskmanager(answer, {}), recorded("lakehouse_taskmanager")),
    ]
    refused = 0
    for run, answer in answers:
        for spoil in spoiled(answer):
            try:
                run(spoil)
            except UnavailableError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 100
