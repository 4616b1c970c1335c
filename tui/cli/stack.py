"""`up`, `down`, `status`, `logs`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tui import bootstrap
from tui.cli.output import as_json, confirm, print_json, progress, say, table
from tui.model.errors import LakehouseError, NotFoundError, UsageError
from tui.model.flink import JobDetail
from tui.model.keeping import Keeping
from tui.model.stack import ProducerStatus, Service
from tui.settings import Settings
from tui.view.keeping import sentences


def up(settings: Settings, arguments: Namespace) -> int:
    """Start what is missing; returns when every service answers."""
    with progress() as sink:
        services = bootstrap.backend(settings).up(sink)
    if arguments.json:
        print_json(
            {"backend": settings.backend, "home": str(settings.home), "services": [service_row(s) for s in services]}
        )
    else:
        print_services(services)
        say(f"The lakehouse is up in {settings.home}.")
    return 0 if all(s.healthy for s in services) else 1


def down(settings: Settings, arguments: Namespace) -> int:
    """Stop everything; with `--purge` delete the data too."""
    if arguments.purge and "purge" in bootstrap.backend(settings).capabilities():
        question = f"This deletes every trade, table and checkpoint in {settings.home}. Go on?"
        if not confirm(question, yes=arguments.yes):
            say("Nothing was stopped or deleted.")
            return 1
    with progress() as sink:
        bootstrap.backend(settings).down(sink, purge=arguments.purge)
    say(f"Everything is stopped{' and all data is deleted' if arguments.purge else ''}.")
    return 0


def status(settings: Settings, arguments: Namespace) -> int:
    """Services, job and producer; exit status 1 while a service is not healthy."""
    services = bootstrap.backend(settings).services()
    job, job_error = _job(settings, services)
    producer, producer_error = _producer(settings)
    if arguments.json:
        print_json(
            {
                "backend": settings.backend,
                "home": str(settings.home),
                "services": [service_row(s) for s in services],
                "job": job and job_row(job),
                "producer": producer and producer_row(producer),
            }
        )
    else:
        print_services(services)
        say(f"Job: {job_error or _job_text(job, bootstrap.keeping(settings))}")
        say(f"Producer: {producer_error or _producer_text(producer)}")
    return 0 if services and all(s.healthy for s in services) else 1


def _job(settings: Settings, services: Iterable[Service]) -> tuple[JobDetail | None, str | None]:
    """The running job; while Flink is not even started nobody is asked."""
    if not any(s.name == "jobmanager" and s.healthy for s in services):
        return None, "unknown, Flink is not ready"
    try:
        active = bootstrap.control(settings).active_job()
        return (bootstrap.clients(settings).flink.job(active.id) if active else None), None
    except LakehouseError as error:
        return None, str(error)


def _producer(settings: Settings) -> tuple[ProducerStatus | None, str | None]:
    try:
        return bootstrap.producer_status(settings), None
    except LakehouseError as error:
        return None, str(error)


def _job_text(job: JobDetail | None, keeping: Keeping | None) -> str:
    if job is None:
        return "none" if keeping is None else sentences(keeping, datetime.now(UTC))
    last = job.checkpoints.last_completed
    checkpoint = (
        f"last checkpoint {last.id} at {last.completed_at:%H:%M:%S} UTC"
        if last and last.completed_at
        else "no checkpoint yet"
    )
    return f"{job.summary.name} {job.summary.id} {job.summary.state}, {checkpoint}"


def _producer_text(producer: ProducerStatus | None) -> str:
    if producer is None:
        return "none"
    rate = "as fast as it goes" if producer.rate == 0 else f"{producer.rate:g}/s" if producer.rate is not None else "–"
    return f"{producer.state}, {rate}, {producer.sent if producer.sent is not None else '–'} sent"


def print_services(services: Iterable[Service]) -> None:
    """Services as a table for people."""
    columns = ("service", "state", "pid", "endpoint", "restarts", "detail")
    rows = [
        (s.name, s.state.value, None if s.pid is None else str(s.pid), s.endpoint, s.restarts, s.detail or "")
        for s in services
    ]
    table(
        "Services",
        columns,
        rows,
        left=("service", "state", "endpoint", "detail"),
        fixed=("service", "state", "endpoint"),
    )


def service_row(service: Service) -> dict[str, Any]:
    """The JSON form of one service."""
    return {
        "name": service.name,
        "state": service.state.value,
        "pid": service.pid,
        "endpoint": service.endpoint,
        "restarts": service.restarts,
        "detail": service.detail,
    }


def job_row(job: JobDetail) -> dict[str, Any]:
    """The JSON form of the running job."""
    last = job.checkpoints.last_completed
    return {
        "id": job.summary.id,
        "name": job.summary.name,
        "state": job.summary.state,
        "last_checkpoint": last and {"id": last.id, "completed_at": last.completed_at, "duration_ms": last.duration_ms},
    }


def producer_row(producer: ProducerStatus) -> dict[str, Any]:
    """The JSON form of the background producer."""
    return {"state": producer.state, "pid": producer.pid, "rate": producer.rate, "sent": producer.sent}


def logs(settings: Settings, arguments: Namespace) -> int:
    """The last lines of a service's log; with `--follow` new ones until Ctrl-C."""
    service = arguments.service
    _check_log(settings, service)
    lines = bootstrap.backend(settings).log(service, follow=arguments.follow, lines=arguments.lines)
    if arguments.json and not arguments.follow:
        print_json({"service": service, "lines": list(lines)})
        return 0
    try:
        for line in lines:
            say(as_json({"line": line}) if arguments.json else line)
    except KeyboardInterrupt:
        if not arguments.follow:
            raise
    return 0


def _check_log(settings: Settings, service: str) -> None:
    known = {info.service: info for info in bootstrap.logs(settings).services()}
    if service not in known:
        raise UsageError(f"There is no service {service}; there are {', '.join(known)}.")
    if not known[service].exists:
        begin = {"producer": "produce", "submit": "submit"}.get(service, "up")
        raise NotFoundError(f"{service} has no log yet; run `lakehouse-tui {begin}`.")
