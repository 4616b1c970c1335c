"""Puts the jars and the configuration of one image into a folder: `bake.py kafka DIR`, `bake.py flink DIR VERSION`.

Locks, checksums and options are those of the local stack. Runs while the image is built.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tui.model.stack import Progress
from tui.stack import options
from tui.stack.fetch import JarCache, load_lock, repository

LOCKS = Path(__file__).resolve().parent / "jars"
FLINK = {
    "jobmanager.rpc.address": "flink-jobmanager",
    "jobmanager.bind-host": "0.0.0.0",
    "rest.address": "flink-jobmanager",
    "rest.bind-address": "0.0.0.0",
    "rest.port": 8081,
    "taskmanager.bind-host": "0.0.0.0",
    "io.tmp.dirs": "/tmp",
    "fs.allowed-fallback-filesystems": "s3a",  # Hadoop's, which Iceberg uses too: no plugin of Flink's
    "python.client.executable": "/opt/pyflink/bin/python",
    "python.executable": "/opt/pyflink/bin/python",
}
KAFKA = {
    "controller.quorum.voters": "1@127.0.0.1:19093",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,NETWORK:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "NETWORK",
}


def jars(name: str, folder: Path) -> None:
    """The jars of the lock `name`, checked, in `folder`."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as cache:
        found = JarCache(Path(cache))
        wanted = load_lock(LOCKS / f"{name}.json")
        found.fetch(wanted, repository(os.environ), _say)
        for jar in wanted:
            shutil.move(found.path(jar), folder)


def kafka(folder: Path) -> None:
    """Kafka's jars and its configuration without addresses."""
    jars("kafka", folder / "libs")
    config = folder / "config"
    config.mkdir()
    values = {**options.KAFKA, **KAFKA}
    (config / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    (config / "log4j.properties").write_text(options.KAFKA_LOG4J)
    (config / "tools-log4j.properties").write_text(
        options.KAFKA_LOG4J.replace("=INFO", "=WARN") + "log4j.appender.console.target=System.err\n"
    )


def flink(folder: Path, iceberg: str) -> None:
    """The jars beside Flink's own and the configuration, without what an environment decides."""
    jars(f"flink-iceberg-{iceberg}", folder / "lib" / "extra")
    conf = folder / "conf"
    conf.mkdir()
    values = {**options.FLINK, **FLINK}
    (conf / "config.yaml").write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()))
    (conf / "log4j-console.properties").write_text(options.FLINK_LOG4J)


def _say(step: Progress) -> None:
    if step.finished:
        sys.stdout.write(f"{step.step}: {step.detail}\n")


if __name__ == "__main__":
    part, target, *version = sys.argv[1:]
    if part == "kafka":
        kafka(Path(target))
    else:
        flink(Path(target), version[0])
