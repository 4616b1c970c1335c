"""Flink's REST client against a real HTTP server: recorded answers of Flink 1.19.3, and every kind of broken one."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.flink_server import BROKEN, PAYLOADS, Flink, dropped, recorded, spoiled, truncated
from tui.clients import flink_parse as parse
from tui.clients.flink import FlinkClient
from tui.clients.flink_facts import NAMES_S, JobFacts
from tui.clients.flink_facts import values as facts_values
from tui.clients.flink_rest import FlinkRest
from tui.model.access import FlinkAccess
from tui.model.errors import LakehouseError, NotFoundError, UnavailableError

JOB = "4107ac9ecfc1a7dfabccf3afdb38c791"
SOURCE = "e3dfc0d7e9ecd8a43f85f0b68ebf3b80"
WINDOW = "20b81e6244c17841eed51aec83fb46b4"
LAKEHOUSE = "ccf68ad35138be3d81aa34a2587f0848"
LAKEHOUSE_SOURCE = "cbc357ccb763df2852fee8c4fc7d55f2"


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


def source_metrics(*watermarks: str, idle_ms: tuple[int, ...] = (0, 0)) -> list[dict[str, str]]:
    """What the subtasks of the recorded source say about their watermarks."""
    found = []
    for index, (watermark, idle) in enumerate(zip(watermarks, idle_ms, strict=True)):
        operator = f"{index}.Source__trades[1]"
        found.append({"id": f"{operator}.currentOutputWatermark", "value": watermark})
        found.append({"id": f"{operator}.sourceIdleTime", "value": str(idle)})
        found.append({"id": f"{operator}.watermarkLag", "value": str(5000 + index)})
    return found


@pytest.fixture
def running(flink: Flink) -> Flink:
    """A cluster with the recorded job."""
    job = f"/jobs/{JOB}"
    arriving = [{"id": "currentInputWatermark", "min": 1.795457323652e12, "max": 1.795457323700e12}]
    flink.on("/overview", recorded("overview"))
    line = {**recorded("jobs_overview")["jobs"][0], "jid": JOB, "state": "RUNNING", "end-time": -1}
    line["tasks"] = {**line["tasks"], "total": 4, "running": 4}
    flink.on("/jobs/overview", {"jobs": [line]})
    flink.on(job, recorded("job_running"))
    flink.on(f"{job}/checkpoints", recorded("checkpoints"))
    flink.on(f"{job}/checkpoints/config", recorded("checkpoints_config"))
    flink.on(f"{job}/exceptions", recorded("exceptions_none"))
    for vertex, name in ((SOURCE, "source"), (WINDOW, "window")):
        metrics = f"{job}/vertices/{vertex}/subtasks/metrics"
        flink.on(metrics, recorded(f"metric_ids_{name}"))
        names = parse.TASK_METRICS if name == "source" else (*parse.TASK_METRICS, parse.INPUT_WATERMARK)
        flink.on(
            f"{metrics}?get={'%2C'.join(names)}&agg=max%2Csum%2Cmin",
            [*recorded(f"metrics_{name}"), *arriving],
        )
    flink.on(f"{job}/metrics", [{"id": "numRestarts", "value": "2"}])
    flink.on(f"{job}/vertices/{SOURCE}/metrics", source_metrics("1795457324652", "1795457323652"))
    return flink


def client(flink: Flink, timeout_s: float = 5.0) -> FlinkClient:
    return FlinkClient(FlinkAccess(flink.url), "trades", timeout_s)


# --- what it reads


def test_the_cluster(running: Flink) -> None:
    cluster = client(running).cluster()
    assert (cluster.version, cluster.taskmanagers, cluster.slots_total, cluster.slots_available) == ("1.19.3", 1, 4, 2)


def test_jobs_come_newest_first_with_their_states(flink: Flink) -> None:
    flink.on("/jobs/overview", recorded("jobs_overview"))
    jobs = client(flink).jobs()
    assert [job.state for job in jobs] == ["CANCELED", "FINISHED", "FAILED", "FAILED", "FINISHED"]
    assert [job.started_at for job in jobs] == sorted((job.started_at for job in jobs), reverse=True)
    assert not any(job.active for job in jobs)
    assert jobs[0].ended_at is not None


def test_a_job_with_rates_watermark_and_checkpoints(running: Flink) -> None:
    job = client(running).job(JOB)
    assert (job.summary.name, job.summary.state, job.summary.active) == ("recording", "RUNNING", True)
    assert (job.summary.tasks_total, job.summary.tasks_running) == (4, 4)
    assert job.summary.started_at == datetime(2026, 11, 23, 18, 3, 28, 560_000, UTC)
    assert job.summary.ended_at is None
    source, window = job.vertices
    assert source.name.startswith("Source: trades")
    assert (source.busy_ratio, source.backpressured_ratio, source.watermark_ms) == (0.033, 0.0, 1_795_457_323_652)
    assert (job.watermark_ms, job.watermark_lag_ms, job.restarts) == (1_795_457_323_652, 5001, 2)
    assert job.running_since == datetime(2026, 11, 23, 18, 3, 30, 292_000, UTC)
    assert source.out_rate == pytest.approx(200.017, abs=0.001)
    assert (window.read_records, window.watermark_ms) == (107_290, 1_795_457_323_652)
    assert window.in_rate == pytest.approx(200, abs=2)
    assert job.checkpoints.completed == 34
    assert job.checkpoints.interval_ms == 10_000
    last = job.checkpoints.last_completed
    assert last is not None
    assert (last.id, last.duration_ms, last.size_bytes, last.is_savepoint) == (34, 30, 9434, False)
    assert last.completed_at == datetime(2026, 11, 23, 18, 8, 47, 425_000, UTC)


def test_a_discarded_checkpoint_has_no_path_any_more() -> None:
    stats = parse.checkpoints(recorded("checkpoints"), recorded("checkpoints_config"))
    discarded = [line["discarded"] for line in recorded("checkpoints")["history"]]
    assert [c.external_path is None for c in stats.history] == discarded


def test_the_restored_checkpoint_is_known() -> None:
    stats = parse.checkpoints(recorded("checkpoints_restored"), recorded("checkpoints_config"))
    assert stats.restored_id == 1
    assert parse.checkpoints(recorded("checkpoints"), {}).restored_id is None


def test_a_job_without_checkpoints_is_still_read(running: Flink) -> None:
    running.on(f"/jobs/{JOB}/checkpoints", (404, b'{"errors":["Checkpointing has not been enabled."]}'))
    assert client(running).job(JOB).checkpoints.history == ()


def test_metrics_that_are_not_there_yet_are_unknown(running: Flink) -> None:
    for vertex in (SOURCE, WINDOW):
        running.answers = {k: [[]] if f"{vertex}/" in k[1] else v for k, v in running.answers.items()}
    for vertex in client(running).job(JOB).vertices:
        assert (vertex.busy_ratio, vertex.in_rate, vertex.out_rate, vertex.watermark_ms) == (None, None, None, None)


@pytest.mark.parametrize(("behind_ms", "known"), [(0, True), (-19_000, True), (21_000, False), (-21_000, False)])
def test_metrics_that_no_longer_move_are_unknown(running: Flink, behind_ms: int, known: bool) -> None:
    """As after a TaskManager died while it was asked: the server goes on telling what it last knew."""
    answer = recorded("job_running")
    uptime = answer["now"] - answer["timestamps"]["RUNNING"] - behind_ms
    totals = [{"id": "numRestarts", "value": "2"}, {"id": "uptime", "value": str(uptime)}]
    running.on(f"/jobs/{JOB}/metrics", totals)
    path = f"/jobs/{JOB}/vertices/{SOURCE}/subtasks/metrics"
    reader = client(running)
    job = reader.job(JOB)
    rates = [v.in_rate for v in job.vertices]
    assert (job.restarts == 2, job.watermark_ms is not None, rates != [None, None]) == (known, known, known)
    assert all((v.read_records is not None) == known for v in job.vertices)
    assert job.running_since is not None
    assert job.checkpoints.completed == 34
    running.on(path, recorded("metrics_offsets"))
    assert bool(reader.read_offsets(JOB)) == known


def test_incomplete_counts_are_unknown_not_zero() -> None:
    payload = recorded("job_running")
    payload["vertices"][1]["metrics"]["read-records-complete"] = False
    _, vertices = parse.job(payload)
    assert vertices[1].read_records is None
    assert vertices[1].write_records == 0


def test_a_failed_job_is_not_asked_for_metrics(flink: Flink) -> None:
    failed = recorded("job_failed")
    path = f"/jobs/{failed['jid']}"
    flink.on(path, failed).on(f"{path}/checkpoints", recorded("checkpoints_failed_job"))
    flink.on(f"{path}/checkpoints/config", recorded("checkpoints_config"))
    job = client(flink).job(failed["jid"])
    assert job.summary.state == "FAILED"
    assert job.summary.ended_at is not None
    assert not any("vertices" in path for _, path, _ in flink.asked)


def test_exceptions_name_the_task_and_the_root_cause() -> None:
    (entry,) = parse.exceptions(recorded("exceptions_failed"))
    assert entry.name == "org.apache.flink.runtime.JobException"
    assert entry.message.endswith("Recovery is suppressed by NoRestartBackoffTimeStrategy")
    assert entry.cause == (
        "JsonParseException: Unrecognized token 'junk': was expecting "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    )


# --- offsets


def offsets_of(running: Flink) -> dict[int, int]:
    ids = sorted(parse.offset_metrics(parse.metric_ids(recorded("metric_ids_source")), "trades"))
    assert len(ids) == 3
    return client(running).read_offsets(JOB)


def test_read_offsets_are_the_next_ones_and_leave_out_the_unknown(running: Flink) -> None:
    path = f"/jobs/{JOB}/vertices/{SOURCE}/subtasks/metrics"
    running.on(path, recorded("metric_ids_source"), recorded("metrics_offsets"))
    assert offsets_of(running) == {0: 35_863, 2: 71_427}  # partition 1 was never read: -1
    assert not any(WINDOW in path for _, path, _ in running.asked)


def test_read_offsets_are_empty_before_the_source_reports(running: Flink) -> None:
    running.on(f"/jobs/{JOB}/vertices/{SOURCE}/subtasks/metrics", [])
    assert client(running).read_offsets(JOB) == {}


def test_offsets_of_another_topic_do_not_count() -> None:
    ids = ["Source__t[1].KafkaSourceReader.topic.trades-eu.partition.0.currentOffset"]
    assert parse.offset_metrics(ids, "trades") == {}
    assert parse.offset_metrics(ids, "trades-eu") == {ids[0]: 0}
    assert parse.offset_metrics(ids, "trades.eu") == {}


def test_with_two_readers_of_a_topic_the_slower_one_counts() -> None:
    metrics = {"a0": 0, "b0": 0, "a1": 1, "b1": 1, "a2": 2}
    assert parse.next_offsets(metrics, {"a0": 10.0, "b0": 7.0, "a1": 5.0, "b1": -1.0}) == {0: 8}


NEVER = str(-(2**63))


@pytest.mark.parametrize(
    ("watermarks", "idle_ms", "expected"),
    [
        ((NEVER, NEVER), (0, 0), None),
        ((NEVER, "1000"), (0, 0), None),
        (("2000", "1000"), (0, 0), (1000, 5001)),
        (("2000", "1000"), (0, 60_000), (2000, 5000)),
        (("2000", NEVER), (0, 60_000), (2000, 5000)),
        (("2000", "1000"), (60_000, 60_000), (2000, 5000)),
        ((NEVER, NEVER), (60_000, 60_000), None),
        (("soon", "1000"), (0, 0), None),
        ((), (), None),
    ],
)
def test_a_source_has_the_watermark_of_its_slowest_subtask_that_reads(
    watermarks: tuple[str, ...], idle_ms: tuple[int, ...], expected: object
) -> None:
    metrics = parse.values(source_metrics(*watermarks, idle_ms=idle_ms))
    assert parse.source_watermark(metrics, "Source__trades[1]", len(watermarks), 10_000) == expected


def test_the_watermark_behind_a_mini_batch_by_the_clock_is_not_event_time(flink: Flink) -> None:
    """The job's own plan: what arrives behind the source is the clock's time, a multiple of the mini-batch."""
    lakehouse(flink)
    job = client(flink).job(LAKEHOUSE)
    assert [vertex.watermark_ms for vertex in job.vertices] == [1_795_538_231_979, *[None] * 7]
    assert (job.watermark_ms, job.watermark_lag_ms, job.restarts) == (1_795_538_231_979, 5069, 0)
    assert job.vertices[1].in_rate == pytest.approx(50, abs=1)


def test_offsets_and_checkpoints_cost_one_request_each_once_the_job_is_known(flink: Flink) -> None:
    lakehouse(flink)
    reader = client(flink)
    for _ in range(3):
        flink.asked.clear()
        offsets, stats = reader.read_offsets(LAKEHOUSE), reader.checkpoints(LAKEHOUSE)
    assert sorted(offsets) == [0, 2]
    assert stats.interval_ms == 60_000
    assert len(flink.asked) == 2
    flink.asked.clear()
    reader.job(LAKEHOUSE)
    assert len(flink.asked) == 12


def test_the_names_of_metrics_are_asked_anew_after_a_while(flink: Flink) -> None:
    lakehouse(flink)
    names = f"/jobs/{LAKEHOUSE}/vertices/{LAKEHOUSE_SOURCE}/subtasks/metrics"
    now = [0.0]
    facts = JobFacts(FlinkRest(FlinkAccess(flink.url), 5.0), lambda: now[0])
    known = facts.metric_names(LAKEHOUSE, LAKEHOUSE_SOURCE)
    flink.on(names, recorded("lakehouse_metric_ids_source")[:5])
    assert facts.metric_names(LAKEHOUSE, LAKEHOUSE_SOURCE) == known
    now[0] += NAMES_S + 1
    assert len(facts.metric_names(LAKEHOUSE, LAKEHOUSE_SOURCE)) == 5


def test_a_cluster_that_lost_the_job_is_noticed_by_its_offsets(flink: Flink) -> None:
    lakehouse(flink)
    reader = client(flink)
    assert reader.read_offsets(LAKEHOUSE)
    source = f"/jobs/{LAKEHOUSE}/vertices/{LAKEHOUSE_SOURCE}/subtasks/metrics"
    flink.on(f"{source}?{urlencode({'get': ','.join(offset_names()), 'agg': 'max'})}", [])
    flink.on(f"/jobs/{LAKEHOUSE}", (404, (PAYLOADS / "job_unknown.404.json").read_bytes()))
    assert reader.read_offsets(LAKEHOUSE) == {}
    with pytest.raises(NotFoundError, match="Could not find Flink job"):
        reader.read_offsets(LAKEHOUSE)


def test_more_names_than_one_request_has_room_for(flink: Flink) -> None:
    names = [f"{index}.Source__messages[1].currentOutputWatermark" for index in range(300)]
    flink.on("/metrics", answer_metrics)
    found = facts_values(FlinkRest(FlinkAccess(flink.url), 5.0), "/metrics", names)
    assert list(found) == names
    assert all(len(path) < 3800 for _, path, _ in flink.asked)


def answer_metrics(handler: BaseHTTPRequestHandler) -> None:
    (asked,) = parse_qs(urlsplit(handler.path).query)["get"]
    body = json.dumps([{"id": name, "value": "1"} for name in asked.split(",")]).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def offset_names() -> list[str]:
    return list(parse.offset_metrics(parse.metric_ids(recorded("lakehouse_metric_ids_source")), "trades"))


def lakehouse(flink: Flink) -> None:
    """A cluster with the lakehouse's own job, as recorded."""
    job = f"/jobs/{LAKEHOUSE}"
    flink.on(job, recorded("lakehouse_job")).on(f"{job}/metrics", recorded("lakehouse_job_metrics"))
    flink.on(f"{job}/checkpoints", recorded("lakehouse_checkpoints"))
    flink.on(f"{job}/checkpoints/config", recorded("lakehouse_checkpoints_config"))
    for vertex in recorded("lakehouse_job")["vertices"]:
        metrics = f"{job}/vertices/{vertex['id']}/subtasks/metrics"
        flink.on(metrics, recorded("lakehouse_aggregated_behind"))
    source = f"{job}/vertices/{LAKEHOUSE_SOURCE}"
    flink.on(f"{source}/metrics", recorded("lakehouse_metrics_source"))
    flink.on(f"{source}/subtasks/metrics", recorded("lakehouse_metric_ids_source"))
    asked = urlencode({"get": ",".join(parse.TASK_METRICS), "agg": "max,sum,min"})
    flink.on(f"{source}/subtasks/metrics?{asked}", recorded("lakehouse_aggregated_source"))
    asked = urlencode({"get": ",".join(offset_names()), "agg": "max"})
    flink.on(f"{source}/subtasks/metrics?{asked}", recorded("lakehouse_offsets"))


