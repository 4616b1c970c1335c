"""Experiment 2: Flink SQL – queries, dynamic tables, changelogs, plans.

    uv run experiments/02_flink_sql_basics.py            stops at every step and question
    uv run experiments/02_flink_sql_basics.py --yes      runs through; --list shows the steps

Flink is an engine that computes over streams: data that goes on coming. Its SQL is ordinary SQL; what is new is that a
query over a stream never ends, and that its answer changes while it runs.
"""

from __future__ import annotations

import re
from collections import Counter

from _stack import FlinkSql, Row, make_topic, rows_of, send
from _stage import Experiment, step

START_MS = 1_705_640_400_000  # 2024-01-19 05:00:00 UTC
UNBOUNDED = "/*+ OPTIONS('scan.bounded.mode' = 'unbounded') */"
COUNT_TRADES = """
    SELECT `symbol`, COUNT(*) AS `trades`, SUM(`qty`) AS `total`
    FROM `trades`
    GROUP BY `symbol`
    """
HOW_OFTEN = """
    SELECT `trades`, COUNT(*) AS `symbols`
    FROM (
      SELECT `symbol`, COUNT(*) AS `trades`
      FROM `trades`
      GROUP BY `symbol`
    )
    GROUP BY `trades`
    """
ONE_SYMBOL = """
    SELECT *
    FROM (
      SELECT `symbol`, COUNT(*) AS `trades`
      FROM `trades`
      GROUP BY `symbol`
    )
    WHERE `symbol` = 'BTCUSDT'
    """


