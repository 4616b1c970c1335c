"""Flink: JobManager and TaskManager, run by Java directly from PyFlink's own jars.

Flink's start scripts start two further Java machines each, only to read the configuration and to divide the memory;
here both are given in full, so that the service's process is all that starts.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.model.access import S3Access
from tui.model.errors import LakehouseError, UnavailableError
from tui.settings import Settings
from tui.stack import options
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout, write_private
from tui.stack.local.readiness import HOST, http_json, slots, taskmanagers
from tui.stack.local.spec import ProgramSpec, java
from tui.stack.restore_points import flink_uri
from tui.stack.s3a import core_site

if TYPE_CHECKING:
    from tui.stack.provision import Provisioned

JOBMANAGER = "jobmanager"
TASKMANAGER = "taskmanager"
_RESOURCE_PREFIX = "local-"


def prepare(
    settings: Settings, layout: Layout, provisioned: Provisioned, keys: Credentials, internal: dict[str, int]
) -> None:
    """Write Flink's home: links to the jars, configuration, and S3A's `core-site.xml` with the keys (mode 0600)."""
    home = layout.flink_home
    temporary = layout.data / "flink" / "tmp"
    access = S3Access(settings.s3_endpoint, access_key=keys.s3_access_key, secret_key=keys.s3_secret_key)
    lay_out(layout, provisioned)
    values = _configuration(settings, layout, provisioned, internal)
    write_private(home / "conf" / "config.yaml", "".join(f"{k}: {json.dumps(v)}\n" for k, v in values.items()))
    write_private(home / "conf" / "log4j-console.properties", options.FLINK_LOG4J)
    write_private(home / "conf" / "core-site.xml", core_site(access, temporary))


def lay_out(layout: Layout, provisioned: Provisioned) -> None:
    """Make Flink's home anew: links to the jars and to Flink's scripts, and an empty `conf`."""
    home = layout.flink_home
    temporary = layout.data / "flink" / "tmp"
    for outdated in (home / "lib", home / "conf", home / "bin", temporary):
        if outdated.is_symlink():
            outdated.unlink()
        shutil.rmtree(outdated, ignore_errors=True)  # also of a home that was copied without its links
    temporary.mkdir(mode=0o700)
    for folder in (".", "conf", "lib", "lib/extra", "log", "plugins"):
        (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for jar in sorted((provisioned.pyflink / "lib").glob("*.jar")):
        (home / "lib" / jar.name).symlink_to(jar)
    for jar in provisioned.flink_extra_jars:
        (home / "lib" / "extra" / jar.name).symlink_to(jar)
    (home / "bin").symlink_to(provisioned.pyflink / "bin")  # where Flink's scripts look for each other
    for name in ("log4j-cli.properties", "log4j-session.properties"):
        shutil.copyfile(provisioned.pyflink / "conf" / name, home / "conf" / name)


def client_environment(layout: Layout, provisioned: Provisioned) -> dict[str, str]:
    """Variables with which Flink's own scripts and programs find this home instead of PyFlink's package."""
    home = layout.flink_home
    return {
        "JAVA_HOME": str(provisioned.java.home),
        "FLINK_HOME": str(home),
        "_FLINK_HOME_DETERMINED": "1",
        "FLINK_BIN_DIR": str(provisioned.pyflink / "bin"),
        "FLINK_LIB_DIR": str(home / "lib"),
        "FLINK_OPT_DIR": str(provisioned.pyflink / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "FLINK_CONF_DIR": str(home / "conf"),
        "FLINK_LOG_DIR": str(home / "log"),
        "FLINK_PID_DIR": str(layout.run),
        "HADOOP_CONF_DIR": str(home / "conf"),
    }


def client_program(name: str, layout: Layout, provisioned: Provisioned, arguments: list[str]) -> tuple[str, ...]:
    """A program of Flink's `opt` folder as a command line; Flink's own script for it splits paths at blanks."""
    home = layout.flink_home
    log4j = (home / "conf" / "log4j-cli.properties").as_uri()
    flags = [f"-Dlog4j.configurationFile={log4j}", f"-Dlog.file={layout.logs / name}.log", "-XX:+UseSerialGC"]
    jars = [*sorted((home / "lib").rglob("*.jar")), *sorted((provisioned.pyflink / "opt").glob("flink-*.jar"))]
    flags = [*java_options(provisioned.pyflink).split(), *flags]
    return java(layout, name, provisioned.java.home, flags, [*jars, home / "conf"], arguments)


def jobmanager(layout: Layout, provisioned: Provisioned) -> ProgramSpec:
    """How to run the JobManager (and its REST server)."""
    heap = [f"-Xms{options.JM_HEAP_MB // 2}m", f"-Xmx{options.JM_HEAP_MB}m", "-XX:MaxMetaspaceSize=256m"]
    flags = [*heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    main = ["org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"]
    arguments = [*main, "--configDir", str(layout.flink_home / "conf"), "--executionMode", "cluster"]
    return _program(JOBMANAGER, layout, provisioned, flags, arguments)


def taskmanager(layout: Layout, provisioned: Provisioned) -> ProgramSpec:
    """How to run the TaskManager; it registers under a name that holds its process id."""
    heap = options.TM_MB["framework_heap"] + options.TM_MB["task_heap"]
    direct = options.TM_MB["framework_off_heap"] + options.TM_MB["task_off_heap"] + options.TM_MB["network"]
    flags = [
        f"-Xms{heap // 2}m",
        f"-Xmx{heap}m",
        f"-XX:MaxDirectMemorySize={direct}m",
        f"-XX:MaxMetaspaceSize={options.TM_METASPACE_MB}m",
        "-XX:+UseG1GC",
    ]
    main = ["org.apache.flink.runtime.taskexecutor.TaskManagerRunner"]
    identity = f"-Dtaskmanager.resource-id={_RESOURCE_PREFIX}{{pid}}"
    arguments = [*main, "--configDir", str(layout.flink_home / "conf"), identity]
    return _program(TASKMANAGER, layout, provisioned, flags, arguments)


def probe_jobmanager(settings: Settings, timeout_s: float) -> str:
    """Ask for the cluster's overview; raises `UnavailableError` if it does not answer."""
    overview = http_json(settings.flink_port, "/overview", timeout_s)
    return f"Flink {overview.get('flink-version', '?')}"


