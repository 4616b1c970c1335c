"""`submit`, `cancel`, `checkpoint`, `savepoint`."""

from __future__ import annotations

from argparse import Namespace

from tui import bootstrap
from tui.cli.output import confirm, print_json, progress, say
from tui.core.control import TABLES
from tui.settings import Settings


def submit(settings: Settings, arguments: Namespace) -> int:
    """Start the job where its newest checkpoint or savepoint ends."""
    control = bootstrap.control(settings)
    if arguments.fresh and not _confirm_fresh(settings, arguments):
        say("Nothing was submitted.")
        return 1
    with progress() as sink:
        done = control.submit(sink, fresh=arguments.fresh)
    if arguments.json:
        point = done.restored
        restored = point and {"kind": point.kind, "checkpoint_id": point.checkpoint_id, "path": point.path}
        print_json({"job_id": done.job_id, "restored": restored, "seconds": round(done.seconds, 2)})
    else:
        origin = f"{done.restored.kind} {done.restored.checkpoint_id}" if done.restored else "the beginning"
        remark = f" Note: {done.remark}." if done.remark else ""
        say(f"Job {done.job_id} runs, from {origin} ({done.seconds:.1f} s).{remark}")
    return 0


def _confirm_fresh(settings: Settings, arguments: Namespace) -> bool:
    histories = bootstrap.control(settings).histories()
    rows = {name: h.current.total_records for name, h in histories.items() if h is not None and h.current is not None}
    if not any(rows.values()):
        return True
    held = ", ".join(f"{name} {rows[name]:,}" for name in TABLES if rows.get(name))
    question = f"The tables hold data ({held} rows): starting over writes every trade a second time. Go on?"
    return confirm(question, yes=arguments.yes)


def cancel(settings: Settings, arguments: Namespace) -> int:
    """Cancel the running job."""
    job_id = bootstrap.control(settings).cancel()
    if arguments.json:
        print_json({"job_id": job_id})
    else:
        say(f"Job {job_id} is cancelled; `lakehouse-tui submit` continues from its newest checkpoint.")
    return 0


def checkpoint(settings: Settings, arguments: Namespace) -> int:
    """Trigger a checkpoint and wait for its commit."""
    with progress() as sink:
        done = bootstrap.control(settings).checkpoint(sink)
    if arguments.json:
        print_json(
            {"checkpoint_id": done.checkpoint_id, "tables": list(done.tables), "seconds": round(done.seconds, 2)}
        )
    elif done.tables:
        say(f"Checkpoint {done.checkpoint_id} is committed to {', '.join(done.tables)} ({done.seconds:.1f} s).")
    else:
        say(f"Checkpoint {done.checkpoint_id} is complete; there was no new trade to commit ({done.seconds:.1f} s).")
    return 0


def savepoint(settings: Settings, arguments: Namespace) -> int:
    """Stop the running job with a savepoint."""
    job, path = bootstrap.control(settings).savepoint()
    if arguments.json:
        print_json({"job_id": job.id, "path": path})
    else:
        say(f"Job {job.id} stopped with savepoint {path}; `lakehouse-tui submit` continues from it.")
    return 0
