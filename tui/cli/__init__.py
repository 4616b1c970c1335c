"""The headless commands; this module only parses and dispatches, so that `--help` stays quick."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tui.settings import Settings

Flag = tuple[tuple[str, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: where its function is (`module:function` below `tui.cli`), its help and its flags."""

    name: str
    target: str
    help: str
    flags: tuple[Flag, ...] = ()


def _flag(*names: str, **options: Any) -> Flag:
    return names, options


class Parser(argparse.ArgumentParser):
    """Takes flags by their whole names only; says what is wrong in one sentence and ends with 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """End with one sentence."""
        self.exit(_say(f"{' '.join(message.split())} (see {self.prog} --help).", 2))


def positive(text: str) -> int:
    """A whole number from 1 up, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return value


def port(text: str) -> int:
    """A TCP port, for argparse."""
    value = positive(text)
    if value > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (1 to 65535)")
    return value


RECORD = _flag(
    "--record", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="write every reading to a new FILE"
)
REPLAY = _flag("--replay", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="play a recording")
SPEED = _flag("--speed", type=float, metavar="X", default=argparse.SUPPRESS, help="with --replay: how fast")
JSON = _flag("--json", action="store_true", help="print JSON")
YES = _flag("--yes", action="store_true", help="do not ask")
TABLES = ("raw_trades", "agg_1m", "bad_trades")
PRODUCE = (
    _flag("--rate", type=float, metavar="N", help="trades a second, 0 is as fast as it goes (default 50)"),
    _flag("--count", type=positive, metavar="N", help="end after N trades"),
    _flag("--seed", type=int, metavar="S", help="the same seed gives the same trades"),
    _flag("--backfill", metavar="2h", help="write history first: 90s, 30m, 2h"),
    _flag("--late", type=float, metavar="P", help="fraction of trades that come late, 0 to 1"),
    _flag("--bad", type=float, metavar="P", help="fraction of messages that are not trades, 0 to 1"),
    _flag("--duplicates", type=float, metavar="P", help="fraction of trades sent twice, 0 to 1"),
)

COMMANDS = (
    Command("up", "stack:up", "start the lakehouse; the first time it downloads what it needs", (JSON,)),
    Command(
        "down",
        "stack:down",
        "stop everything in order",
        (_flag("--purge", action="store_true", help="delete all data too (asks first)"), YES),
    ),
    Command("status", "stack:status", "services, job and producer", (JSON,)),
    Command(
        "logs",
        "stack:logs",
        "log of a service",
        (
            _flag("service", metavar="SERVICE", help="kafka, s3, jobmanager, taskmanager, producer, …"),
            _flag("-f", "--follow", action="store_true", help="go on as new lines come"),
            _flag("-n", "--lines", type=positive, default=200, help="how many lines (default 200)"),
            JSON,
        ),
    ),
    Command("doctor", "doctor:doctor", "is this machine fit; of a remote cluster, is each connection", (JSON,)),
    Command(
        "produce",
        "produce:produce",
        "start the background producer (one a home)",
        (
            *PRODUCE,
            _flag("--stop", action="store_true", help="stop the background producer"),
            _flag("--foreground", action="store_true", help="produce here until done or Ctrl-C"),
        ),
    ),
    Command(
        "submit",
        "job:submit",
        "start the job, from its newest checkpoint or savepoint",
        (
            _flag("--fresh", action="store_true", help="start over: writes every trade again (asks first)"),
            YES,
            JSON,
        ),
    ),
    Command("cancel", "job:cancel", "cancel the job; its checkpoints stay", (JSON,)),
    Command("checkpoint", "job:checkpoint", "trigger a checkpoint now and wait for its commit", (JSON,)),
    Command("savepoint", "job:savepoint", "stop the job with a savepoint", (JSON,)),
    Command("lag", "read:lag", "offsets and lag of every partition", (JSON,)),
    Command(
        "jobs",
        "read:jobs",
        "jobs of the Flink cluster",
        (JSON, _flag("--exceptions", action="store_true", help="with the exceptions of the newest job")),
    ),
    Command(
        "snapshots",
        "read:snapshots",
        "snapshots of a table",
        (
            _flag(
                "table",
                nargs="?",
                metavar="TABLE",
                choices=TABLES,
                default=None,
                help="raw_trades, agg_1m (default) or bad_trades",
            ),
            _flag("--limit", type=positive, metavar="N", help="only the newest N"),
            JSON,
        ),
    ),
    Command(
        "candles",
        "read:candles",
        "one-minute candles",
        (
            _flag("--symbol", metavar="S", help="only this symbol"),
            _flag("--limit", type=positive, default=20, metavar="N", help="newest N a symbol (default 20)"),
            JSON,
        ),
    ),
    Command("verify", "verify:verify", "prove that what came out is what went in", (JSON,)),
    Command(
        "sql",
        "sql:sql",
        "Flink's SQL client with the catalog ready",
        (_flag("-f", "--file", metavar="FILE", help="run this file and end"),),
    ),
    Command(
        "serve",
        "serve:serve",
        "the dashboard in a browser, read-only",
        (
            _flag("--host", default="127.0.0.1", metavar="HOST", help="interface (default 127.0.0.1)"),
            _flag("--port", type=port, default=8000, metavar="PORT", help="port of the page (default 8000)"),
            _flag("--allow-actions", action="store_true", help="the browser may start and stop things"),
            _flag("--allow-remote", action="store_true", help="an interface that others can reach"),
            REPLAY,
            SPEED,
        ),
    ),
    Command(
        "demo",
        "demo:demo",
        "all of it: up, produce, submit, candles, verified",
        (
            _flag("--headless", action="store_true", help="print the summary, then stop everything"),
            _flag("--keep", action="store_true", help="with --headless: leave it running"),
            RECORD,
            *PRODUCE,
        ),
    ),
)

