"""Experiment 6: the whole lakehouse – from trade to candle, with faults that heal.

    uv run experiments/06_full_pipeline.py            stops at every step and question
    uv run experiments/06_full_pipeline.py --yes      runs through; --list shows the steps

The lakehouse's own producer and its own job, on a topic and tables of this experiment. Then we break things on purpose:
bad messages, late trades, a killed TaskManager. At the end everything has to add up, to the last message.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from datetime import timedelta

from _stack import delete_group, delete_prefix, end, lake_prefix, make_topic, object_store, send
from _stage import Experiment, step
from confluent_kafka import Producer

from tui import bootstrap
from tui.core.control import Committed
from tui.model.candles import Candle
from tui.model.errors import LakehouseError
from tui.model.stack import Progress

TRADES = 3000
LOAD_TRADES, LOAD_RATE = 2000, 200
BAD = {
    "no JSON": b"hello",
    "a price below 0": b'{"symbol":"BTCUSDT","ts":%d,"price":-1,"qty":1,"side":"BUY"}',
    "no price": b'{"symbol":"BTCUSDT","ts":%d,"qty":1,"side":"BUY"}',
}


class FullPipeline(Experiment):
    """Experiment 6: the whole lakehouse – from trade to candle, with faults that heal"""

    needs = ("kafka", "flink", "s3")

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("Trades into Kafka")
    def produce(self) -> None:
        """A topic of our own and the lakehouse's producer."""
        self._require_no_job()
        name = f"experiment_{self.name}"
        self.own = replace(self.settings, topic=name, group=name, database=name)
        self.clients, self.control = bootstrap.clients(self.own), bootstrap.control(self.own)
        self._register_clean_up(name)
        self.say(f"""
            We use a topic, a consumer group and a database of our own, all named {name}. The lakehouse's producer
            writes half an hour of history and {TRADES:,} live trades, as fast as it goes.

                producer ──► KAFKA ──► Flink ──► Iceberg on S3
            """)
        admin = make_topic(self, name, self.own.partitions)
        self.clean(f"group {name}", lambda: delete_group(admin, name))
        self._produce({"rate": "0", "count": str(TRADES), "seed": "6", "backfill": "30m"}).wait()
        lag = self.clients.kafka.lag().partitions
        self.table(("partition", "messages", "committed by the job"), [(p.partition, p.high, p.committed) for p in lag])
        self.check(
            f"{self._written():,} messages wait in Kafka. Nobody has read them yet: – is unknown, not 0.",
            self._written() > TRADES and all(p.committed is None for p in lag),
            messages_at_first=self._written(),
        )

    @step("The job: from trades to candles")
    def submit(self) -> None:
        """Submit, checkpoint, candles."""
        self.say("""
            Now the lakehouse's job: it reads the topic, writes every trade to raw_trades, and keeps one candle a
            minute and symbol in agg_1m. Submitting it takes some seconds: Python describes the job, Flink plans it and
            sends it to the cluster.

                producer ──► Kafka ──► FLINK ──► ICEBERG ON S3
            """)
        self.clean("the experiment's job", self._cancel)
        done = self.control.submit(self._progress)
        self.job_id = done.job_id
        self._await_read()
        self.note("The job runs, and its source has read every message.")
        self.ask("How many candles are in the table agg_1m at this moment?")
        before = len(self._candles())
        early = self.clients.flink.checkpoints(self.job_id).completed
        self.note(f"Candles: {before}, completed checkpoints: {early}. Now we trigger one instead of waiting for it.")
        committed = self._commit()
        candles = self._candles()
        self._show_candles(candles[-3:])
        self.check(
            f"None before the first checkpoint, {len(candles)} now: Flink commits to Iceberg when a CHECKPOINT is "
            "complete, and only then. What is committed together with the offsets can be neither lost nor doubled.",
            (before == 0 or early) and candles and committed.tables,
            candles_before=before,
            checkpoints_before=early,
            candles_after_checkpoint=len(candles),
        )

    @step("Bad messages")
    def bad_messages(self) -> None:
        """They go to bad_trades with a reason, and the job goes on."""
        self.say("Somebody writes messages into the topic that are no trades:")
        now_ms = int(time.time() * 1000)
        messages = {what: text % now_ms if b"%d" in text else text for what, text in BAD.items()}
        self.table(("what is wrong", "message"), [(what, text.decode()[:50]) for what, text in messages.items()])
        self.ask("What does the job do: fail, skip them, or something else?")
        producer = Producer({**self.own.kafka_access.properties(), "acks": "all"})
        for text in messages.values():
            producer.produce(self.own.topic, text, "BTCUSDT")
        producer.flush(30)
        self._commit()
        rows = self._bad_trades()
        self.table(("raw", "reason"), [(str(raw)[:48], reason) for raw, reason in rows])
        self.check(
            "It writes each one to the table bad_trades, with the reason, and goes on: no message can fail the job, "
            "and none vanishes.",
            len(rows) == len(BAD) and self._state() == "RUNNING" and all(reason for _, reason in rows),
            bad_trades={str(raw): reason for raw, reason in rows},
        )

    @step("Late trades")
    def late_trades(self) -> None:
        """One corrects its candle, one is too late."""
        old = next(c for c in self._candles() if c.symbol == "BTCUSDT" and c.trade_count > 1)
        at_ms = int((old.window_start + timedelta(seconds=30)).timestamp() * 1000)
        price = round(old.high_price * 2, 2)
        self.say(f"""
            The candle of {old.window_start:%H:%M} has been in the table for a while. Now a trade of that minute turns
            up, at twice the price; and another one that is two days old.
            """)
        self._show_candles([old])
        self.ask("Will the candle change? And what becomes of the trade that is two days old?")
        trade = {"symbol": "BTCUSDT", "ts": at_ms, "price": price, "qty": 1.0, "side": "BUY"}
        too_late = {**trade, "ts": at_ms - 2 * 86_400_000}
        send(self.own, self.own.topic, [trade, too_late])
        self._commit()
        new = next(c for c in self._candles() if (c.symbol, c.window_start) == (old.symbol, old.window_start))
        self._show_candles([new])
        reason = next((why for raw, why in self._bad_trades() if str(too_late["ts"]) in str(raw)), None)
        self.note(f"In bad_trades: {json.dumps(too_late)[:44]}… {reason}")
        self.check(
            "The candle was corrected by an update: high price and count are new. The old trade is past the bound "
            f"(allowed_lateness_s, {self.own.allowed_lateness_s:,} s): it went to bad_trades, where it can be seen.",
            new.high_price == price and new.trade_count == old.trade_count + 1 and reason,
            high_before=old.high_price,
            high_after=new.high_price,
            too_late=reason,
        )

    @step("A TaskManager is killed")
    def kill(self) -> None:
        """SIGKILL under load: the supervisor starts it again, the job goes on from its checkpoint."""
        pid = self.until(self._taskmanager, "The TaskManager")
        self.say(f"""
            The TaskManager is the process that does the work: it reads, counts and writes. Ours has the process id
            {pid}. While {LOAD_RATE} trades a second come in, we kill it, without any warning (SIGKILL), as a crash
            would.
            """)
        self.ask("Everything it had in memory is gone. Which trades are lost?")
        load = self._produce({"rate": str(LOAD_RATE), "count": str(LOAD_TRADES), "seed": "7", "bad": "0.01"})
        before = self._written()
        self.until(lambda: self._written() > before, "The first trade under load")
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        seen: list[tuple[str, str, int | None]] = []

        def healed() -> bool:
            state, now = self._state(), self._taskmanager()
            if not seen or seen[-1][1:] != (state, now):
                seen.append((f"{time.monotonic() - began:.1f}", state, now))
            return now not in (None, pid) and state == "RUNNING" and self._all_tasks_run()

        self.until(healed, "The healing", 120)
        self.table(("seconds after", "job", "TaskManager"), seen)
        load.wait()
        self._await_read()
        restored = self.clients.flink.checkpoints(self.job_id).restored_id
        self.check(
            f"None. The supervisor started a new process, Flink restored the state and the offsets of checkpoint "
            f"{restored}, and read from Kafka once more whatever came after it. The next step proves it.",
            self._taskmanager() != pid and restored is not None,
            killed_pid=pid,
            new_pid=self._taskmanager(),
            restored_checkpoint=restored,
        )

    @step("Does everything add up?")
    def verify(self) -> None:
        """The lakehouse's own proof."""
        self.ask("How could you prove that no trade is missing and none is there twice?")
        self._commit()
        self.say("""
            Every message has a name: (partition, offset). So count: each offset below the committed one has to be in
            raw_trades or in bad_trades, once. And every candle has to be what its trades say. `lakehouse-tui verify`
            does that, and so do we:
            """)
        self.until(self._all_committed, "The commit of every offset")
        checks = list(bootstrap.verify(self.own))
        self.table(("check", "ok", "found"), [(c.name, "✔" if c.ok else "✘", c.actual[:58]) for c in checks])
        self.check(
            f"All {self._written():,} messages are accounted for, through bad messages, late trades and a crash.",
            all(c.ok for c in checks),
            verified={c.name: c.ok for c in checks},
            messages_at_last=self._written(),
        )

    # ── How it is done ───────────────────────────────────────────────────────

    def _require_no_job(self) -> None:
        active = bootstrap.control(self.settings).active_job()
        if active is not None:
            raise LakehouseError(
                f"A job runs on this cluster ({active.name}), and this experiment kills what it runs on. Cancel it "
                "with `lakehouse-tui cancel`, run this again, and let it go on afterwards with `lakehouse-tui submit`."
            )

    def _register_clean_up(self, name: str) -> None:
        """What the job leaves behind: files of its tables, and its checkpoints in the home."""
        store, prefix = object_store(self.own), lake_prefix(self.own, name)
        self.clean(f"all files of database {name}", lambda: delete_prefix(store, self.own.bucket, prefix))
        folder = self.own.home / "data" / "flink" / "checkpoints" / name
        self.clean("its checkpoints", lambda: shutil.rmtree(folder, ignore_errors=True))

    def _produce(self, options: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the lakehouse's producer on our topic."""
        argv = bootstrap.producer(self.own).command(options, background=False)
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        self.clean(f"the producer of {options['count']} messages", lambda: end(process))
        return process

    def _progress(self, step: Progress) -> None:
        if step.finished:
            self.note(f"{step.step}: {step.detail}")

    def _cancel(self) -> None:
        if self.control.active_job() is not None:
            self.control.cancel()

    def _written(self) -> int:
        return sum(p.high or 0 for p in self.clients.kafka.lag().partitions)

    def _all_committed(self) -> bool:
        """Kafka hears of a checkpoint's offsets a moment after the tables do."""
        return all((p.committed or 0) == (p.high or 0) for p in self.clients.kafka.lag().partitions)

    def _commit(self) -> Committed:
        """Trigger a checkpoint that holds everything that is in the topic now, and wait for its commit."""
        self._await_read()
        return self.control.checkpoint(self._progress)

    def _await_read(self) -> None:
        """Wait until the job's source has read everything that is in the topic now."""
        ends = {p.partition: p.high or 0 for p in self.clients.kafka.lag().partitions}

        def read() -> bool:
            offsets = self.clients.flink.read_offsets(self.job_id)
            return all(offsets.get(partition, 0) >= end for partition, end in ends.items())

        self.until(read, "The job reads every message", 90)

    def _state(self) -> str:
        return next(job.state for job in self.clients.flink.jobs() if job.id == self.job_id)

    def _all_tasks_run(self) -> bool:
        job = next(job for job in self.clients.flink.jobs() if job.id == self.job_id)
        return job.tasks_running == job.tasks_total

    def _taskmanager(self) -> int | None:
        """The TaskManager's process, once it answers."""
        services = bootstrap.backend(self.own).services()
        return next((s.pid for s in services if s.name == "taskmanager" and s.healthy), None)

    def _candles(self) -> tuple[Candle, ...]:
        return self.clients.lake.candles().candles

    def _bad_trades(self) -> list[tuple[str | None, str | None]]:
        found = bootstrap.lake_detail(self.own).rows("bad_trades")
        names = [column.name for column in found.columns]
        raw, reason = names.index("raw"), names.index("reason")
        return [(row[raw], row[reason]) for row in found.rows]

    def _show_candles(self, candles: tuple[Candle, ...] | list[Candle]) -> None:
        rows = [
            (c.symbol, f"{c.window_start:%H:%M}", c.open_price, c.high_price, c.low_price, c.close_price, c.trade_count)
            for c in candles
        ]
        self.table(("symbol", "minute", "open", "high", "low", "close", "trades"), rows)


if __name__ == "__main__":
    FullPipeline.main()
