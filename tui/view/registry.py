"""Every key and what it does: the one table that feeds bindings, the key bar, the help and the palette.

A key can be changed in the settings file (`[keys]`, `command = "key"`); two commands on one key are an error that names
both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType
from textual.keys import Keys, _character_to_key

from tui.model.errors import UsageError

_SHOWN = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "question_mark": "?",
    "colon": ":",
    "comma": ",",
    "full_stop": ".",
    "dollar_sign": "$",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "slash": "/",
    "left": "←",
    "right": "→",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "space": "space",
    "escape": "esc",
    "enter": "enter",
    "ctrl+p": "^p",
    "ctrl+c": "^c",
}
_NAMED = frozenset(key.value for key in Keys) | {"space", "enter", "escape", "tab"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `keys` as Textual names them (several by comma), `action` its method, `label` for the key bar.

    `rank` orders the key bar (lowest first); `None` keeps it out. `performs` names the action of the lakehouse that it
    starts. `palette` lists it there.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    group: str = "This screen"
    rank: int | None = None
    performs: str | None = None
    palette: bool = True

    @property
    def shown_key(self) -> str:
        """Its first key as a reader knows it."""
        return shown(self.keys.split(",")[0])

    @property
    def binding(self) -> Binding:
        """The Textual binding; its id lets the settings change the key."""
        return Binding(self.keys, self.action, self.label, show=False, id=self.id, tooltip=self.help)


def _act(name: str, keys: str, label: str, help_: str, group: str, rank: int | None) -> Command:
    return Command(name, keys, f"perform('{name}')", label, help_, group, rank, performs=name)


SCREENS = (
    Command("dashboard", "1", "go('dashboard')", "dashboard", "the whole lakehouse on one screen", "Screens", 20),
    Command("kafka", "2", "go('kafka')", "kafka", "partitions, consumer groups, messages", "Screens", 20),
    Command("flink", "3", "go('flink')", "flink", "job graph, checkpoints, exceptions, TaskManagers", "Screens", 20),
    Command("iceberg", "4", "go('iceberg')", "iceberg", "tables, snapshots, files, time travel", "Screens", 20),
    Command("logs", "5", "go('logs')", "logs", "every service's log, live", "Screens", 20),
    Command("sql", "6", "go('sql')", "sql", "ask the tables in SQL", "Screens", 20),
    Command("verify", "v", "verify", "verify", "prove that what came out is what went in", "Screens", 6),
)
ACTIONS = (
    _act("up", "u", "up", "start Kafka, S3 and Flink", "Lakehouse", 1),
    _act("down", "d", "down", "stop everything; asks first, the data stays", "Lakehouse", 9),
    _act("produce", "p", "produce", "start the producer", "Lakehouse", 2),
    _act("silence", "P", "stop producer", "stop the producer", "Lakehouse", 8),
    _act("submit", "s", "submit", "start the job from its newest checkpoint or savepoint", "Lakehouse", 3),
    _act("cancel", "c", "cancel", "cancel the job; asks first", "Lakehouse", 5),
    _act("savepoint", "x", "savepoint", "stop the job with a savepoint; asks first", "Lakehouse", 7),
    _act("checkpoint", "k", "checkpoint", "checkpoint now and wait for its commit", "Lakehouse", 4),
    Command(
        "submit_fresh",
        "",
        "perform('submit_fresh')",
        "submit fresh",
        "start the job from the beginning: writes every trade again; asks first",
        "Lakehouse",
        performs="submit_fresh",
    ),
)
DISPLAY = (
    Command("symbol_previous", "left_square_bracket", "symbol(-1)", "symbol", "the symbol before", "Display"),
    Command("symbol_next", "right_square_bracket", "symbol(1)", "symbol", "the next symbol", "Display", 11),
    Command("refresh", "r", "reload", "refresh", "ask every source now", "Display"),
    Command("pause", "space", "pause", "pause", "freeze the display; what is behind it goes on", "Display", 10),
    Command("slower", "plus,equals_sign", "interval(1)", "slower", "longer refresh interval", "Display"),
    Command("faster", "minus", "interval(-1)", "faster", "shorter refresh interval", "Display"),
    Command("theme", "t", "theme", "theme", "next theme: dark, light, contrast", "Display"),
    Command(
        "palette", "ctrl+p,colon", "command_palette", "palette", "all commands by name", "Display", 30, palette=False
    ),
    Command("help", "question_mark", "help", "help", "keys and numbers of this screen", "Display", 0),
    Command("quit", "q", "leave", "quit", "back to the dashboard, or quit", "Display", 0),
    Command("interrupt", "ctrl+c,ctrl+q", "quit_now", "quit", "quit at once", "Display", palette=False),
)
REPLAY = (
    Command("replay_slower", "left_curly_bracket", "speed(-1)", "slower", "play slower", "Recording", 4),
    Command("replay_faster", "right_curly_bracket", "speed(1)", "faster", "play faster", "Recording", 3),
    Command("replay_back", "comma", "seek(-10)", "-10 s", "ten seconds back", "Recording", 1),
    Command("replay_on", "full_stop", "seek(10)", "+10 s", "ten seconds on", "Recording", 2),
    Command("replay_start", "0", "seek_to(0)", "start", "to the start", "Recording", 5),
    Command("replay_end", "dollar_sign", "seek_to(1)", "end", "to the end", "Recording", 6),
)
"""Offered only while a recording is played."""
GLOBAL = (*SCREENS, *ACTIONS, *DISPLAY)


def bindings(commands: Iterable[Command]) -> list[BindingType]:
    """Textual bindings of those commands that have a key."""
    return [command.binding for command in commands if command.keys]


def brief(commands: Iterable[Command]) -> list[Command]:
    """The commands with one entry for all numbered screens."""
    found = list(commands)
    numbered = [c for c in found if c.action.startswith("go(")]
    if len(numbered) < 2:
        return found
    keys = f"{numbered[0].shown_key}-{numbered[-1].shown_key}"
    one = Command("screens", keys, "command_palette", "screens", "", rank=10)
    return [*(c for c in found if c not in numbered), one]


def shown(key: str) -> str:
    """A key as a reader knows it."""
    return _SHOWN.get(key, key.replace("ctrl+", "^"))


def remapped(commands: Sequence[Command], keys: Mapping[str, str]) -> tuple[Command, ...]:
    """The commands with the user's keys."""
    return tuple(replace(c, keys=normal(keys[c.id])) if c.id in keys else c for c in commands)


