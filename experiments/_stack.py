"""The running lakehouse as the experiments use it: topics, objects, and Flink SQL; all that is made is cleaned up.

Flink SQL goes through Flink's own SQL Gateway (its documentation, "SQL Gateway", REST interface v2): a Java process
that plans each statement and sends it as a job to the running cluster. It tells the kind of every row of a changelog.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from _stage import Experiment
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from minio import Minio

from tui import bootstrap
from tui.model.errors import LakehouseError, UnavailableError
from tui.settings import Settings
from tui.stack.local import flink, spec
from tui.stack.local.layout import Layout
from tui.stack.provision import Provisioned, provisioned

_SHORT_LIVED = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}
"""A Java that runs for seconds is quicker when it does not optimize much."""
KINDS = {"INSERT": "+I", "UPDATE_BEFORE": "-U", "UPDATE_AFTER": "+U", "DELETE": "-D"}
"""What the gateway calls a row of a changelog → what Flink prints."""
_SESSION = {
    "parallelism.default": "1",
    "execution.checkpointing.mode": "AT_LEAST_ONCE",  # else the rows of a query come only with a checkpoint
    "execution.checkpointing.externalized-checkpoint-retention": "DELETE_ON_CANCELLATION",
    "restart-strategy.type": "none",  # a mistake is told, not tried again
    "table.dml-sync": "true",  # INSERT ends when its job has ended
    "table.local-time-zone": "UTC",
    "table.exec.source.idle-timeout": "0 ms",
    "table.exec.sink.upsert-materialize": "NONE",
}


# Kafka


def make_topic(experiment: Experiment, name: str, partitions: int, **config: str) -> AdminClient:
    """Make a topic that goes with the experiment; `config` are topic settings with _ for the dots."""
    admin = AdminClient({**experiment.settings.kafka_access.properties(), "log_level": 0})
    wanted = NewTopic(name, partitions, config={key.replace("_", "."): value for key, value in config.items()})
    experiment.clean(f"topic {name}", lambda: _delete_topic(admin, name))
    admin.create_topics([wanted], operation_timeout=20)[name].result(30)
    reader = Consumer({**experiment.settings.kafka_access.properties(), "group.id": name, "log_level": 0})
    try:
        experiment.until(lambda: _serves(reader, name, partitions), f"The leaders of topic {name}")
    finally:
        reader.close()
    return admin


def _serves(reader: Consumer, name: str, partitions: int) -> bool:
    """Whether every partition answers: for a moment a new one has a leader that does not know of it yet."""
    try:
        for partition in range(partitions):
            reader.get_watermark_offsets(TopicPartition(name, partition), timeout=5)
    except KafkaException:
        return False
    return True


def _delete_topic(admin: AdminClient, name: str) -> None:
    _unless(
        KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: admin.delete_topics([name], operation_timeout=20)[name].result(30)
    )


def delete_group(admin: AdminClient, name: str) -> None:
    """Delete a consumer group; all of its members must have left."""
    _unless(KafkaError.GROUP_ID_NOT_FOUND, lambda: admin.delete_consumer_groups([name])[name].result(20))


def _unless(code: int, act: Callable[[], object]) -> None:
    """Do `act`; an error `code` is as good as success."""
    try:
        act()
    except KafkaException as error:
        if error.args[0].code() != code:
            raise


def send(found: Settings, topic: str, rows: Iterable[Mapping[str, object]], key: str = "symbol") -> None:
    """Write `rows` as JSON, in order, and wait until Kafka has acknowledged all of them."""
    producer = Producer({**found.kafka_access.properties(), "acks": "all", "log_level": 0})
    for row in rows:
        producer.produce(topic, json.dumps(row), str(row.get(key, "")))
    if producer.flush(30):
        raise UnavailableError(f"Kafka did not acknowledge all messages to {topic}.")


# S3


def object_store(found: Settings) -> Minio:
    """A client of the S3 server, with the keys of the home."""
    access = bootstrap.kit(found).s3()
    if access is None:
        raise LakehouseError(f"There is no lakehouse in {found.home} yet; run `lakehouse-tui up` first.")
    secure, endpoint = not access.endpoint.startswith("http:"), access.endpoint.split("://")[-1]
    return Minio(
        endpoint or "s3.amazonaws.com",
        access_key=access.access_key or None,
        secret_key=access.secret_key or None,
        session_token=access.session_token or None,
        region=access.region,
        secure=secure,
    )


def delete_prefix(store: Minio, bucket: str, prefix: str) -> None:
    """Delete every object whose key begins with `prefix`."""
    for entry in list(store.list_objects(bucket, prefix, recursive=True)):
        store.remove_object(bucket, str(entry.object_name))


def lake_prefix(found: Settings, database: str) -> str:
    """What the keys of all files of a database begin with, in the warehouse's bucket."""
    return f"{found.warehouse.removeprefix(f's3a://{found.bucket}/')}/{database}/"


