"""Settings: defaults < TOML file < what this home's stack runs with < environment < flags.

Nothing is read at import. The TOML file is `LAKEHOUSE_CONFIG`, else `lakehouse.toml` in the home.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from tui import remote_settings, state_file
from tui.model.access import FlinkAccess, KafkaAccess
from tui.model.errors import UsageError
from tui.model.remote import Remote

APP = "lakehouse-tui"
ICEBERG_VERSIONS = ("1.7.0", "1.10.0")
CHOICES: dict[str, tuple[str, ...]] = {
    "backend": ("local", "compose", "remote"),
    "iceberg": ICEBERG_VERSIONS,
    "s3": ("s3proxy", "minio"),
    "theme": ("dark", "light", "contrast"),
}
MIN_REFRESH_S, MAX_REFRESH_S = 0.2, 60.0
PORTS = ("kafka_port", "flink_port", "s3_port", "s3_console_port")
_ELSEWHERE = frozenset({"home", "cache", "remote"})
"""What is not set as one value of a layer."""
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka allows (`org.apache.kafka.common.internals.Topic`)."""
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_WAREHOUSE = re.compile(r"s3a://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/[^/].*")
RECORDED = ("backend", "project", "iceberg", "s3", *PORTS)
"""What `up` records in the home until `down`, so that every command in between finds the stack it started."""

