"""Adds what the fault suite reported to `docs/reliability.jsonl`, and draws `docs/reliability.md` from all of it.

    uv run python docs/reliability.py [FILE...]

A FILE has one JSON line a run, as `pytest -m faults --report FILE` writes them; a seed that is there twice counts as it
went last. Lines of `tests/faults/test_kills.py` go into the same files.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("reliability.md")
RUNS = Path(__file__).with_name("reliability.jsonl")
HEAD = """\
# What the lakehouse survives

Made by `docs/reliability.py` from what `uv run pytest -m faults --seed 1 --runs N --report FILE` reported; nothing here
is written by hand.

A run: a producer writes 300 messages a second, of them 2 % late, 2 % bad and 2 % sent twice; the job commits every 3
seconds. One to three faults of the list strike at random moments, also while the damage of the one before is not mended
yet. Then nobody presses a key: the supervisor and the keeper mend it. Once every task runs again the producer is
stopped, every message is committed, and the run is **exact** if all of this is true:

- `verify` is true in every check: each offset of the topic is in `raw_trades` or `bad_trades` once, each candle equals
  what its trades say, and no key is there twice;
- `bad_trades` holds exactly the messages that are no trades, each read from Kafka and judged apart from the job;
- no process of the home runs that its supervisor has not started.

The faults of a seed are the same each time, and so is what each does; at which step of a commit it strikes is chance.
Ten runs share a pipeline, so that the next ones find what those before have written.
"""
NOTES = """\
A fault's recovery times are those of the runs that it ended, from the end of the fault until every service was ready
and every task ran, and went on running: a fault before it, and the back-off of a job that is lost twice, are part of
them. A process that stands still for some seconds loses nothing that would have to recover, so 0 is common there; its
longest stand is longer than Flink's heartbeats wait (15 s). After `checkpoint damaged` the keeper refuses what would
not be exact until the test puts the checkpoint back; the time counts from there. Seed 95 was repeated: the test had
taken a job that the keeper was about to end, because of a cancel, for the one that it was to submit.
"""


KILLS = """\
The dashboard, in a terminal over the running stack, and the supervisor get SIGKILL at a random moment of what they are
amid (`uv run pytest -m faults tests/faults/test_kills.py --kills N --report FILE`). A kill is **clean** if the
dashboard leaves no process, not even the client that submits a job, and takes none of the stack along; if nothing of
the stack outlives the supervisor, the command under way says no more than a sentence, and the next `up` makes
everything ready; and if no process of the home runs afterwards that its supervisor has not started.

Three of the first 200 kills were not clean, at a load above 20: twice `up` ended with a traceback over half of a killed
supervisor's answer, once a submission's Java that was still starting outlived the dashboard by ten seconds. Both are
mended, and those kills were repeated.
"""
CLOCK = """\
## A clock that jumps

`tests/faults/test_clock.py` moves the wall clock of every process of a stack under load: an hour on, half an hour back,
right again, 38 seconds back. Forwards, and within a minute backwards, the job goes on. Further back Iceberg takes no
commit that is more than a minute older than the newest snapshot: the job restarts until the clock has caught up, the
dashboard says how far it is behind, and then all of it is exact: `verify`, `bad_trades` and processes as above.
"""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them are not above."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Every run by its seed, as it went last; then every kill likewise."""
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    found = {_key(run): run for run in map(json.loads, lines)}
    return [found[key] for key in sorted(found)]


def _key(line: dict[str, Any]) -> tuple[str, int]:
    """A run's seed, or who is killed the how manyth time."""
    return ("", line["seed"]) if "seed" in line else (line["kill"], line["number"])


def page(found: Sequence[dict[str, Any]]) -> str:
    """The whole text."""
    runs = [line for line in found if "seed" in line]
    outcomes = Counter(run["outcome"] for run in runs)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    messages = sum(run["messages"] or 0 for run in last_of_each_pipeline(runs))
    faults = sum(len(run["faults"]) for run in runs)
    parts = [HEAD, "## Result", ""]
    parts += [f"{len(runs)} runs, {faults} faults, {messages:,} messages: **{told}**.{machine(runs)}", ""]
    parts += [*table(runs), "", NOTES]
    parts += [*failures(runs), CLOCK, *killed([line for line in found if "kill" in line])]
    return "\n".join(parts).rstrip() + "\n"


def killed(kills: Sequence[dict[str, Any]]) -> list[str]:
    """Who was killed amid what, how often, and how many of the kills were clean; what was wrong after the others."""
    if not kills:
        return []
    lines = ["## Killed again and again", "", KILLS]
    lines += ["| Killed | amid | times | of them clean |", "|---|---|---:|---:|"]
    for who, moment in sorted({(kill["kill"], kill["moment"]) for kill in kills}):
        own = [kill for kill in kills if (kill["kill"], kill["moment"]) == (who, moment)]
        lines.append(f"| {who} | {moment} | {len(own)} | {sum(not kill['wrong'] for kill in own)} |")
    bad = [f"- {k['kill']} {k['number']} ({k['moment']}): {'; '.join(k['wrong'])}" for k in kills if k["wrong"]]
    return [*lines, "", *bad]


def machine(runs: Sequence[dict[str, Any]]) -> str:
    """How busy the machine was, as far as runs tell: times are slower on a busy one."""
    loads = [run["load"] for run in runs if run.get("load") is not None]
    cores = sorted({run["cores"] for run in runs if run.get("cores")})
    if not loads or not cores:
        return ""
    told = f"load average {min(loads):.0f} to {max(loads):.0f}, half of the time above {percentile(loads, 0.5):.0f}"
    return f" The machine: {' or '.join(map(str, cores))} cores, {told}. An idle one recovers sooner."


def last_of_each_pipeline(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs after which the next one counts from the beginning: a run's messages are all that its topic holds."""
    following = [*runs[1:], None]
    return [a for a, b in zip(runs, following, strict=True) if b is None or (b["messages"] or 0) < (a["messages"] or 0)]


def table(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Faults × outcomes × recovery times."""
    lines = [
        "| Fault | struck | in runs | of them exact | ended a run | recovery p50, s | p95, s | max, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in sorted({fault["name"] for run in runs for fault in run["faults"]}):
        own = [run for run in runs if any(f["name"] == name for f in run["faults"])]
        exact = sum(run["outcome"] == "exact" for run in own)
        struck = sum(f["name"] == name for run in own for f in run["faults"])
        times = [r["recovery_s"] for r in own if r["faults"][-1]["name"] == name and r["recovery_s"] is not None]
        lines.append(f"| {name} | {struck} | {len(own)} | {exact} | {len(times)} | {_times(times)} |")
    return lines


def _times(times: Sequence[float]) -> str:
    if not times:
        return "– | – | –"
    return " | ".join(f"{value:.1f}" for value in (percentile(times, 0.5), percentile(times, 0.95), max(times)))


def failures(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Each run that was not exact, with what was wrong."""
    bad = [run for run in runs if run["outcome"] != "exact"]
    lines = [f"- seed {r['seed']} ({', '.join(f['name'] for f in r['faults'])}): {'; '.join(r['wrong'])}" for r in bad]
    return ["## Runs that were not exact", "", *lines, ""] if lines else []


if __name__ == "__main__":
    found = read([RUNS, *map(Path, sys.argv[1:])])
    RUNS.write_text("".join(f"{json.dumps(line)}\n" for line in found), encoding="utf-8")
    TARGET.write_text(page(found), encoding="utf-8")
