"""Experiment 1: Kafka – partitions, keys, offsets, groups, rebalance, retention.

    uv run experiments/01_kafka_basics.py            stops at every step and question
    uv run experiments/01_kafka_basics.py --yes      runs through; --list shows the steps

Kafka is a service that keeps messages in the order in which they came. Whoever has something to tell writes to it,
whoever wants to know reads from it, and neither needs to know the other. In the lakehouse it holds the trades between
the producer and the Flink job.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress

from _stack import delete_group, make_topic
from _stage import Experiment, step
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, Producer, TopicPartition

PARTITIONS = 3
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT")


class KafkaBasics(Experiment):
    """Experiment 1: Kafka – partitions, keys, offsets, groups, rebalance, retention"""

    needs = ("kafka",)

    @property
    def topic(self) -> str:
        """This run's own topic."""
        return f"experiment_{self.name}"

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("A topic is several logs")
    def topic_and_partitions(self) -> None:
        """A topic with three partitions."""
        self.say(f"""
            A TOPIC is a named stream of messages. Kafka splits it into PARTITIONS. Each one is a log: a file that only
            grows at its end. The place of a message in its partition is its OFFSET, counted from 0.

                partition 0   │ 0 │ 1 │ 2 │ 3 │ ◄── the next message goes here
                partition 1   │ 0 │ 1 │
                partition 2   │ 0 │ 1 │ 2 │

            We make the topic {self.topic} with {PARTITIONS} partitions. Partitions are how Kafka grows: each can lie
            on another machine, and each can be read by another reader at the same time.
            """)
        self._readers: list[Consumer] = []
        self.admin = make_topic(self, self.topic, PARTITIONS)
        self._show_partitions()
        total = sum(high for _, high in self._ends().values())
        self.check(f"The topic has {PARTITIONS} partitions, and all are empty.", total == 0, partitions=PARTITIONS)

    @step("The key chooses the partition")
    def keys(self) -> None:
        """The same key always goes to the same partition."""
        self.say("""
            A message is a value (here: a trade as JSON), and it may have a KEY. The producer hashes the key, and the
            hash chooses the partition. Our key is the symbol. We send two trades of each of five symbols.
            """)
        first = self._produce([(symbol, price) for price in (1.0, 2.0) for symbol in SYMBOLS])
        self.table(
            ("key", "price", "partition", "offset"), [(_key(m), _price(m), m.partition(), m.offset()) for m in first]
        )
        places = _partitions_by_key(first)
        known = places["BTCUSDT"]
        self.ask("We send ten more trades of BTCUSDT. Into how many partitions will they go?")
        more = self._produce([("BTCUSDT", 3.0 + n) for n in range(10)])
        self.table(("key", "partition", "offsets"), [("BTCUSDT", *_span(more))])
        self.check(
            "One: all trades of a key are in the same partition, so they stay in their order. Between partitions there "
            "is no order at all.",
            all(len(found) == 1 for found in places.values()) and _partitions_by_key(more)["BTCUSDT"] == known,
            partitions_of_a_key=len(_partitions_by_key([*first, *more])["BTCUSDT"]),
        )
        self._show_partitions()
        self.say("""
            Keys are not spread evenly: two can share a partition, and a partition can stay empty. The dashboard's
            Kafka screen (key 2) shows the same three columns for the topic of the lakehouse.
            """)

    @step("Reading takes nothing away")
    def offsets(self) -> None:
        """Two readers read the same messages."""
        self.say("""
            A reader (CONSUMER) says from which offset on it wants to read. Kafka does not remember who has read what
            and deletes nothing that was read. Reader A now reads every partition from offset 0 to its end.
            """)
        a = self._read_all()
        self.note(f"A has read {len(a)} messages.")
        self.ask("Reader B starts at offset 0, too, after A is done. How many messages does B get?")
        b = self._read_all()
        self.note(f"B has read {len(b)} messages.")
        same = {(m.partition(), m.offset()) for m in a} == {(m.partition(), m.offset()) for m in b}
        self.check(
            "As many as A, and the very same ones. (partition, offset) names a message for ever: that is why the "
            "lakehouse keeps both columns in raw_trades, and why it can prove that no trade is missing or double.",
            same and len(a) == self._written,
            read_by_a=len(a),
            read_by_b=len(b),
        )

    @step("A group remembers how far it has come")
    def groups(self) -> None:
        """Committed offsets, and what a crash before the commit does."""
        self._group = f"{self.topic}_group"
        self.clean(f"group {self._group}", self._delete_group)
        self.say("""
            A reader that should go on where it stopped belongs to a GROUP. The group COMMITS: it writes to Kafka up to
            which offset its work is done. The first reader of our group reads 4 messages and commits. Then it reads
            3 more, and crashes before it commits them.
            """)
        reader = self._member()
        done = self._take(reader, 4)
        reader.commit(asynchronous=False)
        lost = self._take(reader, 3)
        reader.close()
        read = [(m.partition(), m.offset()) for m in done]
        crashed = [(m.partition(), m.offset()) for m in lost]
        self._show_committed()
        self.ask("A new reader of the group takes over. Will it see the 3 messages that the first one read last?")
        successor = self._member()
        rest = [(m.partition(), m.offset()) for m in self._take(successor, self._written - len(done))]
        successor.commit(asynchronous=False)
        successor.close()
        self.table(
            ("what", "messages"),
            [
                ("read and committed by the first", len(read)),
                ("read by the first, not committed", len(crashed)),
                ("read by its successor", len(rest)),
            ],
        )
        self.check(
            "Yes: it goes on at the committed offset and reads those 3 again. This is called AT LEAST ONCE. Flink gets "
            "to EXACTLY ONCE because it keeps the offsets together with its results, in one checkpoint.",
            set(crashed) <= set(rest) and not set(read) & set(rest),
            read_again=len(set(crashed) & set(rest)),
        )
        self._show_committed()
        self.note("LAG is the distance between the two: how far a group is behind. The dashboard shows it live.")

    @step("A group shares the work: rebalance")
    def rebalance(self) -> None:
        """Members come and go, partitions are dealt anew."""
        self.say("""
            Every partition is read by exactly one member of a group. When a member comes or goes, Kafka deals the
            partitions anew: a REBALANCE. We let members join one by one.
            """)
        members: list[Consumer] = []
        rows, shares = [], []
        for count in (1, 2, 3):
            members.append(self._member())
            shares = self._settled(members)
            rows.append((count, ", ".join(_hand(share) for share in shares)))
        self.table(("members", "partitions of each"), rows)
        self.ask("A fourth member joins, but there are only 3 partitions. What does it get?")
        members.append(self._member())
        shares = self._settled(members)
        self.note(f"Partitions of each member now: {', '.join(_hand(share) for share in shares)}")
        idle = sum(not share for share in shares)
        self.check(
            "Nothing: one member is idle. No more readers can share the work than there are partitions.",
            idle == 1 and sum(len(share) for share in shares) == PARTITIONS,
            idle_members=idle,
        )
        self.say("Now the first two members leave.")
        for gone in members[:2]:
            gone.close()
        shares = self._settled(members[2:])
        self.note(f"Partitions of each member now: {', '.join(_hand(share) for share in shares)}")
        for member in members[2:]:
            member.close()
        self.check(
            "The others took over at the committed offsets; nobody had to tell them.",
            sum(len(share) for share in shares) == PARTITIONS,
            partitions_taken_over=sum(len(share) for share in shares),
        )

    @step("Old messages go: retention")
    def retention(self) -> None:
        """The log is cut off at its beginning; offsets never begin anew."""
        self.say("""
            A log cannot grow for ever. RETENTION is how long or how much Kafka keeps (retention.ms, retention.bytes);
            every few minutes it drops what is older, whether it was read or not. We do not wait for that: we ask Kafka
            to cut the log right now, just before its last 2 messages, which has the same effect.
            """)
        partition, (_, high) = max(self._ends().items(), key=lambda item: item[1][1])
        kept = 2
        cut = TopicPartition(self.topic, partition, high - kept)
        self.admin.delete_records([cut], operation_timeout=20)[cut].result(30)
        self._show_partitions()
        self.ask(
            f"A reader comes back after a long pause: it had stopped at offset 1 of partition {partition}, "
            "which is gone. Where does it go on?"
        )
        reader = self._member(group="late")
        reader.assign([TopicPartition(self.topic, partition, 1)])
        first = self._take(reader, 1)[0]
        reader.close()
        self.note(f"It goes on at offset {first.offset()}.")
        self.check(
            "At the first message that is still there (auto.offset.reset = earliest). Kafka does not tell it what it "
            "missed! Retention must be longer than the longest pause of every reader. The offsets go on counting: "
            "they never begin anew.",
            first.offset() == high - kept,
            first_offset_after_cut=first.offset(),
            cut_at=high - kept,
        )

    # ── How it is done ───────────────────────────────────────────────────────

    _written = 0
    """Messages that Kafka has acknowledged."""

    def _delete_group(self) -> None:
        for reader in self._readers:
            with suppress(RuntimeError):  # it is closed already
                reader.close()
        delete_group(self.admin, self._group)

    def _produce(self, trades: list[tuple[str, float]]) -> list[Message]:
        """Send (key, price) and return the messages as Kafka acknowledged them."""
        producer = Producer({**self.settings.kafka_access.properties(), "acks": "all"})
        acknowledged: list[Message] = []
        for symbol, price in trades:
            value = json.dumps({"symbol": symbol, "price": price})
            producer.produce(self.topic, value, symbol, on_delivery=lambda _, message: acknowledged.append(message))
        producer.flush(30)
        self._written += len(acknowledged)
        return acknowledged

    def _member(self, *, group: str = "") -> Consumer:
        """A reader that belongs to our group; it commits only when it is told to."""
        reader = Consumer(
            {
                **self.settings.kafka_access.properties(),
                "group.id": f"{self.topic}_{group}" if group else self._group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": True,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 300,  # how soon a member hears of a rebalance
                "log_level": 0,
            }
        )
        self._readers.append(reader)
        return reader

    def _take(self, reader: Consumer, count: int) -> list[Message]:
        """Read `count` messages."""
        if not reader.assignment():
            reader.subscribe([self.topic])
        found: list[Message] = []
        self.until(lambda: _poll(reader, found) or len(found) >= count, f"{count} messages")
        return found

    def _read_all(self) -> list[Message]:
        """Every message of the topic, by a reader that belongs to no group and commits nothing."""
        reader = self._member(group="nobody")
        ends = self._ends()
        reader.assign([TopicPartition(self.topic, partition, 0) for partition in ends])
        found: list[Message] = []
        total = sum(high - low for low, high in ends.values())
        self.until(lambda: _poll(reader, found) or len(found) >= total, f"{total} messages")
        reader.close()
        return found

    def _settled(self, members: list[Consumer]) -> list[list[int]]:
        """Poll all members until every partition belongs to one of them and nothing moves any more."""
        for member in members:
            if not member.assignment():
                member.subscribe([self.topic])
        seen: list[list[list[int]]] = []

        def calm() -> bool:
            for member in members:
                member.poll(0.05)
            seen.append([sorted(part.partition for part in member.assignment()) for member in members])
            dealt = sorted(partition for share in seen[-1] for partition in share)
            fair = len([share for share in seen[-1] if share]) == min(len(members), PARTITIONS)
            return dealt == list(range(PARTITIONS)) and fair and seen[-3:] == [seen[-1]] * 3

        self.until(calm, "The rebalance")
        return seen[-1]

    def _ends(self) -> dict[int, tuple[int, int]]:
        """Partition → its first offset and its next one."""
        reader = self._member(group="nobody")
        try:
            return {
                partition: reader.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=10)
                for partition in range(PARTITIONS)
            }
        finally:
            reader.close()

    def _show_partitions(self) -> None:
        rows = [(partition, low, high, high - low) for partition, (low, high) in self._ends().items()]
        self.table(("partition", "first offset", "next offset", "messages"), rows)

    def _show_committed(self) -> None:
        wanted = [ConsumerGroupTopicPartitions(self._group)]
        found = self.admin.list_consumer_group_offsets(wanted)[self._group].result(20)
        committed = {part.partition: part.offset for part in found.topic_partitions or ()}
        ends = self._ends()
        rows = [
            (p, committed.get(p), high, high - committed[p] if p in committed else None)
            for p, (_, high) in ends.items()
        ]
        self.table(("partition", "committed offset", "next offset", "lag"), rows)


def _poll(reader: Consumer, found: list[Message]) -> bool:
    """Add what has come; never true, so that the caller looks at `found`."""
    message = reader.poll(0.05)
    if message is not None and message.error() is None:
        found.append(message)
    return False


def _key(message: Message) -> str:
    return (message.key() or b"").decode()


def _price(message: Message) -> float:
    return float(json.loads(message.value() or b"{}")["price"])


def _partitions_by_key(messages: list[Message]) -> dict[str, set[int | None]]:
    found: dict[str, set[int | None]] = defaultdict(set)
    for message in messages:
        found[_key(message)].add(message.partition())
    return found


def _span(messages: list[Message]) -> tuple[str, str]:
    offsets = [message.offset() or 0 for message in messages]
    partitions = sorted({str(message.partition()) for message in messages})
    return ", ".join(partitions), f"{min(offsets)} to {max(offsets)}"


def _hand(share: list[int]) -> str:
    return f"[{' '.join(map(str, share))}]"


if __name__ == "__main__":
    KafkaBasics.main()
