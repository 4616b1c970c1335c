"""The Kafka screen on a topic in memory: every key, what is said when something is missing, and small terminals."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from tests.ui.cockpits import until, until_shown
from tui.core.cockpit import Cockpit
from tui.core.sources import Source
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.kafka import (
    ConsumerGroup,
    GroupMember,
    GroupPartition,
    Message,
    MessagePage,
    MessageQuery,
    PartitionDetail,
    PartitionLag,
    Position,
    Start,
    TopicLag,
)
from tui.model.stack import Service, ServiceState
from tui.view.app import LakehouseApp
from tui.view.screens.ask import Ask
from tui.view.screens.kafka import PAGE, KafkaScreen
from tui.view.widgets.message_detail import MessageDetail
from tui.view.widgets.message_list import Look, MessageList, clipped, fitted

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
HOSTILE = '[bold]\x1b[31m\x07"x'


def message(offset: int, partition: int = 0, **changes: Any) -> Message:
    value = f'{{"symbol":"BTCUSDT","ts":1769860800000,"price":{offset}.5,"qty":1,"side":"BUY"}}'
    stamp = NOW - timedelta(seconds=1000 - offset)
    return replace(Message(partition, offset, stamp, "BTCUSDT", value, len(value), None), **changes)


BUGS: list[BaseException] = []


class Topic:
    """A topic in memory: `TopicPort`; it fails with `failure` while that is set."""

    def __init__(self, count: int = 500) -> None:
        self.held = [message(n) for n in range(count)]
        self.asked: list[MessageQuery] = []
        self.failure: LakehouseError | None = None
        self.note: str | None = None
        self.complete = True
        self.told_groups: tuple[ConsumerGroup, ...] = (
            ConsumerGroup("lakehouse", "EMPTY", (), (GroupPartition(0, 400, 100),)),
            ConsumerGroup("late", "STABLE", (GroupMember("m", "client", "10.0.0.7", (0, 2)),), ()),
        )
        self.told_partitions: tuple[PartitionDetail, ...] = (
            PartitionDetail(0, 1, (1, 2), (1,)),
            PartitionDetail(1, None, (2,), (), "the partition has no leader"),
        )

    def messages(self, query: MessageQuery) -> MessagePage:
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        found = [m for m in self.held if query.partition in (None, m.partition)]
        found = [m for m in found if not query.text or query.text in (m.value or "")]
        found = [m for m in found if not query.key or query.key in (m.key or "")]
        start = query.start
        place = start.positions[0].offset if start.positions else 0
        if start.start is Start.TAIL:
            found = found[-query.limit :]
        elif start.start is Start.BEFORE:
            found = [m for m in found if m.offset < place][-query.limit :]
        elif start.start is Start.AFTER:
            found = [m for m in found if m.offset >= place][: query.limit]
        elif start.start is Start.OFFSET:
            found = [m for m in found if m.offset >= (start.offset or 0)][: query.limit]
        else:
            found = [m for m in found if m.timestamp and start.moment and m.timestamp >= start.moment][: query.limit]
        begin = found[0].offset if found else place
        end = found[-1].offset + 1 if found else place
        return MessagePage(
            "trades", query, NOW, tuple(found), (Position(0, begin),), (Position(0, end),), self.complete, self.note
        )

    def groups(self) -> tuple[ConsumerGroup, ...]:
        if self.failure is not None:
            raise self.failure
        return self.told_groups

    def partitions(self) -> tuple[PartitionDetail, ...]:
        if self.failure is not None:
            raise self.failure
        return self.told_partitions


def services(state: ServiceState) -> tuple[Service, ...]:
    return (Service("kafka", state, 1, "127.0.0.1:9092", 0, ""),)


def lag() -> TopicLag:
    return TopicLag(
        "trades",
        "lakehouse",
        datetime.now(UTC),
        (PartitionLag(0, 0, 500, 400, 450), PartitionLag(1, None, None, None, None, "the partition has no leader")),
    )


def app_on(topic: Topic | None, state: ServiceState = ServiceState.READY) -> LakehouseApp:
    sources = {"lag": Source(lag), "services": Source(lambda: services(state))}
    port = None if topic is None else (lambda: topic)
    if topic is None:
        sources["kafka.messages"] = Source(lambda: Topic(5).messages(MessageQuery()))
    cockpit = Cockpit(
        home="/home",
        backend="local",
        topic="trades",
        symbols=("BTCUSDT",),
        report=BUGS.append,  # type: ignore[arg-type]
        sources={} if state is ServiceState.STOPPED else sources,
        refresh_interval_s=0.5,
        topic_port=port,
    )
    if state is ServiceState.STOPPED:
        cockpit = replace(cockpit, sources={"services": sources["services"]})
    return LakehouseApp(cockpit, clock=lambda: NOW)


class Kafka:
    """The screen under a pilot."""

    def __init__(self, pilot: Pilot[Any], topic: Topic | None) -> None:
        self.pilot = pilot
        self.topic = topic

    @property
    def screen(self) -> KafkaScreen:
        return next(s for s in self.pilot.app.screen_stack if isinstance(s, KafkaScreen))

    @property
    def listed(self) -> list[tuple[int, int]]:
        return [(m.partition, m.offset) for m in self.screen.query_one(MessageList)._messages]

    @property
    def offsets(self) -> list[int]:
        return [offset for _, offset in self.listed]

    def lines(self, selector: type = MessageList) -> list[str]:
        widget = self.screen.query_one(selector)
        return ["".join(segment.text for segment in widget.render_line(y)).rstrip() for y in range(widget.size.height)]

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    def title(self, selector: str) -> str:
        return str(self.screen.query_one(selector).border_title)

    def subtitle(self, selector: str) -> str:
        return str(self.screen.query_one(selector).border_subtitle)

    def row(self, selector: str, number: int) -> list[str]:
        return [str(cell) for cell in self.screen.query_one(selector, DataTable).get_row_at(number)]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        await until(self.pilot, condition, what)

    async def answer(self, key: str, text: str) -> None:
        await self.pilot.press(key)
        await self.until(lambda: isinstance(self.pilot.app.screen, Ask), "the question")
        self.pilot.app.screen.query_one(Input).value = text
        await self.pilot.press("enter")
        await self.pilot.pause()


@asynccontextmanager
async def kafka(
    topic: Topic | None, size: tuple[int, int] = (80, 24), state: ServiceState = ServiceState.READY
) -> AsyncIterator[Kafka]:
    async with app_on(topic, state).run_test(size=size) as pilot:
        await pilot.press("2")
        shown = Kafka(pilot, topic)
        await shown.until(lambda: isinstance(pilot.app.screen, KafkaScreen), "the screen")
        if topic is not None and topic.failure is None and state is ServiceState.READY:
            await shown.until(lambda: shown.listed or shown.screen._page, "the first page")
            await shown.until(lambda: shown.screen.query_one("#group-table", DataTable).row_count, "the groups")
            await shown.until(lambda: shown.screen.query_one("#partition-table", DataTable).row_count == 2, "the lag")
        yield shown
    assert not BUGS, BUGS.pop()


async def test_the_tail_is_followed_from_the_start() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        assert shown.offsets == list(range(500 - PAGE, 500))
        assert shown.screen.query_one(MessageList).at_end
        topic.held += [message(500), message(501)]
        await shown.until(lambda: shown.offsets[-1] == 501, "the new messages")
        assert shown.screen.query_one(MessageList).at_end
        assert "501" in shown.lines()[-1]
        assert shown.title("#topic-messages") == "messages · tail"


async def test_moving_up_holds_the_tail_and_t_follows_it_again() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.pilot.press("up")
        assert "tail held at" in shown.title("#topic-messages")
        asked = len(topic.asked)
        topic.held.append(message(500))
        shown.screen.lakehouse.action_reload()
        await shown.until(lambda: shown.screen.state.shown("kafka.groups").taken_at, "another reading")
        await shown.pilot.pause(0.7)
        assert len(topic.asked) == asked
        assert shown.offsets[-1] == 499
        await shown.pilot.press("T")
        await shown.until(lambda: shown.offsets[-1] == 500, "the newest message")
        assert shown.screen.query_one(MessageList).at_end


async def test_from_an_offset_and_from_one_of_a_partition() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.answer("o", "1,00")
        await shown.until(lambda: shown.offsets[:1] == [100], "offset 100")
        assert len(shown.offsets) == PAGE
        assert shown.title("#topic-messages") == "messages · from offset 100"
        assert "100" in shown.lines()[1]
        await shown.answer("o", "2:7")
        await shown.until(lambda: topic.asked[-1].partition == 2, "partition 2")
        assert topic.asked[-1].start.offset == 7
        await shown.until(lambda: "There are no messages." in shown.text("#message-note"), "the sentence")


async def test_a_page_that_does_not_change_is_asked_for_once() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.answer("o", "0")
        await shown.until(lambda: shown.offsets[:1] == [0], "offset 0")
        asked = len(topic.asked)
        await shown.pilot.pause(1.2)
        assert len(topic.asked) == asked


async def test_from_a_time() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.answer("g", "-10m")
        await shown.until(lambda: shown.offsets[:1] == [400], "the messages of 10 minutes ago")
        assert topic.asked[-1].start.moment == NOW - timedelta(minutes=10)
        assert shown.title("#topic-messages").startswith("messages · from ")


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [("o", "x", "no offset"), ("o", "-1", "no offset"), ("g", "soon", "no time"), ("g", "25:00", "no time of day")],
)
async def test_a_wrong_answer_is_said_and_can_be_mended(key: str, text: str, said: str) -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.answer(key, text)
        ask = shown.pilot.app.screen
        assert isinstance(ask, Ask)
        assert said in str(ask.query_one("#ask-error", Static).content)
        ask.query_one(Input).value = "0" if key == "o" else "-1d"
        await shown.pilot.pause()
        assert str(ask.query_one("#ask-error", Static).content) == ""
        await shown.pilot.press("enter")
        await shown.until(lambda: topic.asked[-1].start.start is not Start.TAIL, "the page")


async def test_escape_leaves_a_question_unanswered() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.pilot.press("slash")
        await shown.until(lambda: isinstance(shown.pilot.app.screen, Ask), "the question")
        await shown.pilot.press("q", "escape")
        await shown.until(lambda: isinstance(shown.pilot.app.screen, KafkaScreen), "the screen")
        assert all(query.text is None for query in topic.asked)


async def test_filters_by_text_and_by_key_and_escape_clears_them() -> None:
    topic = Topic()
    topic.held[490] = message(490, key="ETHUSDT", value='"needle"', problem="not a JSON object")
    topic.note = "1 of 500 messages match"
    async with kafka(topic) as shown:
        await shown.answer("slash", " needle ")
        await shown.until(lambda: shown.offsets == [490], "the only match")
        assert shown.title("#topic-messages") == "messages · tail · text “needle”"
        assert shown.text("#message-note") == "1 of 500 messages match."
        await shown.answer("K", "ETH")
        await shown.until(lambda: topic.asked[-1].key == "ETH", "the key")
        assert topic.asked[-1].text == "needle"
        await shown.pilot.press("slash")
        await shown.until(lambda: isinstance(shown.pilot.app.screen, Ask), "the question")
        assert shown.pilot.app.screen.query_one(Input).value == "needle"
        await shown.pilot.press("escape", "escape")
        await shown.until(lambda: len(shown.offsets) == PAGE, "all messages")
        assert (topic.asked[-1].text, topic.asked[-1].key) == (None, None)


async def test_a_filter_stands_in_the_border_as_it_was_typed() -> None:
    async with kafka(Topic()) as shown:
        await shown.answer("slash", "[/b] [red]")
        await until_shown(shown.pilot, "messages · tail · text “[/b] [red]” ─")


async def test_older_and_newer_pages() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.pilot.press("b")
        await shown.until(lambda: shown.offsets[-1:] == [299], "the page before")
        assert shown.screen.query_one(MessageList).at_end
        await shown.pilot.press("b")
        await shown.until(lambda: shown.offsets == list(range(100)), "the first page")
        await shown.pilot.press("b")
        await shown.until(lambda: any("nothing older" in n.message for n in shown.pilot.app._notifications), "the word")
        assert shown.offsets == list(range(100))
        await shown.pilot.press("n")
        await shown.until(lambda: shown.offsets[:1] == [100], "the next page")
        assert "100" in shown.lines()[1]


async def test_paging_beyond_the_list_turns_the_page() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.pilot.press("home")
        assert "tail held" in shown.title("#topic-messages")
        await shown.pilot.press("pageup")
        await shown.until(lambda: shown.offsets[-1:] == [299], "the page before")
        await shown.pilot.press("pagedown")
        await shown.until(lambda: shown.offsets[:1] == [300], "the page after")


async def test_a_search_that_ended_early_says_which_key_looks_further() -> None:
    topic = Topic()
    topic.note, topic.complete = "0 of 9 messages match; 5 older ones were not looked at", False
    async with kafka(topic) as shown:
        said = "0 of 9 messages match; 5 older ones were not looked at. b looks further back."
        await shown.until(lambda: shown.text("#message-note") == said, "the sentence")


async def test_a_message_in_full_and_back() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        detail = shown.screen.query_one(MessageDetail)
        assert not detail.display
        await shown.pilot.press("enter")
        await shown.until(lambda: detail.display and detail.has_focus, "the message")
        text = shown.text("#message-text")
        assert "partition 0, offset 499" in text
        assert "✓ a trade" in text
        assert '\n  "price": 499.5,\n' in text
        assert not shown.screen.query_one(MessageList).display
        await shown.pilot.press("escape")
        await shown.until(lambda: shown.screen.query_one(MessageList).has_focus, "the list")
        assert not detail.display


async def test_on_a_wide_terminal_the_message_stands_beside_the_list() -> None:
    topic = Topic()
    async with kafka(topic, size=(200, 60)) as shown:
        assert shown.screen.query_one(MessageDetail).display
        await shown.until(lambda: "offset 499" in shown.text("#message-text"), "the newest message")
        await shown.pilot.press("up", "up")
        await shown.until(lambda: "offset 497" in shown.text("#message-text"), "the message under the cursor")


async def test_bad_messages_are_marked_and_shown_as_plain_text() -> None:
    topic = Topic(3)
    topic.held[1] = message(1, value=HOSTILE, key=HOSTILE, problem="not JSON")
    topic.held[2] = message(2, value=None, key=None, size_bytes=0, problem="tombstone")
    async with kafka(topic) as shown:
        good, bad, gone = shown.lines()[1:4]
        assert "✗" not in good
        assert bad.startswith("✗ ")
        assert "not JSON  [bold]�[31m�" in bad
        assert "tombstone  –" in gone
        assert "\x1b" not in "".join(shown.lines())
        assert shown.subtitle("#topic-messages") == "3 messages, 2 ✗"
        await shown.pilot.press("enter")
        await shown.until(lambda: "no value (a tombstone)" in shown.text("#message-text"), "the tombstone")
        assert "✗ no trade: tombstone" in shown.text("#message-text")
        await shown.pilot.press("escape", "up", "enter")
        await shown.until(lambda: "[bold]�[31m�" in shown.text("#message-text"), "the raw value")


async def test_partitions_in_full_and_one_without_a_leader() -> None:
    async with kafka(Topic(), size=(200, 60)) as shown:
        await shown.until(lambda: shown.row("#partition-table", 0)[1] == "1", "the leader")
        zero, one = shown.row("#partition-table", 0), shown.row("#partition-table", 1)
        assert zero[:10] == ["0", "1", "1 of 2", "0", "500", "500", "400", "450", "100", "50"]
        assert one[:10] == ["1 !", "none", "0 of 1", "–", "–", "–", "–", "–", "–", "–"]
        assert shown.text("#partition-note") == "! partition 1: the partition has no leader"


async def test_on_a_narrow_terminal_the_rest_of_a_partition_stands_in_the_border() -> None:
    async with kafka(Topic()) as shown:
        await shown.until(lambda: "leader 1" in shown.subtitle("#topic-partitions"), "the rest")
        assert shown.subtitle("#topic-partitions").startswith("0: leader 1 · in sync 1 of 2")
        table = shown.screen.query_one("#partition-table", DataTable)
        assert table.virtual_size.width <= shown.screen.query_one("#topic-partitions").size.width
        table.focus()
        await shown.pilot.press("down")
        await shown.until(lambda: shown.subtitle("#topic-partitions").startswith("1 !: leader none"), "the other")


async def test_enter_on_a_partition_shows_its_messages_only() -> None:
    topic = Topic()
    topic.held.append(message(9, partition=1))
    async with kafka(topic) as shown:
        shown.screen.query_one("#partition-table").focus()
        await shown.pilot.press("down", "enter")
        await shown.until(lambda: shown.listed == [(1, 9)], "the partition's message")
        assert shown.title("#topic-messages") == "messages · tail · partition 1"
        await shown.pilot.press("escape")
        await shown.until(lambda: len(shown.listed) == PAGE, "all partitions")


async def test_groups_and_their_members() -> None:
    async with kafka(Topic()) as shown:
        assert shown.row("#group-table", 0) == ["lakehouse", "empty", "0", "100", "0: 400"]
        assert shown.row("#group-table", 1) == ["late", "stable", "1", "–", "–"]
        await shown.until(lambda: "no members" in shown.subtitle("#topic-groups"), "the members")
        shown.screen.query_one("#group-table").focus()
        await shown.pilot.press("down")
        said = "late: client at 10.0.0.7 reads 0, 2"
        await shown.until(lambda: shown.subtitle("#topic-groups") == said, "the other group's members")


async def test_no_group_and_no_message_yet() -> None:
    topic = Topic(0)
    async with app_on(topic).run_test(size=(80, 24)) as pilot:
        topic.told_groups = ()
        await pilot.press("2")
        shown = Kafka(pilot, topic)
        await shown.until(lambda: "No consumer group yet" in shown.text("#group-note"), "the sentence")
        await shown.until(lambda: "p starts the producer" in shown.text("#message-note"), "the other sentence")


async def test_kafka_goes_away_and_comes_back() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        topic.failure = UnavailableError("Kafka did not answer within 5 s: `lakehouse-tui status` tells more.")
        await shown.until(lambda: "! Kafka did not answer" in shown.text("#message-note"), "the sentence")
        assert "(for " in shown.text("#message-note")
        assert shown.offsets == list(range(500 - PAGE, 500))
        assert "stale" in shown.subtitle("#topic-messages")
        topic.failure = None
        topic.held.append(message(500))
        await shown.until(lambda: shown.offsets[-1] == 500, "the newest message")
        assert shown.text("#message-note") == ""
        assert "stale" not in shown.subtitle("#topic-messages")


async def test_messages_of_the_question_before_are_said_to_be_that() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        assert "before" not in shown.subtitle("#topic-messages")
        topic.failure = UnavailableError("Kafka is away.")
        await shown.answer("o", "10")
        await shown.until(lambda: "! Kafka is away." in shown.text("#message-note"), "the sentence")
        assert shown.offsets == list(range(500 - PAGE, 500))
        assert shown.subtitle("#topic-messages") == f"found before: {PAGE} messages"
        assert shown.screen.query_one("#topic-messages").has_class("-stale")
        topic.failure = None
        await shown.until(lambda: shown.offsets[:1] == [10], "the page")
        assert shown.subtitle("#topic-messages") == f"{PAGE} messages"
        assert not shown.screen.query_one("#topic-messages").has_class("-stale")


async def test_a_page_that_failed_is_asked_for_again() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        topic.failure = UnavailableError("Kafka is away.")
        await shown.answer("o", "10")
        await shown.until(lambda: "! Kafka is away." in shown.text("#message-note"), "the sentence")
        topic.failure = None
        await shown.until(lambda: shown.offsets[:1] == [10], "the page")


async def test_a_page_whose_refresh_failed_is_asked_for_until_it_answers() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.answer("o", "10")
        await shown.until(lambda: shown.offsets[:1] == [10], "the page")
        topic.failure = UnavailableError("Kafka is away.")
        await shown.pilot.press("r")
        await shown.until(lambda: "! Kafka is away." in shown.text("#message-note"), "the sentence")
        topic.failure = None
        await shown.until(lambda: shown.text("#message-note") == "", "the sentence to go")


async def test_kafka_that_never_answered() -> None:
    topic = Topic()
    topic.failure = UnavailableError("Kafka did not answer within 5 s.")
    async with kafka(topic) as shown:
        await shown.until(lambda: "! Kafka did not answer" in shown.text("#message-note"), "the sentence")
        assert shown.offsets == []


async def test_a_frozen_kafka_delays_no_key() -> None:
    topic = Topic()
    release = threading.Event()
    async with kafka(topic) as shown:
        answer = topic.messages

        def frozen(query: MessageQuery) -> MessagePage:
            release.wait(20)
            return answer(query)

        topic.messages = frozen  # type: ignore[method-assign]
        await shown.answer("o", "5")
        assert "Looking for from offset 5 …" in shown.text("#message-note") or shown.screen._query.start.offset == 5
        await shown.pilot.press("up")
        assert shown.screen.query_one(MessageList).selected is not None
        release.set()
        await shown.until(lambda: shown.offsets[:1] == [5], "the page")


async def test_a_stopped_kafka_says_which_key_starts_it() -> None:
    async with kafka(Topic(), state=ServiceState.STOPPED) as shown:
        await shown.until(lambda: "u starts it" in shown.text("#partition-note"), "the sentence")


async def test_without_a_port_what_was_recorded_is_shown() -> None:
    async with kafka(None) as shown:
        await shown.until(lambda: shown.offsets == [0, 1, 2, 3, 4], "the recorded page")
        await shown.until(lambda: shown.text("#message-note") == "", "nothing to say")


async def test_the_mouse_moves_the_cursor_and_opens() -> None:
    topic = Topic()
    async with kafka(topic) as shown:
        await shown.pilot.click(MessageList, offset=(10, 3))
        await shown.pilot.pause()
        selected = shown.screen.query_one(MessageList).selected
        assert selected is not None
        assert f"{selected.offset}" in shown.lines()[3]
        assert "tail held" in shown.title("#topic-messages")
        await shown.pilot.click(MessageList, offset=(10, 3), times=2)
        await shown.until(lambda: shown.screen.query_one(MessageDetail).display, "the message")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (120, 40), (200, 60)])
async def test_nothing_is_wider_than_the_terminal(size: tuple[int, int]) -> None:
    async with kafka(Topic(), size=size) as shown:
        await shown.until(lambda: shown.screen.query_one("#partition-table").size.width, "it is laid out")
        for widget in shown.screen.query("DiffTable, MessageList, .box"):
            assert widget.region.right <= size[0]
            assert widget.virtual_size.width <= max(1, widget.size.width), widget
        assert shown.screen.query_one(MessageList).size.height >= (3 if size[1] < 24 else 8)


async def test_the_cursor_moves_and_no_other_line_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    real = Look.line
    monkeypatch.setattr(Look, "line", lambda look, m, style: [drawn.append(m.offset), real(look, m, style)][1])
    async with kafka(Topic(), size=(120, 40)) as shown:
        await shown.pilot.press("up")
        await shown.pilot.pause()
        listed = shown.screen.query_one(MessageList)
        listed.render_lines(listed.size.region)
        drawn.clear()
        await shown.pilot.press("up")
        await shown.until(lambda: len(drawn) == 2, "two lines are drawn")
        assert shown.lines()[1:] != []


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("abc", 4, "abc "), ("abcd", 4, "abcd"), ("abcde", 4, "abc…"), ("変化変化", 6, "変化 …"), ("", 2, "  ")],
)
def test_a_line_is_cut_to_whole_cells(text: str, width: int, expected: str) -> None:
    style = Style(bold=True)
    assert clipped(text, width) == expected
    line = fitted([Segment(text, style)], width, style)
    assert (line.text, line.cell_length) == (expected, width)
    assert {segment.style for segment in line} == {style}
