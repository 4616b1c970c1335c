"""Checks each connection to a cluster, from the address to what it is asked for; each says what fails and what to do.

What a failed check makes pointless is left out.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from tui.clients.flink_rest import tls_cause, tls_context
from tui.clients.lake import LakeClient
from tui.clients.lake.storage import path_of
from tui.model.checks import Check
from tui.model.errors import LakehouseError, NotFoundError
from tui.settings import Settings
from tui.stack.remote import aws
from tui.stack.remote.backend import PROBE_S, Probes
from tui.stack.remote.jobs import RemoteJobs

FLINK_VERSION = "1.19"
_CONNECT_S = 3.0


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after the other: Kafka, Flink, S3, the tables, and where checkpoints go."""
    try:
        probes = Probes.of(settings, timeout_s=2 * PROBE_S)
    except LakehouseError as error:
        yield Check("s3 profile", False, "keys of the AWS profile", "none", str(error))
        return
    yield from _kafka(settings, probes)
    yield from _flink(settings, probes)
    yield from _s3(settings, probes)


# --- Kafka


def _kafka(settings: Settings, probes: Probes) -> Iterator[Check]:
    access = settings.kafka_access
    reached = False
    for address in access.bootstrap.split(","):
        host, _, port = address.rpartition(":")
        context = _context(access.ca) if access.encrypted else None
        check = connection("kafka address", host.strip("[]"), int(port), context, "kafka_ca")
        reached = reached or check.ok
        yield check
    if not reached:
        return
    login = f"as {access.username} ({access.mechanism})" if access.authenticated else "without login"
    expected = f"topic {settings.topic}, {access.security} {login}"
    count = 0

    def topic() -> str:
        nonlocal count
        count = len(probes.kafka.partition_ids())
        return f"topic {settings.topic} is there"

    yield (found := _guarded("kafka topic", expected, topic))
    if not found.ok:
        return
    same = count == settings.partitions
    detail = "" if same else f"Set partitions = {count}, so that verify expects as many."
    yield Check("kafka partitions", same, f"{settings.partitions} partitions", f"{count} partitions", detail)
    yield _guarded("kafka offsets", "offsets of the topic and the group can be read", lambda: _offsets(probes))


def _offsets(probes: Probes) -> str:
    lag = probes.kafka.lag()
    for partition in lag.partitions:
        if partition.error:
            raise LakehouseError(f"Partition {partition.partition}: {partition.error}.")
    return f"{sum((p.high or 0) - (p.low or 0) for p in lag.partitions):,} messages, group {lag.group}"


# --- Flink


def _flink(settings: Settings, probes: Probes) -> Iterator[Check]:
    access = settings.flink_access
    url = urlsplit(access.url)
    encrypted = url.scheme == "https"
    context = _context(access.ca) if encrypted else None
    check = connection("flink address", url.hostname or "", url.port or (443 if encrypted else 80), context, "flink_ca")
    yield check
    if not check.ok:
        return
    try:
        cluster = probes.flink.cluster()
    except LakehouseError as error:
        yield Check("flink answer", False, "Flink's REST interface", "refused", str(error))
        return
    right = cluster.version.startswith(f"{FLINK_VERSION}.")
    detail = "" if right else f"The job and its client are made for {FLINK_VERSION}: only reading may work."
    yield Check("flink version", right, f"{FLINK_VERSION}.*", cluster.version or "unknown", detail)
    running = any(job.active for job in probes.flink.jobs())
    enough = running or cluster.slots_available >= settings.parallelism or cluster.taskmanagers == 0
    slots = f"{cluster.slots_available} of {cluster.slots_total} slots free, {cluster.taskmanagers} TaskManagers"
    detail = "" if enough else f"Free some, or set parallelism = {max(1, cluster.slots_available)}."
    if cluster.taskmanagers == 0:
        detail = "None is registered: a cluster that starts them with the job is fine, any other is not ready."
    yield Check("flink slots", enough, f"{settings.parallelism} free, or a job that runs", slots, detail)


# --- S3


def _s3(settings: Settings, probes: Probes) -> Iterator[Check]:
    if settings.s3_endpoint:
        url = urlsplit(settings.s3_endpoint)
        encrypted = url.scheme == "https"
        context = _context("") if encrypted else None
        port = url.port or (443 if encrypted else 80)
        yield (check := connection("s3 address", url.hostname or "", port, context, None))
        if not check.ok:
            return
    storage, bucket = probes.storage, settings.bucket

    def look() -> str:
        if not storage.has_folder(bucket):
            raise LakehouseError(f"There is no bucket {bucket}: create it, or check warehouse.")
        return f"bucket {bucket} is there"

    yield (found := _guarded("s3 bucket", f"bucket {bucket}, with these keys", look))
    if not found.ok:
        return
    folder = path_of(settings.warehouse)
    yield _guarded("warehouse", f"{settings.warehouse} can be listed", lambda: _listed(storage.folders(folder)))
    yield _guarded("tables", f"database {settings.database}", lambda: _tables(settings))
    yield _guarded("restore points", "checkpoints and savepoints can be listed", lambda: _points(RemoteJobs(settings)))


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} databases: {', '.join(names[:5])}" if names else "it is empty: the job makes the tables"


def _tables(settings: Settings) -> str:
    lake = LakeClient(
        settings.warehouse,
        settings.database,
        aws.access(settings.remote, os.environ),
        names=settings.table_names,
    )
    parts = []
    for table, name in settings.table_names.items():
        try:
            current = lake.history(table).current
        except NotFoundError:
            continue
        parts.append(f"{name} {current.total_records or 0:,} rows" if current else f"{name} empty")
    return ", ".join(parts) or "no tables yet: the job makes them"


def _points(jobs: RemoteJobs) -> str:
    found = [p for p in jobs.restore_points() if p.damage is None]
    return f"{len(found)} in {jobs.folder('checkpoints')} and {jobs.folder('savepoints')}"


# --- what they share


def connection(
    name: str, host: str, port: int, context: ssl.SSLContext | LakehouseError | None, ca: str | None
) -> Check:
    """Whether the name resolves, something listens there, and, with a `context`, its TLS is trusted.

    `ca` is the setting that names another authority, if there is one.
    """
    where = f"{host}:{port}"
    expected = f"{where} {'speaks TLS' if context else 'is reached'}"
    if isinstance(context, LakehouseError):
        return Check(name, False, expected, "not asked", str(context))
    try:
        with socket.create_connection((host, port), _CONNECT_S) as plain:
            if context is None:
                return Check(name, True, expected, f"{where} answers")
            with context.wrap_socket(plain, server_hostname=host) as secured:
                return Check(name, True, expected, f"{where} answers, {secured.version()}")
    except socket.gaierror as error:
        return Check(name, False, expected, "unknown name", f"{host} does not resolve ({error.strerror}): check it.")
    except TimeoutError:
        return Check(name, False, expected, "no answer", f"{where} is silent: a firewall, or the wrong address.")
    except ConnectionRefusedError:
        return Check(name, False, expected, "refused", f"Nothing listens at {where}: start it, or check the port.")
    except ssl.SSLError as error:
        return Check(name, False, expected, "no trusted TLS", f"{where} {tls_cause(error, ca)}.")
    except OSError as error:
        return Check(name, False, expected, "broken", f"{where}: {error.strerror or error}.")


def _context(ca: str) -> ssl.SSLContext | LakehouseError:
    try:
        return tls_context(ca)
    except LakehouseError as error:
        return error


def _guarded(name: str, expected: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(name, True, expected, ask())
    except LakehouseError as error:
        return Check(name, False, expected, "failed", str(error))
