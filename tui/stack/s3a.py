"""S3A's options (Hadoop 3.3.4) as a `core-site.xml`, for Flink and its client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tui.model.access import S3Access
from tui.stack import options

_PROVIDERS = "org.apache.hadoop.fs.s3a"
_CHAIN = (
    "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
    "com.amazonaws.auth.profile.ProfileCredentialsProvider",
    f"{_PROVIDERS}.auth.IAMInstanceCredentialsProvider",
)
"""Where keys are looked for when there are none in the settings: here, and on the cluster's own machines."""


def core_site(access: S3Access, buffers: Path | None) -> str:
    """The file's text; it holds the keys. `buffers` is where uploads wait, `None` for each machine's own place.

    The local server, whose buffers are the home's, keeps ETags in extended attributes, which not every copy of a home
    has; S3A then reads without its watch for changed objects, and nothing changes objects there.

    Iceberg's catalog takes all of it to the cluster, inside of the job.
    """
    own = {"fs.s3a.buffer.dir": buffers, "fs.s3a.change.detection.version.required": "false"}
    place = {} if buffers is None else own
    values = {**options.S3A, **_place(access), **_keys(access), **place}
    lines = [f"  <property><name>{k}</name><value>{_xml(str(v))}</value></property>" for k, v in values.items()]
    return "\n".join(["<configuration>", *lines, "</configuration>", ""])


def _place(access: S3Access) -> dict[str, Any]:
    encrypted = not access.endpoint.startswith("http:")
    return {
        **({"fs.s3a.endpoint": access.endpoint} if access.endpoint else {}),
        "fs.s3a.endpoint.region": access.region,
        "fs.s3a.path.style.access": "true" if access.endpoint else "false",
        "fs.s3a.connection.ssl.enabled": "true" if encrypted else "false",
    }


def _keys(access: S3Access) -> dict[str, Any]:
    if not access.access_key:
        return {"fs.s3a.aws.credentials.provider": ",".join(_CHAIN)}
    kind = "TemporaryAWSCredentialsProvider" if access.session_token else "SimpleAWSCredentialsProvider"
    keys = {
        "fs.s3a.access.key": access.access_key,
        "fs.s3a.secret.key": access.secret_key,
        "fs.s3a.aws.credentials.provider": f"{_PROVIDERS}.{kind}",
    }
    return keys | ({"fs.s3a.session.token": access.session_token} if access.session_token else {})


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