def test_a_value_that_is_not_a_number_is_left_out() -> None:
    assert parse.aggregated([{"id": "a", "max": float("nan")}, {"id": "b", "max": 1}, {"id": "c"}, 5], "max") == {
        "b": 1
    }


# --- answers that are not what they should be

READS: dict[str, Callable[[FlinkClient], object]] = {
    "cluster": lambda c: c.cluster(),
    "jobs": lambda c: c.jobs(),
    "job": lambda c: c.job(JOB),
    "checkpoints": lambda c: c.checkpoints(JOB),
    "exceptions": lambda c: c.exceptions(JOB),
    "read_offsets": lambda c: c.read_offsets(JOB),
    "trigger": lambda c: c.trigger_checkpoint(JOB, 1.0),
    "savepoint": lambda c: c.stop_with_savepoint(JOB, "s3a://x", 1.0),
    "cancel": lambda c: c.cancel(JOB, 1.0),
    "wait": lambda c: c.wait_running(JOB, 1.0),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_is_one_sentence(flink: Flink, read: str, broken: str) -> None:
    for path in ("/overview", "/jobs/overview", f"/jobs/{JOB}"):
        flink.on(path, BROKEN[broken])
    for name in ("checkpoints", "checkpoints/config", "exceptions"):
        flink.on(f"/jobs/{JOB}/{name}", BROKEN[broken])
    with pytest.raises(UnavailableError) as raised:
        READS[read](client(flink))
    assert str(raised.value).startswith("Flink")
    assert "\n" not in str(raised.value)


def test_every_field_a_parser_needs_may_be_missing_or_wrong() -> None:
    """Take away or spoil each field in turn: the parser either still answers or raises the expected error."""
    parsers: list[tuple[Callable[[Any], object], str]] = [
        (parse.cluster, "overview"),
        (parse.jobs, "jobs_overview"),
        (parse.job, "job_running"),
        (lambda answer: parse.checkpoints(answer, {}), "checkpoints_restored"),
        (parse.exceptions, "exceptions_failed"),
        (parse.operation, "operation_failed"),
        (parse.operation, "operation_checkpoint"),
    ]
    refused = 0
    for run, name in parsers:
        for spoil in spoiled(recorded(name)):
            try:
                run(spoil)
            except UnavailableError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 100


def test_5xx_is_tried_again_when_reading(flink: Flink) -> None:
    flink.on("/overview", (503, b"busy"), (500, b""), recorded("overview"))
    assert client(flink).cluster().version == "1.19.3"
    assert len(flink.asked) == 3


def test_5xx_is_not_tried_for_ever(flink: Flink) -> None:
    flink.on("/overview", (503, b'{"errors":["Service temporarily unavailable due to an ongoing leader election."]}'))
    with pytest.raises(UnavailableError, match="with 503: Service temporarily unavailable"):
        client(flink).cluster()
    assert len(flink.asked) == 3


def test_an_order_is_never_given_twice(running: Flink) -> None:
    running.on(f"/jobs/{JOB}/checkpoints", (500, b""), method="POST")
    with pytest.raises(UnavailableError, match="with 500"):
        client(running).trigger_checkpoint(JOB, 1.0)
    assert [method for method, _, _ in running.asked].count("POST") == 1


def test_4xx_is_not_tried_again(flink: Flink) -> None:
    flink.on("/overview", (400, b'{"errors":["Bad request"]}'))
    with pytest.raises(UnavailableError, match="with 400: Bad request"):
        client(flink).cluster()
    assert len(flink.asked) == 1


def test_an_unknown_job_is_not_found(flink: Flink) -> None:
    flink.on(f"/jobs/{JOB}", (404, (PAYLOADS / "job_unknown.404.json").read_bytes()))
    with pytest.raises(NotFoundError, match=r"Could not find Flink job \(0+\)\.$"):
        client(flink).job(JOB)


@pytest.mark.parametrize("job_id", ["", "xx", JOB.upper(), f"{JOB}/..", "../overview"])
def test_what_is_no_job_id_never_reaches_flink(flink: Flink, job_id: str) -> None:
    with pytest.raises(NotFoundError, match="is not a job id"):
        client(flink).job(job_id)
    assert flink.asked == []


def test_a_silent_server_is_given_up_in_time(flink: Flink) -> None:
    flink.on("/overview", flink.hang)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        client(flink, timeout_s=0.3).cluster()
    assert time.monotonic() - began < 2
    assert len(flink.asked) == 1


@pytest.mark.parametrize("answer", [truncated, dropped])
def test_a_connection_that_breaks_is_unavailable(flink: Flink, answer: Callable[[Any], None]) -> None:
    flink.on("/overview", answer)
    with pytest.raises(UnavailableError, match=r"^Flink at http://127\.0\.0\.1:\d+ "):
        client(flink).cluster()


def test_a_refused_connection_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"does not answer \(connection refused\): .*lakehouse-tui up"):
            FlinkClient(FlinkAccess(url)).cluster()


