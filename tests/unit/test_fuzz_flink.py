"""Any answer of Flink's REST server is a value of the declared types or one sentence, soon; unknown is never 0."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flink_server import spoiled
from tests.fuzzing import HangError, answered, anything, changed, deep, fuzz, mutated, places, soon, zeros
from tui.clients import flink_detail_parse as detail
from tui.clients import flink_parse as parse
from tui.clients import flink_rest
from tui.clients.flink_facts import JobFacts
from tui.model.flink_detail import CheckpointVertex

PAYLOADS = Path(__file__).parent.parent / "payloads" / "flink-1.19.3"
VERTEX = CheckpointVertex("a", "COMPLETED", 1, 1, None, None, None)


def read_offsets(answer: Any) -> object:
    """As `FlinkClient.read_offsets` does with what it asks for."""
    ids = parse.metric_ids(answer)
    return parse.next_offsets(parse.offset_metrics(ids, "trades"), parse.aggregated(answer, "max"))


PARSERS: dict[str, tuple[Callable[[Any], object], tuple[str, ...]]] = {
    "cluster": (parse.cluster, ("overview",)),
    "jobs": (parse.jobs, ("jobs_overview",)),
    "job": (parse.job, ("job_running", "job_failed", "lakehouse_job")),
    "running since": (parse.running_since, ("job_running", "lakehouse_job")),
    "graph": (detail.graph, ("job_running", "lakehouse_job")),
    "aggregated": (
        lambda a: parse.aggregated(a, "max"),
        ("lakehouse_aggregated_source", "lakehouse_aggregated_behind"),
    ),
    "values": (parse.values, ("lakehouse_metrics_source", "lakehouse_job_metrics", "lakehouse_taskmanager_metrics")),
    "metric ids": (parse.metric_ids, ("metric_ids_source", "lakehouse_metric_ids_source")),
    "offsets": (read_offsets, ("lakehouse_offsets", "metrics_offsets")),
    "checkpoints": (lambda a: parse.checkpoints(a, {"interval": 5}), ("checkpoints_restored", "lakehouse_checkpoints")),
    "interval": (lambda a: parse.checkpoints(recorded("checkpoints_restored"), a), ("lakehouse_checkpoints_config",)),
    "checkpoint": (parse.checkpoint, ("lakehouse_checkpoint",)),
    "checkpoint detail": (detail.checkpoint_detail, ("lakehouse_checkpoint",)),
    "checkpoint vertex": (lambda a: detail.timed(VERTEX, a), ("lakehouse_checkpoint_source",)),
    "exceptions": (parse.exceptions, ("exceptions_failed", "exceptions_none")),
    "operation": (parse.operation, ("operation_failed", "operation_checkpoint", "operation_in_progress")),
    "subtasks": (detail.subtasks, ("lakehouse_vertex_source",)),
    "cluster config": (detail.cluster_config, ("lakehouse_jobmanager_config",)),
    "job config": (detail.job_config, ("lakehouse_job_config",)),
    "checkpoint config": (detail.checkpoint_config, ("lakehouse_checkpoints_config",)),
    "taskmanager ids": (detail.taskmanager_ids, ("lakehouse_taskmanagers",)),
    "taskmanager": (lambda a: detail.taskmanager(a, {}), ("lakehouse_taskmanager",)),
}
CASES = [(name, payload) for name, (_, payloads) in PARSERS.items() for payload in payloads]


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def sent(value: Any) -> Any:
    """What arrives of a JSON value."""
    return orjson.loads(json.dumps(value))


@fuzz
@given(st.data())
@pytest.mark.parametrize("name", PARSERS)
def test_any_json(name: str, data: st.DataObject) -> None:
    parser, payloads = PARSERS[name]
    known = recorded(payloads[0])
    holders = [p for p in places(known) if p] or [()]
    answer = data.draw(anything | st.tuples(st.sampled_from(holders), anything).map(lambda t: changed(known, *t)))
    try:
        arrived = sent(answer)
    except orjson.JSONDecodeError:
        return
    answered(lambda: parser(arrived))


@fuzz
@given(st.data())
@pytest.mark.parametrize(("name", "payload"), CASES)
def test_recorded_answers_with_parts_changed(name: str, payload: str, data: st.DataObject) -> None:
    parser, _ = PARSERS[name]
    answer = data.draw(mutated(recorded(payload)))
    try:
        arrived = sent(answer)
    except orjson.JSONDecodeError:
        return
    answered(lambda: parser(arrived))


@pytest.mark.parametrize(("name", "payload"), CASES)
def test_what_is_missing_or_of_another_type_never_becomes_0(name: str, payload: str) -> None:
    parser, _ = PARSERS[name]
    known = recorded(payload)
    before = zeros(answered(lambda: parser(known)))
    for answer in islice(spoiled(known), 0, None, 1 + len(list(places(known))) // 100):
        if isinstance(answer, dict) and answer.get("vertices") == []:
            continue  # no vertices: 0 tasks is right
        new = zeros(answered(lambda answer=answer: parser(answer))) - before
        assert not new, (new, answer)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("kind", ["list", "object"])
def test_deep_nesting_anywhere(name: str, kind: str) -> None:
    parser, payloads = PARSERS[name]
    known = recorded(payloads[0])
    inner = orjson.loads(deep(1000, kind))
    answered(lambda: parser(inner))
    for path in islice(places(known), 100):
        answered(lambda path=path: parser(changed(known, path, inner)))


@pytest.mark.parametrize("body", [deep(100_000), deep(100_000, "object"), "[" * 100_000, "9" * 100_000, "\ud800"])
def test_no_body_breaks_the_way_there(body: str) -> None:
    rest = flink_rest.FlinkRest(flink_rest.FlinkAccess("http://127.0.0.1:1"), 1.0)
    raw = body.encode("utf-8", "surrogatepass")
    answered(lambda: rest._answer("GET", "/overview", 200, raw))
    answered(lambda: rest._answer("GET", "/overview", 500, raw))
    answered(lambda: rest._answer("GET", "/overview", 500, b'{"errors":[' + raw + b"]}"))


@fuzz
@given(st.binary(max_size=200), st.integers(100, 599))
def test_any_body_is_an_answer_or_a_sentence(body: bytes, status: int) -> None:
    rest = flink_rest.FlinkRest(flink_rest.FlinkAccess("http://127.0.0.1:1"), 1.0)
    answered(lambda: rest._answer("GET", "/x", status, body))


@pytest.mark.parametrize(
    "value",
    ["a" * 200_000, "token" * 40_000, "://" * 60_000, "a.token-" * 20_000, "bearer " * 30_000, "key= " * 40_000,
     "a:b" * 60_000, "://a:" * 40_000, "x=" + "'" * 200_000, " " * 200_000, "token" + " " * 200_000, "<br/>" * 40_000],
)  # fmt: skip
def test_a_long_setting_is_masked_in_time(value: str) -> None:
    with soon(2.0):
        detail.entries({"some.option": value})
        detail.cluster_config([{"key": value, "value": value}])


def test_a_graph_with_loops_and_unknown_ends_is_sorted() -> None:
    known = recorded("lakehouse_job")
    for node in known["plan"]["nodes"]:
        node["inputs"] = [{"id": other["id"], "ship_strategy": "HASH"} for other in known["plan"]["nodes"]]
    graph = answered(lambda: detail.graph(known))
    assert graph is not None
    assert len(graph.nodes) == len(known["plan"]["nodes"])


def test_facts_of_a_job_are_refused_in_a_sentence_too() -> None:
    class Rest:
        def get(self, path: str) -> object:
            return 5

    facts = JobFacts(Rest())  # type: ignore[arg-type]
    assert answered(lambda: facts.graph("a" * 32)) is None
    assert answered(lambda: facts.metric_names("a" * 32, "v")) is None


def test_a_parser_that_hangs_or_crashes_would_be_seen() -> None:
    def hangs() -> None:
        while True:
            pass

    with pytest.raises(HangError), soon(0.1):
        hangs()
    with pytest.raises(ZeroDivisionError):
        answered(lambda: 1 // 0)
    with pytest.raises(AssertionError, match="CheckpointVertex"):
        answered(lambda: CheckpointVertex("a", "b", "1", 1, None, None, None))  # type: ignore[arg-type]