DASHBOARD = Command("", "dashboard:dashboard", "the dashboard")
"""What runs where no command is given; its flags are the top ones."""

SETTING_FLAGS = (
    "backend",
    "project",
    "iceberg",
    "s3",
    "kafka_port",
    "flink_port",
    "s3_port",
    "s3_console_port",
    "checkpoint_interval_s",
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("settings (also in the settings file and as LAKEHOUSE_* in the environment)")
    group.add_argument("--home", type=Path, metavar="DIR", help="data, logs and state of this lakehouse")
    for name in SETTING_FLAGS:
        group.add_argument(f"--{name.removesuffix('_s').replace('_', '-')}", dest=name, metavar=_metavar(name))
    top = Parser(
        prog="lakehouse-tui",
        description="A cockpit for a streaming lakehouse: Kafka → Flink → Iceberg. Without a command: the dashboard.",
        parents=[common],
    )
    top.add_argument("--version", action="store_true", help="print the version and end")
    top.add_argument("--read-only", action="store_true", help="the dashboard without any action")
    top.add_argument("--record", type=Path, metavar="FILE", help="write every reading of the dashboard to a new file")
    top.add_argument("--replay", type=Path, metavar="FILE", help="play a recording: no service is needed or asked")
    top.add_argument("--speed", type=float, metavar="X", help="with --replay: how fast, 0.1 to 100 (default 1)")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            parents=[common],
        )
        for names, options in command.flags:
            sub.add_argument(*names, **options)
    return top


def _metavar(name: str) -> str:
    if name.endswith("_port"):
        return "PORT"
    return {"project": "NAME", "iceberg": "1.7.0|1.10.0", "s3": "s3proxy|minio", "backend": "local|compose|remote"}.get(
        name, "SECONDS"
    )


def run(argv: Sequence[str]) -> int:
    """Parse `argv` and run the command; prints errors as one sentence on stderr."""
    with suppress(AttributeError):  # a name of a file may hold bytes that are no text
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = parser().parse_args(argv)
    if arguments.version:
        from importlib.metadata import version

        sys.stdout.write(version("lakehouse-tui") + "\n")
        return 0
    command = next((c for c in COMMANDS if c.name == arguments.command), DASHBOARD)
    if command is not DASHBOARD:
        for name in ("record", "replay", "speed"):
            if getattr(arguments, name) is not None and not _takes(command, name):
                return _say(f"--{name} is for the dashboard, not for {command.name}.", 2)
    return _dispatch(command, arguments)


def _takes(command: Command, name: str) -> bool:
    return any(f"--{name}" in names for names, _ in command.flags)


def _dispatch(command: Command, arguments: argparse.Namespace) -> int:
    from tui.model.errors import LakehouseError, UsageError

    settings: Settings | None = None
    try:
        settings = _settings(arguments)
        module, function = command.target.split(":")
        target = getattr(importlib.import_module(f"tui.cli.{module}"), function)
        return int(target(settings, arguments))
    except UsageError as error:
        return _say(str(error), 2)
    except LakehouseError as error:
        return _say(str(error), 1)
    except KeyboardInterrupt:
        return _say("Interrupted.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user never sees a traceback
        return _say(_unexpected(settings, error), 1)


def _settings(arguments: argparse.Namespace) -> Settings:
    from tui.settings import Settings, load

    names = {f.name for f in fields(Settings)}
    return load({k: v for k, v in vars(arguments).items() if k in names})


def _say(sentence: str, status: int) -> int:
    from tui.cli.output import tell

    tell(f"lakehouse-tui: {sentence}")
    return status


def _unexpected(settings: Settings | None, error: Exception) -> str:
    if settings is None:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return f"Unexpected error ({what})."
    from tui.bootstrap import report

    return report(settings, error)