class FlinkSqlBasics(Experiment):
    """Experiment 2: Flink SQL – queries, dynamic tables, changelogs, plans"""

    needs = ("kafka", "flink")

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("A table over a topic")
    def table_over_a_topic(self) -> None:
        """DDL over Kafka, and the query as a batch job."""
        self.topic = f"experiment_{self.name}"
        make_topic(self, self.topic, 1)
        trades = [
            _trade(0, "BTCUSDT", 2.0, "BUY"),
            _trade(1, "ETHUSDT", 5.0, "BUY"),
            _trade(2, "BTCUSDT", 1.0, "BUY"),
            _trade(3, "SOLUSDT", 9.0, "BUY"),
            _trade(4, "ETHUSDT", 4.0, "BUY"),
            _trade(5, "BTCUSDT", 1.5, "SELL"),
        ]
        send(self.settings, self.topic, trades)
        self.say(f"""
            The topic {self.topic} holds six trades as JSON. For Flink a TABLE is only a description: where the data is
            (connector), how to read it (format), and which columns it has. CREATE TABLE moves nothing.
            """)
        ddl = f"""
            CREATE TEMPORARY TABLE `trades` (
              `symbol` STRING,
              `qty` DOUBLE,
              `side` STRING
            )
            WITH (
              'connector' = 'kafka',
              'topic' = '{self.topic}',
              'properties.bootstrap.servers' = '{self.settings.kafka}',
              'scan.startup.mode' = 'earliest-offset',
              'scan.bounded.mode' = 'latest-offset',
              'format' = 'json'
            )
            """
        self.show(ddl)
        self.sql = FlinkSql(self)
        self.sql.run(ddl)
        self.say("""
            'scan.bounded.mode' says: stop at what is the end of the topic now. So a query ends, as in any database.
            Flink calls this BATCH mode. It plans the query, sends it to the cluster as a job, and answers:
            """)
        self.show(COUNT_TRADES)
        answer = self.sql.run(COUNT_TRADES, execution__runtime_mode="batch")
        self.batch = sorted(answer.fields)
        self.table(answer.columns, self.batch)
        expected = {symbol: sum(t["symbol"] == symbol for t in trades) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")}
        self.check(
            "One row a symbol, as in any database.",
            {row[0]: row[1] for row in self.batch} == expected,
            batch_rows=len(self.batch),
        )

    @step("The same query over a stream: a changelog")
    def changelog(self) -> None:
        """+I, -U, +U; applied one after the other they are the batch answer."""
        self.say("""
            In STREAMING mode Flink does not know that these six trades are all. It takes one trade after the other,
            and after each one the answer so far has to be right. The answer is a DYNAMIC TABLE: a table that changes.
            What Flink puts out are its changes, the CHANGELOG:

                +I  a new row                  -U  this row was valid until now,
                -D  this row is gone           +U  and this one takes its place
            """)
        self.ask("Six trades of three symbols: the table ends with 3 rows. How many changes lead there?")
        answer = self.sql.run(COUNT_TRADES, execution__runtime_mode="streaming")
        self.table(("kind", *answer.columns), rows_of(answer))
        kinds = Counter(row.kind for row in answer.rows)
        self.note("Applied from top to bottom, the changes leave this table:")
        left = sorted(apply_changes(answer.rows))
        self.table(answer.columns, left)
        self.check(
            f"{len(answer.rows)}: the first trade of a symbol is one change (+I), every other one two (-U and +U). And "
            "what they leave is exactly the batch answer: stream and table are two views of the same thing.",
            left == self.batch and kinds == {"+I": 3, "-U": 3, "+U": 3},
            changes=len(answer.rows),
            kinds=dict(kinds),
            same_as_batch=left == self.batch,
        )

    @step("A query that does not end")
    def continuous(self) -> None:
        """A new trade changes the answer of a running query: a row goes."""
        self.say("""
            Now without an end: a hint overrides the option of the table, and the query goes on reading. It counts the
            counts: how many symbols have been traded once, twice, three times?
            """)
        query = HOW_OFTEN.replace("FROM `trades`", f"FROM `trades` {UNBOUNDED}")
        self.show(query)
        with self.sql.stream(query, execution__runtime_mode="streaming") as running:
            running.until(lambda rows: sorted(apply_changes(rows)) == [(1, 1), (2, 1), (3, 1)])
            self.note("The query runs on the cluster (Flink's web page and the dashboard show it as a job). So far:")
            self.table(running.answer.columns, [(1, 1), (2, 1), (3, 1)])
            self.ask(
                "SOLUSDT has been traded once, no other symbol has. Now it is traded a second time. Which changes does "
                "the query put out?"
            )
            send(self.settings, self.topic, [_trade(6, "SOLUSDT", 9.0, "SELL")])
            changes = running.take(3)
            self.table(("kind", *running.answer.columns), [(row.kind, *row.fields) for row in changes])
            self.check(
                "-D: no symbol with one trade is left, so this row goes and nothing takes its place. And there are two "
                "symbols with two trades now: -U and +U.",
                {(row.kind, *row.fields) for row in changes} == {("-D", 1, 1), ("-U", 2, 1), ("+U", 2, 2)},
                deleted=[row.fields[0] for row in changes if row.kind == "-D"],
            )
            self.say(f"""
                To know this, Flink has to remember the counts of every symbol: this is STATE. State lives as long as
                the query, and CHECKPOINTS save it, so that a restart goes on with the same counts. In the lakehouse's
                own job the state is what it knows of each minute and symbol.

                We end the query now; its job {running.answer.job_id} is cancelled.
                """)

    @step("The plan: what Flink makes of a query")
    def plan(self) -> None:
        """EXPLAIN: the optimizer moves a filter below an aggregation."""
        self.say("""
            EXPLAIN shows the plan without running it. Read it from the bottom: data comes in below, every line is an
            operator.

            This query counts the trades of every symbol, and then keeps one symbol:
            """)
        self.show(ONE_SYMBOL)
        self.ask("Does Flink really count every symbol and throw away all but one?")
        plan = self.sql.run(f"EXPLAIN {ONE_SYMBOL}").text.split("== Optimized Execution Plan ==")[1].strip()
        self.show(_narrow(plan))
        lines = plan.splitlines()
        where = next(i for i, line in enumerate(lines) if "where=" in line)
        aggregate = next(i for i, line in enumerate(lines) if "GroupAggregate" in line)
        self.check(
            "No: the optimizer moved the filter (where=…) below GroupAggregate, so only trades of BTCUSDT are counted. "
            "Exchange is where rows travel to the task that has their key.",
            where > aggregate,
            filter_below_aggregate=where > aggregate,
        )
        self.say("""
            EXPLAIN CHANGELOG_MODE also says which changes each operator can put out: I is +I, UB is -U, UA is +U, and
            D is -D. Of these queries it says:
            """)
        modes = {
            "only a filter": "SELECT `symbol`, `qty` FROM `trades` WHERE `qty` > 1",
            "COUNT, GROUP BY": COUNT_TRADES,
            "counts of counts": HOW_OFTEN,
        }
        rows = [(name, _mode(self.sql.run(f"EXPLAIN CHANGELOG_MODE {query}").text)) for name, query in modes.items()]
        self.table(("query", "changes it can put out"), rows)
        self.check(
            "A filter only adds rows; an aggregation updates them; one over rows that change can delete some. (EXPLAIN "
            "assumes a reader who finds a row by its key and needs no UB; what nobody needs, the plan leaves out.)",
            [mode for _, mode in rows] == ["I", "I,UA", "I,UA,D"],
            changelog_modes=[mode for _, mode in rows],
        )

    @step("Not every table can take every change")
    def sinks(self) -> None:
        """An append-only sink refuses an updating query when it is planned."""
        self.say("""
            A plain topic can only be added to: a message that is there cannot be updated. We ask Flink to write the
            counts of the second step into one.
            """)
        ddl = f"""
            CREATE TEMPORARY TABLE `counts` (`symbol` STRING, `trades` BIGINT)
            WITH (
              'connector' = 'kafka',
              'topic' = '{self.topic}',
              'properties.bootstrap.servers' = '{self.settings.kafka}',
              'format' = 'json'
            )
            """
        self.sql.run(ddl)
        insert = """
            INSERT INTO `counts`
            SELECT `symbol`, COUNT(*)
            FROM `trades`
            GROUP BY `symbol`
            """
        self.show(insert)
        self.ask("What will happen: will it write every change, only the last ones, or nothing?")
        refusal = self.sql.refused(insert)
        self.note(refusal)
        self.check(
            "Nothing: Flink refuses it when it plans the query, before any row is read. This is why the lakehouse's "
            "candles (agg_1m) are a table with a PRIMARY KEY in Iceberg, which takes updates: experiment 4 opens it.",
            "consuming update changes" in refusal,
            refusal=refusal,
        )


def apply_changes(changes: list[Row]) -> list[tuple[object, ...]]:
    """The table that is left when the changes are applied in their order."""
    table: list[tuple[object, ...]] = []
    for change in changes:
        if change.kind in ("+I", "+U"):
            table.append(change.fields)
        else:
            table.remove(change.fields)
    return table


def _trade(second: int, symbol: str, qty: float, side: str) -> dict[str, object]:
    return {"symbol": symbol, "ts": START_MS + second * 1000, "qty": qty, "side": side}


def _mode(explained: str) -> str:
    """Which changes the topmost operator of the plan can put out."""
    plan = explained.split("== Optimized Physical Plan ==")[1].strip()
    return plan.splitlines()[0].rsplit("changelogMode=[", 1)[1].split("]")[0]


def _narrow(plan: str) -> str:
    """The plan without the default catalog and the types of constants, to fit the screen."""
    short = plan.replace("default_catalog, default_database, ", "")
    return re.sub(r"CAST\(('\w+') AS VARCHAR\(\d+\)\)", r"\1", short)


if __name__ == "__main__":
    FlinkSqlBasics.main()
