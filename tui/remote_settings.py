"""The table `[remote]`: its keys from the settings file and from `LAKEHOUSE_REMOTE_*`, its secrets only from there.

A secret `NAME` is `LAKEHOUSE_REMOTE_<NAME>`, else the first line of the file that `LAKEHOUSE_REMOTE_<NAME>_FILE` or
`NAME_file` in the table names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tui.model.errors import UsageError
from tui.model.remote import MECHANISMS, SECRETS, SECURITIES, Remote

PREFIX = "LAKEHOUSE_REMOTE_"
_PLAIN = tuple(f.name for f in fields(Remote) if f.name not in SECRETS)
_FILES = tuple(f"{name}_file" for name in SECRETS)
_PATHS = ("kafka_ca", "flink_ca", *_FILES)
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:,\[\]/]+):\d{1,5}")
_FOLDER = re.compile(r"(?:s3a?://[^/\s]+/|file:///)[^\s?#]*[^\s?#/]")


def parse(origin: str, table: Any, env: Mapping[str, str]) -> Remote:
    """The settings of the cluster; `table` is what the file `origin` has under `[remote]`.

    Raises `UsageError` that names the layer and the key; a secret in the file is refused, and never repeated.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f'{origin}: remote must be a table such as [remote] with kafka = "HOST:9092".')
    values = {name: _text(origin, name, raw) for name, raw in table.items()}
    for name in (*_PLAIN, *SECRETS, *_FILES):
        if (key := f"{PREFIX}{name.upper()}") in env:
            values[name] = env[key].strip()
    for name in _PATHS:
        if values.get(name):
            values[name] = _absolute(name, values[name])
    named = {name.removesuffix("_file"): values.pop(name) for name in _FILES if name in values}
    for name, path in named.items():
        if path and not values.get(name):
            values[name] = _secret(name, Path(path))
    return replace(Remote(), **values)


def _absolute(name: str, value: str) -> str:
    try:
        return str(Path(value).expanduser().absolute())
    except RuntimeError:
        raise UsageError(f"{name} in [remote] names no user's home: {value}.") from None


def check(remote: Remote) -> None:
    """Raise `UsageError` for what is missing or does not fit together."""
    for name in ("kafka", "flink"):
        if not getattr(remote, name):
            raise UsageError(
                f"The remote backend needs the address of {name.capitalize()}: set {name} in [remote] of the settings "
                f"file, or {PREFIX}{name.upper()}."
            )
    _check_kafka(remote)
    _check_url("flink", remote.flink)
    if remote.s3:
        _check_url("s3", remote.s3)
    if remote.flink_token and remote.flink_username:
        raise UsageError("[remote] has both a flink_username and a flink_token: one of them is enough.")
    if bool(remote.s3_access_key) != bool(remote.s3_secret_key):
        raise UsageError("[remote] needs both of s3_access_key and s3_secret_key, or none of them.")
    for name in ("checkpoint_dir", "savepoint_dir"):
        value = getattr(remote, name)
        if value and not _FOLDER.fullmatch(value):
            raise UsageError(f"{name} in [remote] must be s3a://BUCKET/PATH or file:///PATH, not {value!r}.")
    for name in ("kafka_ca", "flink_ca"):
        value = getattr(remote, name)
        if value and not Path(value).is_file():
            raise UsageError(f"{name} in [remote] names {value}, which does not exist.")


def _check_kafka(remote: Remote) -> None:
    if not all(_ADDRESS.fullmatch(part) for part in remote.kafka.split(",")):
        raise UsageError(f"kafka in [remote] must be HOST:PORT[,HOST:PORT…], not {remote.kafka!r}.")
    if remote.kafka_security not in SECURITIES:
        raise UsageError(f"kafka_security must be one of {', '.join(SECURITIES)}, not {remote.kafka_security!r}.")
    if not remote.kafka_security.startswith("SASL"):
        if remote.kafka_sasl or remote.kafka_username:
            raise UsageError("kafka_sasl and kafka_username need a kafka_security of SASL_SSL or SASL_PLAINTEXT.")
        return
    if remote.kafka_sasl not in MECHANISMS:
        raise UsageError(f"kafka_sasl must be one of {', '.join(MECHANISMS)}, not {remote.kafka_sasl!r}.")
    if not remote.kafka_username or not remote.kafka_password:
        raise UsageError(
            f"{remote.kafka_security} needs kafka_username in [remote], and the password in {PREFIX}KAFKA_PASSWORD or "
            "in the file that kafka_password_file names."
        )


def _check_url(name: str, value: str) -> None:
    try:
        url = urlsplit(value)
        good = url.scheme in ("http", "https") and bool(url.hostname) and not (url.query or url.fragment)
        _ = url.port
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{name} in [remote] must be http(s)://HOST:PORT, not {_without_user(value)!r}.")
    if url.username or url.password:
        raise UsageError(
            f"{name} in [remote] holds a user or password: take it out of the address and use {name}_username and "
            f"{PREFIX}{name.upper()}_PASSWORD."
            if name == "flink"
            else f"{name} in [remote] holds a user or password: take it out of the address."
        )


def _without_user(value: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", value)


def _text(origin: str, name: str, raw: Any) -> str:
    """One value of the settings file; a secret is refused, and never repeated."""
    if name in SECRETS:
        raise UsageError(
            f"{origin}: {name} is a secret and must not be in this file: set {PREFIX}{name.upper()} in the "
            f'environment, or {name}_file = "PATH" here.'
        )
    if name not in (*_PLAIN, *_FILES):
        known = ", ".join(sorted((*_PLAIN, *_FILES)))
        raise UsageError(f"{origin}: there is no setting {name!r} in [remote]; the settings are {known}.")
    if name == "kafka" and isinstance(raw, list) and all(isinstance(part, str) for part in raw):
        return ",".join(part.strip() for part in raw)
    if not isinstance(raw, str):
        raise UsageError(f"{origin}: {name} in [remote] must be a text, not {raw!r}.")
    return raw.strip()


def _secret(name: str, path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{name}_file names {path}, which cannot be read: {why}.") from None
    if not lines or not lines[0].strip():
        raise UsageError(f"{name}_file names {path}, which is empty.")
    return lines[0].strip()
