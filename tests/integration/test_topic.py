"""A look into a real topic: messages, groups and partitions, and no trace of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from tests.integration.conftest import Lab, until
from tui.clients.kafka_browse import TopicBrowser
from tui.model.errors import NotFoundError
from tui.model.kafka import BrowseFrom, ConsumerGroup, GroupPartition, MessagePage, MessageQuery, Start

COUNT = 120


def browser_of(lab: Lab) -> TopicBrowser:
    return TopicBrowser(lab.settings.kafka_access, lab.settings.topic, lab.settings.group)


def places(page: MessagePage) -> list[tuple[int, int]]:
    return [(m.partition, m.offset) for m in page.messages]


def _told(page: MessagePage) -> MessagePage | None:
    return page if page.note is None else None


def fill(lab: Lab, first: int = 0) -> None:
    """`COUNT` messages in each of the partitions 0 and 2; every tenth is no trade."""
    for number in range(first, first + COUNT):
        trade = {"symbol": "BTCUSDT", "ts": 1_767_225_600_000, "price": number, "qty": 1, "side": "BUY"}
        value = b"{broken" if number % 10 == 9 else json.dumps(trade).encode()
        lab.send([(partition, b"BTCUSDT", value) for partition in (0, 2)])


def test_an_empty_topic_and_one_that_is_missing(lab: Lab) -> None:
    browser = browser_of(lab)
    page = until(lambda: _told(browser.messages(MessageQuery())), "the new topic's leaders are ready", 30)
    assert (page.messages, page.complete) == ((), True)
    assert [(p.leader, p.replicas, p.in_sync, p.error) for p in browser.partitions()] == [(1, (1,), (1,), None)] * 3
    missing = TopicBrowser(lab.settings.kafka_access, "nosuch", lab.settings.group)
    for call in (missing.partitions, lambda: missing.messages(MessageQuery())):
        with pytest.raises(NotFoundError, match="has no topic 'nosuch'"):
            call()
    missing.groups()
    assert "nosuch" not in AdminClient({"bootstrap.servers": lab.settings.kafka}).list_topics(timeout=10).topics


def test_pages_of_a_real_topic_meet(lab: Lab) -> None:
    fill(lab)
    browser = browser_of(lab)
    tail = browser.messages(MessageQuery(limit=50))
    assert len(tail.messages) == 50
    older = browser.messages(MessageQuery(BrowseFrom(Start.BEFORE, positions=tail.begin), limit=1000))
    everything = {(p, n) for p in (0, 2) for n in range(COUNT)}
    assert set(places(tail)) | set(places(older)) == everything
    assert not set(places(tail)) & set(places(older))
    newer = browser.messages(MessageQuery(BrowseFrom(Start.AFTER, positions=older.end), limit=1000))
    assert set(places(newer)) == set(places(tail))
    fill(lab, COUNT)
    followed = browser.messages(MessageQuery(limit=50))
    assert sorted(places(followed))[-1] == (2, 2 * COUNT - 1)
    assert len(followed.messages) == 50


def test_from_an_offset_from_a_time_and_with_a_filter(lab: Lab) -> None:
    fill(lab)
    browser = browser_of(lab)
    from_offset = browser.messages(MessageQuery(BrowseFrom(Start.OFFSET, offset=100), partition=2))
    assert places(from_offset) == [(2, n) for n in range(100, COUNT)]
    moment = from_offset.messages[0].timestamp
    assert moment is not None
    from_time = browser.messages(MessageQuery(BrowseFrom(Start.TIME, moment=moment), partition=2))
    assert (2, 100) in places(from_time)
    assert all(m.timestamp is not None and m.timestamp >= moment for m in from_time.messages)
    later = BrowseFrom(Start.TIME, moment=moment + timedelta(hours=1))
    assert browser.messages(MessageQuery(later)).note == "no message is from that time or later"
    broken = browser.messages(MessageQuery(text="BROKEN", key="btc"))
    assert len(broken.messages) == COUNT // 5
    assert {m.problem for m in broken.messages} == {"not JSON"}
    assert broken.note == f"{COUNT // 5} of {2 * COUNT} messages match"


def test_a_group_with_a_member_is_shown_and_the_browser_is_none(lab: Lab) -> None:
    fill(lab)
    browser = browser_of(lab)
    browser.messages(MessageQuery())
    name = f"{lab.settings.group}-reader"
    reader = Consumer({"bootstrap.servers": lab.settings.kafka, "group.id": name, "auto.offset.reset": "earliest"})
    try:
        reader.subscribe([lab.settings.topic])

        def one() -> ConsumerGroup | None:
            message = reader.poll(0.2)
            if message is not None and message.error() is None:
                reader.commit(message, asynchronous=False)
            found = [g for g in browser.groups() if g.id == name and g.partitions and g.members]
            return found[0] if found else None

        group = until(one, "the group has a member and a commit", 30)
        assert group is not None
        assert (group.state, group.error) == ("STABLE", None)
        assert [m.partitions for m in group.members or ()] == [(0, 1, 2)]
        where = group.partitions[0]
        assert where == GroupPartition(where.partition, where.committed, COUNT - (where.committed or 0))
        names = {g.id for g in browser.groups()}
        assert "lakehouse-tui-browser" not in names
    finally:
        reader.close()
