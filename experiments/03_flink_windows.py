"""Experiment 3: Flink windows – event time, watermarks, late data, tumbling, hopping and session windows.

    uv run experiments/03_flink_windows.py            stops at every step and question
    uv run experiments/03_flink_windows.py --yes      runs through; --list shows the steps

"How many trades were there each minute?" is easy when all data is there. In a stream it never is: trades come late and
out of order. Here you see how Flink decides when a minute is done, and what becomes of a trade that comes after that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from _stack import FlinkSql, Stream, make_topic, send
from _stage import Experiment, step

from tui import bootstrap

START_MS = 1_705_640_400_000  # 2024-01-19 05:00:00 UTC
DELAY_S = 5
ON_TIME = (1, 15, 58, 52)
"""Seconds after 05:00:00 of the first trades, in the order in which they come; 52 comes after 58."""
CLOSING, LATE, LAST = 66, 50, 125
UNBOUNDED = "/*+ OPTIONS('scan.bounded.mode' = 'unbounded') */"
TUMBLE = """
    SELECT `window_start`, `window_end`, COUNT(*) AS `trades`
    FROM TABLE(
      TUMBLE(TABLE `trades`, DESCRIPTOR(`event_time`), INTERVAL '1' MINUTE)
    )
    GROUP BY `window_start`, `window_end`
    """
HOP = """
    SELECT `window_start`, `window_end`, COUNT(*) AS `trades`
    FROM TABLE(
      HOP(
        TABLE `trades`, DESCRIPTOR(`event_time`),
        INTERVAL '30' SECOND, INTERVAL '1' MINUTE
      )
    )
    GROUP BY `window_start`, `window_end`
    """
SESSION = """
    SELECT `window_start`, `window_end`, COUNT(*) AS `trades`
    FROM TABLE(
      SESSION(TABLE `trades`, DESCRIPTOR(`event_time`), INTERVAL '30' SECOND)
    )
    GROUP BY `window_start`, `window_end`
    """
LATE_SET = """
    SELECT `event_time`, CURRENT_WATERMARK(`event_time`) AS `watermark`
    FROM `trades`
    WHERE CURRENT_WATERMARK(`event_time`)
      >= TO_TIMESTAMP_LTZ((`ts` / 60000 + 1) * 60000, 3)
    """
CORRECTED = """
    SELECT
      TUMBLE_START(`event_time`, INTERVAL '1' MINUTE) AS `window_start`,
      COUNT(*) AS `trades`
    FROM `trades`
    GROUP BY TUMBLE(`event_time`, INTERVAL '1' MINUTE)
    """


class FlinkWindows(Experiment):
    """Experiment 3: Flink windows – event time, watermarks, late data"""

    needs = ("kafka", "flink")

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("Two clocks: when it happened, when it came")
    def event_time(self) -> None:
        """Event time and the watermark of each trade."""
        self.topic = f"experiment_{self.name}"
        make_topic(self, self.topic, 1)
        self._send(*ON_TIME)
        self.say(f"""
            Every trade carries the time when it happened (ts): its EVENT TIME. When it arrives here is another matter.
            We have sent four trades; the last one happened before the third, but came after it.

                event time    05:00:01   05:00:15   05:00:58   05:00:52
                              ──────────────────────────────────────────► arrival

            How does Flink know that a minute is complete? It cannot. It assumes that nothing is later than a bound,
            here {DELAY_S} seconds (the lakehouse has the same). So the highest event time seen minus {DELAY_S} s is a
            promise: "I have seen everything up to here". This promise is the WATERMARK. It never goes back.
            """)
        ddl = f"""
            CREATE TEMPORARY TABLE `trades` (
              `symbol` STRING,
              `ts` BIGINT,
              `event_time` AS TO_TIMESTAMP_LTZ(`ts`, 3),
              WATERMARK FOR `event_time` AS `event_time` - INTERVAL '{DELAY_S}' SECOND
            )
            WITH (
              'connector' = 'kafka',
              'topic' = '{self.topic}',
              'properties.bootstrap.servers' = '{self.settings.kafka}',
              'scan.startup.mode' = 'earliest-offset',
              'scan.bounded.mode' = 'latest-offset',
              'scan.watermark.emit.strategy' = 'on-event',
              'format' = 'json'
            )
            """
        self.show(ddl)
        self.sql = FlinkSql(self)
        self.sql.run(ddl)
        self.say("(on-event: the watermark moves with every trade; usually Flink moves it five times a second.)")
        self.ask("What is the watermark after the trade of 05:00:58, when the one of 05:00:52 comes?")
        answer = self.sql.run("SELECT `event_time`, CURRENT_WATERMARK(`event_time`) AS `watermark` FROM `trades`")
        rows = [(_clock(event), _clock(watermark)) for event, watermark in answer.fields]
        self.table(("event time", "watermark when it came"), rows)
        self.check(
            "05:00:53. The trade of 05:00:52 is behind it: it broke the promise. Does that matter?",
            rows[-1] == ("05:00:52", "05:00:53"),
            watermark_before_last=rows[-1][1],
        )

    @step("A tumbling window ends when the watermark passes its end")
    def tumbling(self) -> None:
        """Nothing comes out before a trade moves the watermark past the end of the minute."""
        self.say("""
            A TUMBLING window cuts time into pieces that do not overlap, here minutes. We count trades a minute,
            without an end:
            """)
        self.show(TUMBLE)
        self.sql.run(f"CREATE TEMPORARY VIEW `live` AS SELECT * FROM `trades` {UNBOUNDED}")
        query = TUMBLE.replace("TABLE `trades`", "TABLE `live`")
        with self.sql.stream(query, execution__runtime_mode="streaming") as running:
            self._await_read(running, len(ON_TIME))
            self.note(
                f"Flink has read all {len(ON_TIME)} trades. Rows so far: {len(running.answer.rows)}. The watermark is "
                "05:00:53, so the minute from 05:00 to 05:01 is still open."
            )
            waiting = len(running.answer.rows)
            self.ask("Which event time must the next trade have at least, so that this minute is closed?")
            self._send(CLOSING - 1)
            closed = running.take(1)
            self.note("We send a trade of 05:01:05, and at once there is a row:")
            self.table(("kind", *running.answer.columns), [(r.kind, *map(_clock, r.fields)) for r in closed])
        self.check(
            "05:01:05: minus 5 s this is 05:01:00, the end of the window. All four trades are counted, the one of "
            "05:00:52 too: it was behind the watermark, but its window was still open. The minute itself did not have "
            "to pass on any clock: only event time counts.",
            waiting == 0 and closed[0].fields[-1] == len(ON_TIME),
            rows_before_watermark=waiting,
            counted_in_first_minute=closed[0].fields[-1],
        )

    @step("Late: the window is closed")
    def late(self) -> None:
        """The late row is in the late set, and in no window."""
        self._send(CLOSING, LATE, LAST)
        self.say(f"""
            Now come three more trades: 05:01:{CLOSING - 60:02}, then one that is really late, 05:00:{LATE}, and at
            last 05:02:{LAST - 120:02}, which closes the second minute. The window of 05:00:{LATE} has been put out
            already.
            """)
        self.ask("What does the query of the last step do with the late trade?")
        windows = self.sql.run(TUMBLE, execution__runtime_mode="streaming")
        self.table(windows.columns, [tuple(map(_clock, row)) for row in windows.fields])
        counted = sum(row[-1] for row in windows.fields)
        sent = len(ON_TIME) + 4
        self.note(f"Sent: {sent} trades. Counted in windows: {counted}.")
        self.say("It drops it, without a word! This query finds what was dropped: trades whose window was over.")
        self.show(LATE_SET)
        late = self.sql.run(LATE_SET, execution__runtime_mode="streaming")
        self.table(("event time", "watermark when it came"), [tuple(map(_clock, row)) for row in late.fields])
        late_set = [_clock(row[0]) for row in late.fields]
        self.check(
            f"The late set has exactly the trade of 05:00:{LATE}, and counted + late = sent. The lakehouse never drops "
            "in silence: what is too late goes to the table bad_trades, with the reason.",
            late_set == [f"05:00:{LATE}"] and counted + len(late_set) == sent,
            late_set=late_set,
            counted=counted,
            sent=sent,
        )

    @step("Allowed lateness: a result that is corrected")
    def corrections(self) -> None:
        """The same window with allowed lateness emits an update."""
        self.say("""
            One can also keep a closed window for a while: ALLOWED LATENESS. A late trade then changes what was put
            out. Flink's older window syntax can do it, with three options:
            """)
        self.show(CORRECTED)
        options = {
            "table__exec__emit__allow_lateness": "1 h",
            "table__exec__emit__late_fire__enabled": "true",
            "table__exec__emit__late_fire__delay": "0 s",
        }
        self.show("\n".join(f"{_option(name)} = {value}" for name, value in options.items()))
        self.ask("Which changes (+I, -U, +U, -D) does it put out for the first minute?")
        answer = self.sql.run(CORRECTED, execution__runtime_mode="streaming", **options)
        self.table(("kind", *answer.columns), [(row.kind, *map(_clock, row.fields)) for row in answer.rows])
        first = [(row.kind, row.fields[1]) for row in answer.rows if _clock(row.fields[0]) == "05:00:00"]
        self.check(
            "First +I with 4 trades, as before; then the late one makes it -U 4, +U 5. The price: state of every "
            "minute is kept for that long. The lakehouse's candles go one step further: a plain GROUP BY minute, as in "
            "experiment 2. Each trade updates its candle at once, the open minute too, up to one hour late "
            "(allowed_lateness_s).",
            first == [("+I", 4), ("-U", 4), ("+U", 5)],
            first_minute=[f"{kind} {count}" for kind, count in first],
        )

    @step("Hopping windows overlap")
    def hopping(self) -> None:
        """Every trade is in two windows."""
        self.say("""
            A HOPPING window has a size and a step. Size 1 minute, step 30 seconds: every 30 seconds a new window
            begins, and they overlap. Good for "in the last minute", computed twice a minute.

                      05:00:00       05:00:30       05:01:00       05:01:30
                         ├──────────────┼──────────────┤
                                        ├──────────────┼──────────────┤
            """)
        self.show(HOP)
        self.ask("Added up over all windows, how often is a trade counted that is not late?")
        answer = self.sql.run(HOP, execution__runtime_mode="streaming")
        self.table(answer.columns, [tuple(map(_clock, row)) for row in answer.fields])
        total = sum(row[-1] for row in answer.fields)
        sent = len(ON_TIME) + 4
        self.check(
            f"Twice: size / step = 2. The late trade of 05:00:{LATE} is in one window only: the one that began at "
            "05:00:00 was closed, the one that began at 05:00:30 was still open. Each window judges for itself.",
            total == 2 * sent - 1,
            counted_in_hopping_windows=total,
        )

    @step("A session window ends with a pause")
    def session(self) -> None:
        """Sessions are made by the data."""
        self.say("""
            A SESSION window has no fixed size: it goes on as long as there is a trade at least every 30 seconds (the
            GAP), and ends 30 seconds after the last one. Good for what people do: visits, bursts, outages.
            """)
        self.show(SESSION)
        self.ask(
            "Event times are 05:00:01, :15, :50, :52, :58, 05:01:05, :06 and 05:02:05. How many sessions are that?"
        )
        answer = self.sql.run(SESSION, execution__runtime_mode="streaming")
        self.table(answer.columns, [tuple(map(_clock, row)) for row in answer.fields])
        sessions = [tuple(map(_clock, row)) for row in answer.fields]
        self.check(
            "Three: the pauses from :15 to :50 and from 05:01:06 to 05:02:05 are longer than the gap. The late trade "
            "is in the second session, which was still going on when it came: it made the session begin earlier.",
            sessions == [("05:00:01", "05:00:45", 2), ("05:00:50", "05:01:36", 5), ("05:02:05", "05:02:35", 1)],
            sessions=sessions,
        )

    # ── How it is done ───────────────────────────────────────────────────────

    def _send(self, *seconds: int) -> None:
        """Send one trade for each event time, in this order."""
        send(self.settings, self.topic, [{"symbol": "BTCUSDT", "ts": START_MS + s * 1000} for s in seconds])

    def _await_read(self, running: Stream, count: int) -> None:
        """Wait until the query's source has read `count` messages, as Flink's own metrics tell."""
        flink = bootstrap.clients(replace(self.settings, topic=self.topic)).flink
        self.until(
            lambda: running.look() and flink.read_offsets(str(running.answer.job_id)).get(0, 0) >= count,
            f"The query reads {count} trades",
        )


def _clock(value: object) -> object:
    """The time of day of Flink's timestamps, in UTC; anything else as it is."""
    if not isinstance(value, str) or "T" not in value:
        return value
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC).strftime("%H:%M:%S")


def _option(name: str) -> str:
    return name.replace("__", ".").replace("_", "-")


if __name__ == "__main__":
    FlinkWindows.main()