def hadoop(found: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hadoop fs …` with the jars and the `core-site.xml` of this home's Flink."""
    layout, programs = Layout(found.home), _programs(found)
    argv = flink.client_program("hadoop-fs", layout, programs, ["org.apache.hadoop.fs.FsShell", *arguments])
    environment = spec.environment(layout, {**flink.client_environment(layout, programs), **_SHORT_LIVED})
    return subprocess.run(argv, check=False, env=environment, capture_output=True, text=True, timeout=60)


# Flink SQL


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer: `kind` is +I, -U, +U or -D."""

    kind: str
    fields: tuple[Any, ...]


@dataclass(slots=True)
class Answer:
    """The rows of one statement, as far as they have come."""

    columns: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    job_id: str | None = None

    @property
    def fields(self) -> list[tuple[Any, ...]]:
        """The rows without their kind."""
        return [row.fields for row in self.rows]

    @property
    def text(self) -> str:
        """The one text that some statements answer with."""
        return str(self.rows[0].fields[0])


class FlinkSql:
    """A session of Flink SQL on the running cluster."""

    def __init__(self, experiment: Experiment) -> None:
        self._session = requests.Session()
        self._base = ""
        _require_slot(experiment.settings)
        experiment.note("(starting Flink's SQL Gateway: a Java process, some seconds …)")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = _gateway(experiment.settings, port)
        experiment.clean("SQL Gateway", lambda: end(process))
        self._base = f"http://127.0.0.1:{port}/v2/sessions"
        experiment.until(lambda: self._open(process, experiment.name), "Flink's SQL Gateway")
        experiment.clean("its Flink jobs", lambda: _cancel_jobs(experiment.settings, f"experiment {experiment.name}"))

    def run(self, statement: str, **config: str) -> Answer:
        """Run a statement to its end; `config` are options with __ for dots and _ for dashes."""
        answer = Answer()
        for _ in self._results(self._submit(statement, config), answer, 120):
            pass
        return answer

    def refused(self, statement: str) -> str:
        """Run a statement that Flink refuses; returns its reason."""
        try:
            self.run(statement)
        except LakehouseError as error:
            return str(error)
        return "It was not refused."

    def stream(self, statement: str, **config: str) -> Stream:
        """Start a query that does not end by itself."""
        return Stream(self, self._submit(statement, config))

    def use_lake(self, found: Settings, database: str) -> None:
        """Make the Iceberg catalog known as `lake`, and a database in it, and use both."""
        self.run(
            f"CREATE CATALOG `lake` WITH ('type' = 'iceberg', 'catalog-type' = 'hadoop', "
            f"'warehouse' = '{found.warehouse}', 'cache-enabled' = 'false')"
        )
        self.run(f"CREATE DATABASE IF NOT EXISTS `lake`.`{database}`")
        self.run("USE CATALOG `lake`")
        self.run(f"USE `{database}`")

    def _open(self, process: subprocess.Popen[bytes], name: str) -> bool:
        if process.poll() is not None:
            raise LakehouseError("Flink's SQL Gateway ended at once; look at logs/sql-gateway.log in the home.")
        try:
            answer = self._session.post(
                self._base, json={"properties": {**_SESSION, "pipeline.name": f"experiment {name}"}}, timeout=30
            )
        except requests.ConnectionError:
            return False
        self._base = f"{self._base}/{_checked(answer)['sessionHandle']}"
        return True

    def _submit(self, statement: str, config: Mapping[str, str]) -> str:
        options = {key.replace("__", ".").replace("_", "-"): value for key, value in config.items()}
        body: dict[str, Any] = {"statement": statement, "executionConfig": options}
        answer = _checked(self._session.post(f"{self._base}/statements", json=body, timeout=60))
        return f"{self._base}/operations/{answer['operationHandle']}"

    def _results(self, operation: str, answer: Answer, timeout_s: float) -> Iterator[None]:
        """Add the rows of an operation to `answer` as they come; stops at the end, or yields after each page."""
        url, deadline = f"{operation}/result/0?rowFormat=JSON", time.monotonic() + timeout_s
        while True:
            page = _checked(self._session.get(url, timeout=60))
            if page["resultType"] == "EOS":
                self._session.delete(f"{operation}/close", timeout=30)
                return
            if page["resultType"] == "PAYLOAD":
                _add(answer, page)
                url = f"{self._base.partition('/v2/')[0]}{page['nextResultUri']}" if page.get("nextResultUri") else url
            elif time.monotonic() > deadline:
                raise UnavailableError(f"Flink did not answer within {timeout_s:g} s.")
            yield
            if not page.get("results", {}).get("data"):
                time.sleep(0.05)


class Stream:
    """A running query: its rows so far, until it is ended."""

    def __init__(self, sql: FlinkSql, operation: str) -> None:
        self.answer = Answer()
        self._taken = 0
        self._sql, self._operation = sql, operation
        self._pages = sql._results(operation, self.answer, 60)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._sql._session.delete(f"{self._operation}/close", timeout=30)

    def look(self) -> str | None:
        """Take what has come by now; returns the id of the query's job, once it is known."""
        next(self._pages)
        return self.answer.job_id

    def take(self, count: int) -> list[Row]:
        """Wait until `count` more rows have come, and return them."""
        had = self._taken
        self.until(lambda rows: len(rows) >= had + count)
        self._taken = had + count
        return self.answer.rows[had : self._taken]

    def until(self, enough: Callable[[list[Row]], bool], timeout_s: float = 60.0) -> None:
        """Wait until all rows that have come so far are `enough`; what `take` gives is behind them."""
        deadline = time.monotonic() + timeout_s
        while not enough(self.answer.rows):
            next(self._pages)
            if time.monotonic() > deadline:
                raise UnavailableError(f"The query gave {len(self.answer.rows)} rows, and no more in time.")
        self._taken = len(self.answer.rows)


def rows_of(answer: Answer) -> list[Sequence[object]]:
    """The rows with their kind in front, for a table of text."""
    return [(row.kind, *row.fields) for row in answer.rows]


def _add(answer: Answer, page: Mapping[str, Any]) -> None:
    results = page["results"]
    answer.columns = tuple(column["name"] for column in results["columns"])
    answer.job_id = page.get("jobID") or answer.job_id
    answer.rows += [Row(KINDS[row["kind"]], tuple(row["fields"])) for row in results["data"]]


def _checked(answer: requests.Response) -> dict[str, Any]:
    """The JSON of an answer; raises `LakehouseError` with Flink's own root cause."""
    body = answer.json()
    if not answer.ok:
        lines = "\n".join(body.get("errors", [])).splitlines()
        causes = [line for line in lines if line.startswith(("Caused by:", "org.apache.flink"))]
        cause = re.sub(r"^(Caused by: )?([\w.$]+: )?", "", (causes or lines or [str(body)])[-1])
        raise LakehouseError(f"Flink refused the statement: {cause}")
    return dict(body)


def _gateway(found: Settings, port: int) -> subprocess.Popen[bytes]:
    """The gateway's process, in a session of its own: Ctrl-C is for the experiment, which then ends it."""
    layout, programs = Layout(found.home), _programs(found)
    place = {"address": "127.0.0.1", "bind-address": "127.0.0.1", "port": port}
    options = [f"-Dsql-gateway.endpoint.rest.{key}={value}" for key, value in place.items()]
    main = ["org.apache.flink.table.gateway.SqlGateway", *options]
    argv = flink.client_program("sql-gateway", layout, programs, main)
    environment = spec.environment(layout, {**flink.client_environment(layout, programs), **_SHORT_LIVED})
    quiet = subprocess.DEVNULL
    return subprocess.Popen(argv, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def _programs(found: Settings) -> Provisioned:
    programs = provisioned(found)
    if programs is None:
        raise LakehouseError("Something Flink needs is missing; run `lakehouse-tui up` first.")
    return programs


def _cancel_jobs(found: Settings, name: str) -> None:
    """Cancel what still runs, as it does when a statement was interrupted or took too long."""
    client = bootstrap.clients(found).flink
    for job in client.jobs():
        if job.active and job.name == name:
            client.cancel(job.id, 30)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours, if it still runs."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def _require_slot(found: Settings) -> None:
    """Raise `LakehouseError` where other jobs hold every slot of the cluster."""
    cluster = bootstrap.clients(found).flink.cluster()
    if not cluster.slots_available:
        raise LakehouseError(
            "No task slot is free: other jobs hold all of them. Cancel one (`lakehouse-tui jobs` names them, "
            "`lakehouse-tui cancel` ends the lakehouse's own), then run this again."
        )