def normal(keys: str) -> str:
    """Keys as Textual names them: `?` → `question_mark`; several by comma."""
    parts = [","] if keys == "," else [part.strip() for part in keys.split(",")]
    return ",".join(_character_to_key(part) if len(part) == 1 else part.lower() for part in parts)


def check(keys: Mapping[str, str], screens: Mapping[str, Sequence[Command]]) -> None:
    """Refuse unknown commands, unknown keys, and a key that two commands of one screen share (`UsageError`)."""
    every = (*GLOBAL, *REPLAY, *(command for own in screens.values() for command in own))
    known = {command.id for command in every}
    for name, key in keys.items():
        if name not in known:
            raise UsageError(f"[keys]: there is no command {name!r}; the commands are {', '.join(sorted(known))}.")
        for part in normal(key).split(","):
            if not _is_key(part):
                raise UsageError(f"[keys]: {name} = {key!r}, but {part!r} is no key (try a letter, f8 or ctrl+k).")
    for screen, own in screens.items():
        _check_screen(screen, remapped((*GLOBAL, *REPLAY, *own), keys))


def _check_screen(screen: str, commands: Iterable[Command]) -> None:
    taken: dict[str, Command] = {}
    for command in commands:
        for key in filter(None, command.keys.split(",")):
            other = taken.setdefault(key, command)
            if other.id != command.id:
                raise UsageError(
                    f"[keys]: {other.id} and {command.id} are both on {shown(key)!r} (screen {screen}): "
                    "give one of them another key."
                )


def _is_key(name: str) -> bool:
    base = name.split("+")[-1]
    modifiers = name.split("+")[:-1]
    return all(m in ("ctrl", "shift", "alt") for m in modifiers) and (
        base in _NAMED or name in _NAMED or len(base) == 1 or base in _SHOWN or base in _CHARACTER_NAMES
    )


_CHARACTER_NAMES = frozenset(_character_to_key(chr(code)) for code in range(33, 127))
