"""Writes `docs/reference.md`, commands, settings and keys, from the code: `uv run python docs/reference.py`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path

from tui import cli
from tui.settings import CHOICES, Settings
from tui.view import registry
from tui.view.screens.dashboard import DashboardScreen
from tui.view.screens.flink import FlinkScreen
from tui.view.screens.iceberg import IcebergScreen
from tui.view.screens.kafka import KafkaScreen
from tui.view.screens.logs import LogsScreen
from tui.view.screens.sql import SqlScreen
from tui.view.screens.verify import VerifyScreen

PAGE = Path(__file__).with_name("reference.md")
OWN = {
    "Dashboard, `1`": DashboardScreen,
    "Kafka, `2`": KafkaScreen,
    "Flink, `3`": FlinkScreen,
    "Iceberg, `4`": IcebergScreen,
    "Logs, `5`": LogsScreen,
    "SQL, `6`": SqlScreen,
    "Verify, `v`": VerifyScreen,
}
ABOUT = {
    "home": "data, logs and state of one lakehouse; by default the user's data folder",
    "cache": "downloads, shared by all homes; by default the user's cache folder",
    "backend": "what the cockpit drives: processes of this machine, containers, or a cluster that is already there",
    "project": "names containers, network and volumes of the compose backend",
    "iceberg": "the set of Iceberg's jars",
    "s3": "the S3 server of the local backend",
    "kafka_port": "Kafka, on loopback",
    "flink_port": "Flink's REST interface and web pages, on loopback",
    "s3_port": "S3, on loopback",
    "s3_console_port": "MinIO's console, on loopback",
    "topic": "the topic of the trades",
    "group": "the job's consumer group",
    "partitions": "how many partitions `up` gives a new topic",
    "warehouse": "where the tables are; `up` makes its bucket",
    "database": "the namespace of the tables",
    "raw_table": "what the table of all trades is called in the lake",
    "candle_table": "what the table of candles is called in the lake",
    "bad_table": "what the table of refused messages is called in the lake",
    "parallelism": "of the job",
    "task_slots": "of the TaskManager",
    "checkpoint_interval_s": "seconds between two checkpoints, and so between two commits",
    "watermark_delay_s": "seconds that the watermark stays behind the newest trade",
    "allowed_lateness_s": "seconds that a trade may come late and still correct its candle",
    "ready_timeout_s": "seconds that a service may take to get ready",
    "symbols": "what the producer trades",
    "theme": "the dashboard's colours",
    "refresh_interval_s": "seconds between two questions of the dashboard, 0.2 to 60",
    "keys": 'the dashboard\'s keys, a table of the settings file: `command = "key"`',
    "remote": "addresses and logins of a cluster, a table of the settings file: see README",
}
"""What each setting is; a setting without an entry is an error."""


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Reference",
        "",
        "Made by `docs/reference.py` from the code; a test holds it to that. The shapes of `--json` are in",
        "[json.md](json.md).",
        "",
        "## Commands",
        "",
        "`lakehouse-tui [COMMAND] [FLAGS]`; without a command the dashboard opens. Every command takes the flags of",
        "the settings, too.",
        "",
    ]
    parser = cli.parser()
    lines += ["### The dashboard", "", *_flags(a for a in parser._actions if a.dest not in _common()), ""]
    chosen = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for command in cli.COMMANDS:
        own = [a for a in chosen.choices[command.name]._actions if a.dest not in _common()]
        lines += [f"### `{command.name}`", "", f"{command.help[0].upper()}{command.help[1:]}.", "", *_flags(own)]
        lines += [""] if own else []
    lines += ["## Settings", "", "Weakest first: defaults, the settings file, what the running stack was started with,"]
    lines += ["the environment, flags.", "", *_settings(), "", "## Keys", ""]
    lines += ["Every key can be changed in the settings file, by the name in the first column.", ""]
    groups: dict[str, Sequence[registry.Command]] = {
        "Screens": registry.SCREENS,
        "Lakehouse": registry.ACTIONS,
        "Display": registry.DISPLAY,
        "While a recording is played": registry.REPLAY,
        **{name: screen.OWN for name, screen in OWN.items()},
    }
    for title, commands in groups.items():
        lines += [f"### {title}", "", *_keys(commands), ""]
    return "\n".join(lines).rstrip() + "\n"


def _common() -> frozenset[str]:
    return frozenset({"help", "command", "home", *cli.SETTING_FLAGS})


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not cells:
        return []
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells)]


def _flags(found: Iterable[argparse.Action]) -> list[str]:
    return _table(("Flag", ""), ((_flag(a), a.help or "") for a in found))


def _flag(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if not action.option_strings:
        return f"`{f'[{value.strip()}]' if action.nargs == '?' else value.strip()}`"
    return ", ".join(f"`{name}{value}`" for name in action.option_strings)


def _settings() -> list[str]:
    return _table(
        ("Setting", "Default", "Flag", "Environment", ""),
        (
            (f"`{f.name}`", _default(f), _setting_flag(f.name), _variable(f.name), _about(f.name))
            for f in fields(Settings)
        ),
    )


def _default(one: Field[object]) -> str:
    if one.default is MISSING or one.name in ("keys", "remote"):
        return "–"
    value = one.default
    return f"`{' '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _setting_flag(name: str) -> str:
    known = name == "home" or name in cli.SETTING_FLAGS
    return f"`--{name.removesuffix('_s').replace('_', '-')}`" if known else "–"


def _variable(name: str) -> str:
    return "–" if name == "keys" else "`LAKEHOUSE_REMOTE_*`" if name == "remote" else f"`LAKEHOUSE_{name.upper()}`"


def _about(name: str) -> str:
    choices = CHOICES.get(name)
    return ABOUT[name] + (f": {', '.join(f'`{one}`' for one in choices)}" if choices else "")


def _keys(commands: Iterable[registry.Command]) -> list[str]:
    rows = (
        (f"`{c.id}`", " ".join(f"`{registry.shown(k)}`" for k in c.keys.split(",") if k) or "palette", c.help)
        for c in commands
    )
    return _table(("Command", "Key", ""), rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
