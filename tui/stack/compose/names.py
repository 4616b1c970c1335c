"""What the containers of one lakehouse are called, and what is told to Docker Compose about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tui.resources import resource
from tui.settings import Settings
from tui.stack.local import flink, kafka, s3
from tui.stack.local.credentials import Credentials

CONTAINERS = {
    kafka.NAME: "kafka",
    s3.NAME: "minio",
    flink.JOBMANAGER: "flink-jobmanager",
    flink.TASKMANAGER: "flink-taskmanager",
}
"""Service → container, as in the lab; a project of another name puts its name before."""
DEFAULT_PROJECT = "lakehouse"
PROJECT_LABEL = "com.docker.compose.project"
RECIPE_LABEL = "lakehouse.recipe"
STATE_FOLDER = "flink"
"""The folder of the bucket that holds checkpoints and savepoints."""


def folder() -> Path:
    """Where `docker-compose.yml` and `.env` are."""
    return resource("compose")


def defaults() -> dict[str, str]:
    """The values of `.env`."""
    lines = (folder() / ".env").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def prefix(settings: Settings) -> str:
    """What stands before each container's name: nothing in the default project."""
    return "" if settings.project == DEFAULT_PROJECT else f"{settings.project}-"


def container(settings: Settings, service: str) -> str:
    """The name of the container that runs `service`."""
    return f"{prefix(settings)}{CONTAINERS[service]}"


def images(settings: Settings) -> tuple[str, ...]:
    """The images that the stack runs, with their tags."""
    version = defaults()["LAKEHOUSE_VERSION"]
    return (
        f"lakehouse-kafka:{version}",
        f"lakehouse-minio:{version}",
        f"lakehouse-flink:{version}-iceberg-{settings.iceberg}",
    )


def state_uri(settings: Settings, kind: str) -> str:
    """Where `checkpoints` or `savepoints` of this database are; the containers and this machine name it alike."""
    return f"s3a://{settings.bucket}/{STATE_FOLDER}/{kind}/{settings.database}"


def environment(
    settings: Settings, keys: Credentials, recipe: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What Docker Compose is started with: it wins over `.env`."""
    names = (
        *("iceberg", "kafka_port", "flink_port", "s3_port", "s3_console_port", "topic", "partitions", "group"),
        *("bucket", "warehouse", "database", "task_slots", "parallelism", "checkpoint_interval_s"),
        *("watermark_delay_s", "allowed_lateness_s"),
    )
    own = {f"LAKEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in names}
    return {
        **environ,
        **own,
        "COMPOSE_PROJECT_NAME": settings.project,
        "LAKEHOUSE_PREFIX": prefix(settings),
        "LAKEHOUSE_S3_ACCESS_KEY": keys.s3_access_key,
        "LAKEHOUSE_S3_SECRET_KEY": keys.s3_secret_key,
        "LAKEHOUSE_RECIPE": recipe,
    }
