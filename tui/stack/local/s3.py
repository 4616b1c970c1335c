"""The S3 server: S3Proxy on a folder by default, or a MinIO binary with its console."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tui.model.errors import LakehouseError, UnavailableError
from tui.settings import Settings
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout, write_private
from tui.stack.local.readiness import HOST, http_request
from tui.stack.local.signing import sign
from tui.stack.local.spec import ProgramSpec, java, properties

if TYPE_CHECKING:
    from tui.stack.provision import Provisioned

NAME = "s3"
_FLAGS = ["-Xms64m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_LOGBACK = """\
<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder>
      <pattern>%d{"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",UTC} %-5level %logger{0}: %msg%n</pattern>
    </encoder>
  </appender>
  <logger name="org.eclipse.jetty" level="WARN"/>
  <root level="INFO">
    <appender-ref ref="console"/>
  </root>
</configuration>
"""


def spec(settings: Settings, layout: Layout, provisioned: Provisioned, keys: Credentials) -> ProgramSpec:
    """Write the chosen server's configuration and say how to run it."""
    if settings.s3 == "minio":
        return _minio(settings, layout, provisioned, keys)
    return _s3proxy(settings, layout, provisioned, keys)


def _s3proxy(settings: Settings, layout: Layout, provisioned: Provisioned, keys: Credentials) -> ProgramSpec:
    data = _data(settings, layout)
    keep_private(data)
    values = {
        "s3proxy.endpoint": f"http://{HOST}:{settings.s3_port}",
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": keys.s3_access_key,
        "s3proxy.credential": keys.s3_secret_key,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": "local",
        "jclouds.credential": "local",
        "jclouds.filesystem.basedir": str(data).replace("\\", "\\\\"),
    }
    file = layout.conf / "s3proxy.properties"
    logback = layout.conf / "s3proxy-logback.xml"
    write_private(file, properties(values))
    write_private(logback, _LOGBACK)
    flags = [*_FLAGS, f"-Dlogback.configurationFile={logback}"]
    main = ["org.gaul.s3proxy.Main", "--properties", str(file)]
    argv = java(layout, NAME, provisioned.java.home, flags, list(provisioned.s3proxy_jars), main)
    return ProgramSpec(NAME, argv)


def keep_private(folder: Path) -> None:
    """Take away what others may do with the files: S3Proxy gives anybody what their modes let anybody read.

    What the server writes itself is private (its umask); a home that was copied without its modes is not.
    """
    for place, folders, files in os.walk(folder):
        for path in (Path(place), *(Path(place, name) for name in (*folders, *files))):
            with suppress(OSError):
                mode = path.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    path.chmod(stat.S_IMODE(mode) & 0o700)


def _minio(settings: Settings, layout: Layout, provisioned: Provisioned, keys: Credentials) -> ProgramSpec:
    if provisioned.minio is None:
        raise LakehouseError("There is no MinIO binary; put one on PATH or start with `--s3 s3proxy`.")
    user, password = layout.conf / "minio-user", layout.conf / "minio-password"
    write_private(user, keys.s3_access_key)
    write_private(password, keys.s3_secret_key)
    argv = (
        str(provisioned.minio),
        "server",
        "--quiet",
        "--address",
        f"{HOST}:{settings.s3_port}",
        "--console-address",
        f"{HOST}:{settings.s3_console_port}",
        str(_data(settings, layout)),
    )
    env = {
        "MINIO_ROOT_USER_FILE": str(user),
        "MINIO_ROOT_PASSWORD_FILE": str(password),
        "MINIO_UPDATE": "off",
        "MINIO_BROWSER": "on",
        "MINIO_CONFIG_DIR": str(layout.conf / "minio"),
    }
    return ProgramSpec(NAME, argv, env)


def probe(settings: Settings, keys: Credentials, timeout_s: float) -> str:
    """Look for the bucket with a signed request; raises `UnavailableError` if the server does not answer it.

    It is not listed: S3Proxy goes through every file for that, also when one key is asked for.
    """
    status, _ = _signed(settings, keys, "HEAD", f"/{settings.bucket}", "", timeout_s)
    if status == 404:
        return f"bucket {settings.bucket} does not exist"
    if status != 200:
        raise UnavailableError(f"bucket {settings.bucket} answers HTTP {status}")
    return f"{settings.s3}, bucket {settings.bucket}"


def ensure_bucket(settings: Settings, keys: Credentials, timeout_s: float) -> str:
    """Create the bucket if it is missing; returns what there is to say about it."""
    status, _ = _signed(settings, keys, "HEAD", f"/{settings.bucket}", "", timeout_s)
    if status == 200:
        return f"bucket {settings.bucket} is there"
    status, body = _signed(settings, keys, "PUT", f"/{settings.bucket}", "", timeout_s)
    if status != 200:
        reason = body.decode("utf-8", "replace")[:200]
        raise UnavailableError(f"Bucket {settings.bucket} cannot be made (HTTP {status}): {reason}")
    return f"bucket {settings.bucket} made"


def _signed(
    settings: Settings, keys: Credentials, method: str, path: str, query: str, timeout_s: float
) -> tuple[int, bytes]:
    host = f"{HOST}:{settings.s3_port}"
    headers = sign(method, host, path, query, keys.s3_access_key, keys.s3_secret_key, datetime.now(UTC))
    target = f"{path}?{query}" if query else path
    return http_request(settings.s3_port, method, target, timeout_s, headers)


def check_data(settings: Settings, layout: Layout) -> None:
    """Raise `LakehouseError` if the home's tables were written by the other server, whose format is its own."""
    for other in (layout.data / "s3").iterdir():
        if other.name != settings.s3 and other.is_dir() and any(other.iterdir()):
            raise LakehouseError(
                f"The home {layout.home} holds data of {other.name}; start it with `--s3 {other.name}`, "
                "or delete it with `lakehouse-tui down --purge`."
            )


def _data(settings: Settings, layout: Layout) -> Path:
    check_data(settings, layout)
    folder = layout.data / "s3" / settings.s3
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