def test_a_port_that_speaks_no_http_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(UnavailableError):
            FlinkClient(FlinkAccess(f"http://127.0.0.1:{server.getsockname()[1]}")).cluster()
        thread.join()


def test_a_server_that_came_back_is_read_again(flink: Flink) -> None:
    flink.on("/overview", dropped, recorded("overview"))
    reader = client(flink)
    with pytest.raises(UnavailableError):
        reader.cluster()
    assert reader.cluster().taskmanagers == 1


def test_threads_may_share_a_client(running: Flink) -> None:
    reader, seen = client(running), []
    threads = [threading.Thread(target=lambda: seen.append(reader.job(JOB).summary.id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [JOB] * 8


# --- what it does


def ended(state: str = "FAILED") -> dict[str, Any]:
    line = {**recorded("jobs_overview")["jobs"][0], "jid": JOB, "state": state}
    return {"jobs": [line]}


def starting(running_tasks: int) -> dict[str, Any]:
    line = {**recorded("jobs_overview")["jobs"][0], "jid": JOB, "state": "RUNNING", "end-time": -1}
    line["tasks"] = {**line["tasks"], "total": 4, "running": running_tasks}
    return {"jobs": [line]}


def test_a_checkpoint_is_waited_for(running: Flink) -> None:
    trigger = recorded("trigger_checkpoint")["request-id"]
    running.on(f"/jobs/{JOB}/checkpoints", (202, json.dumps({"request-id": trigger}).encode()), method="POST")
    progress = recorded("operation_in_progress")
    running.on(f"/jobs/{JOB}/checkpoints/{trigger}", progress, progress, recorded("operation_checkpoint"))
    assert client(running).trigger_checkpoint(JOB, 5.0) == 36


def test_a_failed_checkpoint_gives_the_cause(running: Flink) -> None:
    running.on(f"/jobs/{JOB}/checkpoints", {"request-id": "t"}, method="POST")
    running.on(f"/jobs/{JOB}/checkpoints/t", recorded("operation_failed"))
    with pytest.raises(UnavailableError, match=r"^Flink could not do it: FlinkJobNotFoundException: Could not find"):
        client(running).trigger_checkpoint(JOB, 5.0)


def test_a_checkpoint_that_takes_too_long_is_given_up(running: Flink) -> None:
    running.on(f"/jobs/{JOB}/checkpoints", {"request-id": "t"}, method="POST")
    running.on(f"/jobs/{JOB}/checkpoints/t", recorded("operation_in_progress"))
    with pytest.raises(UnavailableError, match=r"The checkpoint was not complete within 0\.3 s"):
        client(running).trigger_checkpoint(JOB, 0.3)


@pytest.mark.parametrize(
    "act", [lambda c: c.trigger_checkpoint(JOB, 1.0), lambda c: c.stop_with_savepoint(JOB, "file:/s", 1.0)]
)
def test_nothing_is_ordered_of_a_job_that_has_ended(flink: Flink, act: Callable[[FlinkClient], object]) -> None:
    flink.on("/jobs/overview", ended("CANCELED"))
    with pytest.raises(LakehouseError, match=r"has ended \(CANCELED\)"):
        act(client(flink))
    assert all(method == "GET" for method, _, _ in flink.asked)


def test_stop_waits_for_the_savepoint_and_for_the_end(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(4), starting(4), starting(2), ended("FINISHED"))
    flink.on(f"/jobs/{JOB}/stop", (202, b'{"request-id": "t"}'), method="POST")
    flink.on(f"/jobs/{JOB}/savepoints/t", recorded("operation_in_progress"), recorded("operation_savepoint"))
    path = client(flink).stop_with_savepoint(JOB, "file:/flink/savepoints", 5.0)
    assert path == "file:/flink/savepoints/savepoint-ff8481-3b70b077d5fd"
    order = next(json.loads(body) for method, _, body in flink.asked if method == "POST")
    assert order == {"targetDirectory": "file:/flink/savepoints", "drain": False}
    assert len([path for _, path, _ in flink.asked if path == "/jobs/overview"]) == 4


def test_cancel_waits_until_the_job_has_ended(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(4), starting(4), ended("CANCELED"))
    flink.on(f"/jobs/{JOB}", (202, b"{}"), method="PATCH")
    client(flink).cancel(JOB, 5.0)
    assert ("PATCH", f"/jobs/{JOB}?mode=cancel", b"") in flink.asked


def test_cancel_leaves_a_job_alone_that_has_ended(flink: Flink) -> None:
    flink.on("/jobs/overview", ended())
    client(flink).cancel(JOB, 5.0)
    assert [method for method, _, _ in flink.asked] == ["GET"]


def test_cancel_of_a_job_that_will_not_end_is_given_up(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(4))
    flink.on(f"/jobs/{JOB}", (202, b"{}"), method="PATCH")
    with pytest.raises(UnavailableError, match=r"had not ended after 0\.3 s"):
        client(flink).cancel(JOB, 0.3)


def test_running_means_all_tasks(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(0), starting(3), starting(4))
    client(flink).wait_running(JOB, 5.0)
    assert len(flink.asked) == 3


def test_a_failed_start_gives_the_root_cause_even_if_flink_lists_it_late(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(0), ended("FAILED"))
    flink.on(f"/jobs/{JOB}/exceptions", recorded("exceptions_none"), recorded("exceptions_failed"))
    with pytest.raises(LakehouseError, match=r"^The job ended \(FAILED\): JsonParseException: Unrecognized token"):
        client(flink).wait_running(JOB, 5.0)


def test_a_start_that_takes_too_long_gives_the_last_exception(flink: Flink) -> None:
    flink.on("/jobs/overview", starting(1))
    flink.on(f"/jobs/{JOB}/exceptions", recorded("exceptions_failed"))
    with pytest.raises(UnavailableError, match=r"did not have all its tasks running within 0\.2 s: JsonParse"):
        client(flink).wait_running(JOB, 0.2)


def test_a_job_that_flink_forgot_is_not_found(flink: Flink) -> None:
    flink.on("/jobs/overview", {"jobs": []})
    for act in (lambda c: c.wait_running(JOB, 1.0), lambda c: c.cancel(JOB, 1.0)):
        with pytest.raises(NotFoundError, match="does not know the job"):
            act(client(flink))