PIPELINE = (
    "topic",
    "group",
    "warehouse",
    "database",
    "raw_table",
    "candle_table",
    "bad_table",
    "parallelism",
    "checkpoint_interval_s",
    "watermark_delay_s",
    "allowed_lateness_s",
)
"""What a job is started with: the same again when it is brought back."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; ports are TCP ports on loopback, times are in seconds."""

    home: Path
    cache: Path
    backend: str = "local"
    project: str = "lakehouse"
    iceberg: str = "1.7.0"
    s3: str = "s3proxy"
    kafka_port: int = 9092
    flink_port: int = 8081
    s3_port: int = 9000
    s3_console_port: int = 9001
    topic: str = "trades"
    group: str = "lakehouse"
    partitions: int = 3
    warehouse: str = "s3a://warehouse/iceberg"
    database: str = "lakehouse"
    raw_table: str = "raw_trades"
    candle_table: str = "agg_1m"
    bad_table: str = "bad_trades"
    parallelism: int = 2
    task_slots: int = 4
    checkpoint_interval_s: int = 60
    watermark_delay_s: int = 5
    allowed_lateness_s: int = 3600
    ready_timeout_s: int = 180
    symbols: tuple[str, ...] = field(default=("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    theme: str = "dark"
    refresh_interval_s: float = 1.0
    keys: tuple[tuple[str, str], ...] = ()
    remote: Remote = field(default=Remote())

    @property
    def kafka(self) -> str:
        """Bootstrap address of Kafka."""
        return self.remote.kafka if self.backend == "remote" else f"127.0.0.1:{self.kafka_port}"

    @property
    def kafka_access(self) -> KafkaAccess:
        """How Kafka is reached."""
        return self.remote.kafka_access() if self.backend == "remote" else KafkaAccess(self.kafka)

    @property
    def flink(self) -> str:
        """Base address of Flink's REST interface."""
        return self.remote.flink if self.backend == "remote" else f"http://127.0.0.1:{self.flink_port}"

    @property
    def flink_access(self) -> FlinkAccess:
        """How Flink's REST interface is reached."""
        return self.remote.flink_access() if self.backend == "remote" else FlinkAccess(self.flink)

    @property
    def s3_endpoint(self) -> str:
        """Address of the S3 server; empty for AWS."""
        return self.remote.s3 if self.backend == "remote" else f"http://127.0.0.1:{self.s3_port}"

    @property
    def bucket(self) -> str:
        """The bucket that `warehouse` is in; raises `UsageError` if S3A cannot have such a one."""
        found = _WAREHOUSE.fullmatch(self.warehouse)
        if found is None:
            raise UsageError(
                f"warehouse must be s3a://BUCKET/PATH with the {self.backend} backend, not {self.warehouse!r}."
            )
        return found[1]

    @property
    def table_names(self) -> dict[str, str]:
        """What the tables that are called raw_trades, agg_1m and bad_trades everywhere else are called in the lake."""
        return {"raw_trades": self.raw_table, "agg_1m": self.candle_table, "bad_trades": self.bad_table}

    @property
    def stack_file(self) -> Path:
        """Where `up` records what the stack was started with (JSON, keys of `RECORDED`); `down` removes it."""
        return self.home / "run" / "stack.json"


def load(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Merge all layers into frozen settings; raises `UsageError` naming the layer and the key that is wrong."""
    env = os.environ if environ is None else environ
    given = {k: v for k, v in (flags or {}).items() if v is not None}
    home = _path(given.pop("home", None) or env.get("LAKEHOUSE_HOME") or platformdirs.user_data_dir(APP))
    cache = _path(given.pop("cache", None) or env.get("LAKEHOUSE_CACHE") or platformdirs.user_cache_dir(APP))
    settings = Settings(home=home, cache=cache)
    file, in_file = _file_layer(home, env)
    for origin, layer in (
        (file, {name: value for name, value in in_file.items() if name != "remote"}),
        _recorded_layer(settings),
        ("environment", _env_layer(env)),
        ("flag", given),
    ):
        settings = _apply(settings, origin, layer)
    if settings.backend == "compose":
        settings = replace(settings, s3="minio")  # the only S3 server in containers
        if not _PROJECT.fullmatch(settings.project):
            raise UsageError(f"project must be small letters, digits, - and _, not {settings.project!r}.")
    if settings.backend == "remote":
        settings = replace(settings, remote=remote_settings.parse(file, in_file.get("remote", {}), env))
        remote_settings.check(settings.remote)
    else:
        _check_ports(settings)
    _check_names(settings)
    _ = settings.bucket  # a warehouse without one is a mistake of every command, not only of `up`
    return settings


def with_pipeline(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """`settings` for a job that was started with `values` (names of `PIPELINE`); raises `UsageError` for nonsense."""
    return _apply(settings, "the wanted job", {name: values[name] for name in PIPELINE if name in values})


def as_environment(settings: Settings) -> dict[str, str]:
    """`settings` as the variables that make the same ones in another process."""
    plain = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in ("keys", "symbols", "remote")}
    found = {f"LAKEHOUSE_{name.upper()}": str(value) for name, value in plain.items()}
    return {**found, "LAKEHOUSE_SYMBOLS": ",".join(settings.symbols)}


def _path(value: str | Path) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise UsageError(f"{value} names no user's home; give another path.") from None


def _file_layer(home: Path, env: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    named = env.get("LAKEHOUSE_CONFIG")
    path = _path(named) if named else home / "lakehouse.toml"
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise UsageError(f"The settings file {path} (LAKEHOUSE_CONFIG) does not exist.") from None
        return str(path), {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The settings file {path} is not valid TOML: {error}.") from None
    except RecursionError:
        raise UsageError(f"The settings file {path} is nested without end.") from None
    except OSError as error:
        raise UsageError(f"The settings file {path} cannot be read: {error.strerror}.") from None


def _recorded_layer(settings: Settings) -> tuple[str, Mapping[str, Any]]:
    path = settings.stack_file
    stored = state_file.load(path) or {}
    return str(path), {k: stored[k] for k in RECORDED if k in stored}


def _env_layer(env: Mapping[str, str]) -> Mapping[str, Any]:
    names = {f.name for f in fields(Settings)} - _ELSEWHERE
    return {name: env[key] for name in names if (key := f"LAKEHOUSE_{name.upper()}") in env}


def _apply(settings: Settings, origin: str, layer: Mapping[str, Any]) -> Settings:
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for name, raw in layer.items():
        if name not in hints or name in _ELSEWHERE:
            close = ", ".join(sorted(hints.keys() - _ELSEWHERE))
            raise UsageError(f"{origin}: there is no setting {name!r}; the settings are {close}.")
        values[name] = _convert(origin, name, raw, hints[name])
    return replace(settings, **values)


def _convert(origin: str, name: str, raw: Any, kind: Any) -> Any:
    if kind is int:
        return _positive_int(origin, name, raw)
    if kind is float:
        return _seconds(origin, name, raw)
    if kind is str:
        return _choice(origin, name, raw)
    if name == "keys":
        return _keys(origin, raw)
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) and p.strip() for p in parts):
        raise UsageError(f"{origin}: {name} must be a list of names, not {raw!r}.")
    return tuple(p.strip() for p in parts)


def _positive_int(origin: str, name: str, raw: Any) -> int:
    try:
        value = int(raw) if isinstance(raw, str) else raw
    except ValueError:
        value = None
    highest = 65535 if name in PORTS else 2**31
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise UsageError(f"{origin}: {name} must be a whole number from 1 to {highest}, not {raw!r}.")
    return value


def _seconds(origin: str, name: str, raw: Any) -> float:
    try:
        value = math.nan if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not MIN_REFRESH_S <= value <= MAX_REFRESH_S:
        raise UsageError(f"{origin}: {name} must be from {MIN_REFRESH_S:g} to {MAX_REFRESH_S:g} seconds, not {raw!r}.")
    return value


def _keys(origin: str, raw: Any) -> tuple[tuple[str, str], ...]:
    """A table of command → key as pairs; from the environment as `command=key` with semicolons between."""
    if isinstance(raw, str):
        parts = [part.partition("=") for part in raw.split(";") if part.strip()]
        raw = {name.strip(): key.strip() for name, _, key in parts}
    if not isinstance(raw, Mapping) or not all(isinstance(key, str) and key for key in raw.values()):
        raise UsageError(f'{origin}: keys must be a table such as [keys] with submit = "S", not {raw!r}.')
    return tuple(raw.items())


def _choice(origin: str, name: str, raw: Any) -> str:
    allowed = CHOICES.get(name)
    if not isinstance(raw, str) or not raw or (allowed and raw not in allowed):
        wanted = f"one of {', '.join(allowed)}" if allowed else "a text"
        raise UsageError(f"{origin}: {name} must be {wanted}, not {raw!r}.")
    return raw


def _check_names(settings: Settings) -> None:
    if not _TABLE.fullmatch(settings.database):
        raise UsageError(f"The database's name must be letters, digits and _, not {settings.database!r}.")
    if not _TOPIC.fullmatch(settings.topic) or settings.topic in (".", ".."):
        raise UsageError(
            f"The topic's name must be letters, digits, dots, - and _ (249 at most), not {settings.topic!r}."
        )
    names = settings.table_names
    for name in names.values():
        if not _TABLE.fullmatch(name):
            raise UsageError(f"A table's name must be letters, digits and _, not {name!r}.")
    if len(set(names.values())) < len(names):
        raise UsageError(f"raw_table, candle_table and bad_table must differ: {', '.join(names.values())}.")


def _check_ports(settings: Settings) -> None:
    seen: dict[int, str] = {}
    for name in PORTS:
        if name == "s3_console_port" and settings.s3 != "minio":
            continue  # S3Proxy has no console
        port = getattr(settings, name)
        if port in seen:
            raise UsageError(f"{seen[port]} and {name} are both {port}: give each its own port.")
        seen[port] = name
