"""How the numbers of each panel are made, in two sentences, and the experiments that show it.

The help and `docs/screens.md` are both made of these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explained:
    """One panel: the id of its widget, its title, two sentences, and experiments as (file, step that shows it)."""

    widget: str
    title: str
    sentences: tuple[str, str]
    experiments: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """Both sentences."""
        return " ".join(self.sentences)

    @property
    def hint(self) -> str:
        """What to type to see it, and at which step it is seen."""
        return f"See it: {'; '.join(f'uv run {path}, step {steps}' for path, steps in self.lessons.items())}"

    @property
    def lessons(self) -> dict[str, str]:
        """The experiments' files in a clone → their steps in words."""
        found: dict[str, list[str]] = {}
        for name, step in self.experiments:
            found.setdefault(f"experiments/{name}.py", []).append(str(step))
        return {path: " and ".join(steps) for path, steps in found.items()}


KAFKA_LAB, SQL_LAB, WINDOWS_LAB = "01_kafka_basics", "02_flink_sql_basics", "03_flink_windows"
ICEBERG_LAB, STORE_LAB, PIPELINE_LAB = "04_iceberg_tables", "05_minio_s3a", "06_full_pipeline"

DASHBOARD = (
    Explained(
        "header",
        "The first line",
        (
            "fresh is the clock minus the event time of the newest trade that a committed candle holds: it grows until "
            "the next checkpoint commits, then falls.",
            "A service is ready once it has answered a real question, and the job is green while it runs with all of "
            "its tasks.",
        ),
        ((PIPELINE_LAB, 2),),
    ),
    Explained(
        "panel-kafka",
        "Kafka",
        (
            "com.lag is the partition's next offset (high) minus the offset that the job's group has committed, so it "
            "falls with each checkpoint; read lag is high minus the offset that Flink's source has reached.",
            "in/s is how far high moves a second, over the last 10 s, out/s how far the source does, over the last 30 "
            "s, and ETA is read lag divided by their difference.",
        ),
        ((KAFKA_LAB, 4),),
    ),
    Explained(
        "panel-flink",
        "Flink",
        (
            "Rates, busy and backpr. are Flink's own metrics of each vertex (a step of the job): rates are the sum of "
            "its subtasks over the last minute, busy and backpr. are those of its busiest one.",
            "watermark is how far event time is behind the clock there; a checkpoint took the time from its trigger "
            "to the last task's answer, and size is what it wrote.",
        ),
        ((WINDOWS_LAB, 1), (PIPELINE_LAB, 2)),
    ),
    Explained(
        "panel-candles",
        "Candles",
        (
            "Solid candles are rows of agg_1m; shaded ones add the trades that no checkpoint has committed yet, read "
            "from Kafka behind the tables' last offset, so that each trade counts once.",
            "Open and close are the first and the last trade by time, partition and offset, and the percentage is the "
            "last price against the first open that is shown.",
        ),
        ((PIPELINE_LAB, 2), (PIPELINE_LAB, 4)),
    ),
    Explained(
        "panel-iceberg",
        "Iceberg",
        (
            "Totals and +records, +files, +deletes are what the writer noted in the snapshot's summary: rows that a "
            "delete file takes back are still counted.",
            "ckpt is the checkpoint that Flink stamped into the snapshot, the same number as in the panel Flink; a "
            "checkpoint without rows for a table makes no snapshot of it.",
        ),
        ((ICEBERG_LAB, 1),),
    ),
)
KAFKA = (
    Explained(
        "topic-partitions",
        "Partitions",
        (
            "low is the oldest offset that is kept, high the next one to be written, and messages the difference; "
            "com.lag is high minus committed, read lag high minus read, the offset that Flink's source tells.",
            "in/s is how far high moves a second, over the last 10 s, out/s how far read does, over the last 30 s; in "
            "sync counts the replicas that hold every message.",
        ),
        ((KAFKA_LAB, 1), (KAFKA_LAB, 4)),
    ),
    Explained(
        "topic-groups",
        "Consumer groups",
        (
            "lag is the sum of high minus committed offset over the partitions that the group has committed on.",
            "The job's group has no members: Flink shares the partitions out itself, and commits offsets with each "
            "checkpoint only to show how far it is.",
        ),
        ((KAFKA_LAB, 4), (KAFKA_LAB, 5)),
    ),
    Explained(
        "topic-messages",
        "Messages",
        (
            "Messages are read by a reader without a group, so that looking moves no offset of anybody.",
            "✗ marks what the job's rules refuse, judged here by the same rules; only whether a trade comes too late "
            "is left to the job, which sees them in order.",
        ),
        ((KAFKA_LAB, 3), (PIPELINE_LAB, 3)),
    ),
)
FLINK = (
    Explained(
        "flink-graph",
        "Graph",
        (
            "A box is a vertex of the running job, an operator or a chain of them, as Flink's plan has it; an arrow is "
            "a stream between two of them and how its records are shared out.",
            "Rates are the sum of the vertex's subtasks over the last minute, busy and backpr. those of the busiest "
            "one.",
        ),
        ((SQL_LAB, 4),),
    ),
    Explained(
        "flink-vertices",
        "Vertices",
        (
            "Records in and out are Flink's counters since the task began, and the watermark is how far event time is "
            "behind the clock, by the slowest subtask.",
            "busy is the share of time a subtask works, backpr. the share it waits for the next vertex to take its "
            "records, idle the rest.",
        ),
        ((WINDOWS_LAB, 1),),
    ),
    Explained(
        "flink-checkpoints",
        "Checkpoints",
        (
            "took is from the trigger until the last task has answered, size is what was written for it: offsets of "
            "the source and state of the query, which belong together.",
            "in Iceberg counts the tables that have a snapshot stamped with this checkpoint's number.",
        ),
        ((PIPELINE_LAB, 2), (PIPELINE_LAB, 5)),
    ),
    Explained(
        "flink-exceptions",
        "Exceptions",
        (
            "These are the failures that Flink keeps of this job, newest first, with the task that failed and the "
            "innermost cause.",
            "After each the job goes back to its newest checkpoint: offsets, state and tables fit each other again.",
        ),
        ((PIPELINE_LAB, 5),),
    ),
    Explained(
        "flink-configuration",
        "Configuration",
        (
            "These are the settings as JobManager and job report them, not those of a file.",
            "Values of settings that look like secrets are not shown.",
        ),
        ((ICEBERG_LAB, 5),),
    ),
    Explained(
        "flink-taskmanagers",
        "TaskManagers",
        (
            "A slot runs one part of each vertex, so a job of parallelism 2 takes two of them; free slots are what "
            "other jobs could take.",
            "Memory and processor are what the TaskManager's Java process measures of itself, and the heartbeat's age "
            "is the JobManager's clock.",
        ),
        ((ICEBERG_LAB, 5),),
    ),
)
ICEBERG = (
    Explained(
        "lake-tables",
        "Tables",
        (
            "Records, files, deletes and bytes are the totals in the summary of the newest snapshot.",
            "A table has no snapshot until a checkpoint brings rows for it: bad_trades gets its first with the first "
            "bad message.",
        ),
        ((ICEBERG_LAB, 1),),
    ),
    Explained(
        "lake-snapshots",
        "Snapshots",
        (
            "A row is one commit: what it added by its own summary, with the checkpoint and the job that Flink stamped "
            "into it.",
            "An opened snapshot is compared with its parent, file by file, and candles key by key: the rows of both "
            "states are read with their deletes applied.",
        ),
        ((ICEBERG_LAB, 1), (ICEBERG_LAB, 5)),
    ),
    Explained(
        "lake-schema",
        "Schema",
        (
            "Columns, partitions and properties are those of the table's newest metadata file.",
            "A column is its id: files written under another name or with fewer columns are still read by it.",
        ),
        ((ICEBERG_LAB, 3),),
    ),
    Explained(
        "lake-files",
        "Files",
        (
            "These are the live files of the snapshot, from its manifests: data files, and delete files that take rows "
            "of them away by key (equality) or by place (position).",
            "A data file is small below three quarters of the target size, Iceberg's own rule for rewriting; the "
            "advice counts small files and delete files.",
        ),
        ((ICEBERG_LAB, 5), (ICEBERG_LAB, 7)),
    ),
    Explained(
        "lake-data",
        "Data",
        (
            "Rows are read from the data files with every delete file applied: an equality delete takes older rows "
            "with its key, a position delete one row of a file.",
            "As of an older snapshot the same is done with that snapshot's files, which is why looking back needs no "
            "copy.",
        ),
        ((ICEBERG_LAB, 2), (ICEBERG_LAB, 6)),
    ),
)
LOGS = (
    Explained(
        "log",
        "Logs",
        (
            "The newest 20,000 lines are kept; a log of any length is read from its end, and what is left out is said "
            "where it is missing.",
            "A level is the one that the line itself names, and a stack trace has the level of the line above it.",
        ),
        ((PIPELINE_LAB, 5),),
    ),
)
SQL = (
    Explained(
        "sql-editor",
        "The query",
        (
            "DuckDB asks each table as it was at one snapshot, the newest when the query began, with every delete file "
            "applied by this product's own reader.",
            "Only the columns that the query needs are read, and nothing can be written or reached outside.",
        ),
        ((ICEBERG_LAB, 5),),
    ),
    Explained(
        "sql-answer",
        "The answer",
        (
            "The lower border names the snapshot of each table and when it was committed: the answer stays of that "
            "moment, and is dimmed as soon as a newer snapshot is known.",
            "More rows than the limit are cut and said to be there; an export has all of them.",
        ),
        ((ICEBERG_LAB, 2),),
    ),
)
VERIFY = (
    Explained(
        "checks",
        "Checks",
        (
            "The ledger counts every Kafka offset below the committed ones in raw_trades and bad_trades, where each "
            "has to be exactly once; candles are computed again from raw_trades and compared in every column.",
            "Everything is read anew for each run, with none of the numbers of the other screens.",
        ),
        ((PIPELINE_LAB, 6),),
    ),
)


def ordered(explained: Sequence[Explained], widgets: Sequence[str]) -> tuple[Sequence[Explained], Sequence[Explained]]:
    """The panels whose widget is one of `widgets` (the focus and what it is in), then the others."""
    here = [one for one in explained if one.widget in widgets]
    return here, [one for one in explained if one not in here]