def probe_taskmanager(settings: Settings, pid: int, timeout_s: float) -> str:
    """Whether exactly this process has registered its slots; raises `UnavailableError` if not (yet)."""
    known = taskmanagers(settings.flink_port, timeout_s)
    ours = next((t for t in known if t.get("id") == f"{_RESOURCE_PREFIX}{pid}"), None)
    if ours is None:
        raise UnavailableError("not registered at the JobManager")
    return slots(ours)


def _program(
    name: str, layout: Layout, provisioned: Provisioned, flags: list[str], arguments: list[str]
) -> ProgramSpec:
    home = layout.flink_home
    log4j = (home / "conf" / "log4j-console.properties").as_uri()
    opened = java_options(provisioned.pyflink).split()
    common = [*opened, f"-Dlog4j.configurationFile={log4j}", f"-Dlog.file={layout.logs / name}.log"]
    common.append(f"-Djava.io.tmpdir={layout.data / 'flink' / 'tmp'}")
    own = sorted((home / "lib").rglob("*.jar"), key=lambda jar: (jar.name.startswith("flink-dist"), str(jar)))
    classpath = [*own, home / "conf"]
    argv = java(layout, name, provisioned.java.home, [*flags, *common], classpath, arguments)
    return ProgramSpec(name, argv, client_environment(layout, provisioned))


def java_options(pyflink: Path) -> str:
    """The module openings that PyFlink's own configuration gives for Java 17."""
    path = pyflink / "conf" / "config.yaml"
    found = re.search(r"^ +all: (--add-.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise LakehouseError(f"{path} lacks env.java.opts.all; delete the cache folder and run `lakehouse-tui up`.")
    return found[1]


def _configuration(
    settings: Settings, layout: Layout, provisioned: Provisioned, internal: dict[str, int]
) -> dict[str, Any]:
    """Options of Flink 1.19 (its documentation, "Configuration"); addresses are loopback without exception."""
    data = layout.data / "flink"
    return {
        **options.FLINK,
        "env.java.opts.all": java_options(provisioned.pyflink),
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": internal["jobmanager_rpc"],
        "jobmanager.bind-host": HOST,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": settings.flink_port,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": settings.task_slots,
        "taskmanager.cpu.cores": float(settings.task_slots),
        "parallelism.default": settings.parallelism,
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_s} s",
        "state.checkpoints.dir": flink_uri(data / "checkpoints"),
        "state.savepoints.dir": flink_uri(data / "savepoints"),
        "io.tmp.dirs": str(data / "tmp"),
        "web.tmpdir": str(data / "tmp"),
    }
