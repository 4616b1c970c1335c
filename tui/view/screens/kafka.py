"""The Kafka screen: partitions in full, consumer groups, and the messages themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.css.scalar import Scalar
from textual.widget import Widget
from textual.widgets import DataTable, Static

from tui.core.sources import Source
from tui.core.store import State
from tui.model.kafka import BrowseFrom, ConsumerGroup, MessagePage, MessageQuery, Start
from tui.view import explained, registry, typed
from tui.view import format as fmt
from tui.view.registry import Command
from tui.view.screens.ask import Ask
from tui.view.screens.base import CockpitScreen
from tui.view.widgets import border
from tui.view.widgets import topic_tables as tables
from tui.view.widgets.message_detail import MessageDetail
from tui.view.widgets.message_list import MessageList, stamp
from tui.view.widgets.notes import put
from tui.view.widgets.panel import staleness
from tui.view.widgets.table import DiffTable

PAGE = 200
"""Messages a page."""

TAIL = BrowseFrom(Start.TAIL)
_PARTITIONS, _GROUPS, _MESSAGES = "kafka.partitions", "kafka.groups", "kafka.messages"
_ONCE_S = 3600.0


class KafkaScreen(CockpitScreen):
    """Partitions and groups above, messages below."""

    NAME = "kafka"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("kafka_tail", "T", "screen.tail", "tail", "messages: follow the newest", rank=1),
        Command("kafka_offset", "o", "screen.from_offset", "offset", "messages: from an offset on", rank=1),
        Command("kafka_time", "g", "screen.from_time", "time", "messages: from a time on", rank=1),
        Command("kafka_filter", "slash", "screen.filter('text')", "find", "messages: whose value holds a text", rank=1),
        Command("kafka_key", "K", "screen.filter('key')", "key", "messages: whose key holds a text", rank=1),
        Command("kafka_older", "b", "screen.turn(-1)", "older", "messages: the page before", rank=1),
        Command("kafka_newer", "n", "screen.turn(1)", "newer", "messages: the next page", rank=1),
        Command("kafka_clear", "escape", "screen.clear", "clear", "close the message, then clear filters", rank=1),
    )
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(OWN)
    PANELS = explained.KAFKA
    ABOUT = """
lag trend: com.lag over the last readings. – is unknown, never 0.
enter on a partition shows its messages only; on a message the whole message.
Moving up holds the tail, T follows it again.
"""
    DEFAULT_CSS = """
    KafkaScreen .box {
        border: round $secondary 60%; border-title-color: $primary; border-title-style: bold;
        border-subtitle-color: $foreground 70%; height: auto; width: 1fr;
    }
    KafkaScreen .box.-stale { color: $foreground 60%; border: round $warning 60%; border-subtitle-color: $warning; }
    KafkaScreen .box.-stale DiffTable, KafkaScreen .box.-stale MessageList { color: $foreground 60%; }
    KafkaScreen .box:focus-within { border: round $primary; }
    KafkaScreen .note { height: auto; display: none; }
    KafkaScreen DiffTable { height: auto; scrollbar-size-horizontal: 1; scrollbar-size-vertical: 1; }
    KafkaScreen #topic-tables { height: auto; layout: vertical; }
    KafkaScreen #topic-partitions { max-height: 12; }
    KafkaScreen #topic-groups { max-height: 5; }
    KafkaScreen #topic-messages { height: 1fr; }
    KafkaScreen MessageDetail { display: none; height: 1fr; scrollbar-size-vertical: 1; }
    KafkaScreen.-opened MessageList { display: none; }
    KafkaScreen.-opened MessageDetail { display: block; }
    KafkaScreen.-wide MessageList { display: block; }
    KafkaScreen.-wide MessageDetail {
        display: block; width: 50; border-left: solid $secondary 60%; padding: 0 0 0 1;
    }
    KafkaScreen.-tall #topic-partitions { max-height: 20; }
    KafkaScreen.-tall #topic-groups { max-height: 10; }
    KafkaScreen.-broad #topic-tables { layout: horizontal; }
    KafkaScreen.-broad #topic-partitions { width: 2fr; }
    KafkaScreen.-broad #topic-groups { width: 1fr; max-height: 20; }
    KafkaScreen.-broad MessageDetail { width: 70; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._query = MessageQuery(TAIL, PAGE)
        self._page: MessagePage | None = None
        self._taken: MessagePage | None = None
        self._held = False

    def body(self) -> Iterable[Widget]:
        """Two tables, then list and detail."""
        with Vertical(id="topic-tables"):
            with Vertical(id="topic-partitions", classes="box"):
                yield Static(id="partition-note", classes="note")
                yield DiffTable(id="partition-table")
            with Vertical(id="topic-groups", classes="box"):
                yield Static(id="group-note", classes="note")
                yield DiffTable(id="group-table")
        with Vertical(id="topic-messages", classes="box"):
            yield Static(id="message-note", classes="note")
            with Horizontal():
                yield MessageList(id="message-list")
                yield MessageDetail(id="message-detail")

    def on_mount(self) -> None:
        """The messages have the focus, unless the program ends before they are there."""
        self.query(MessageList).focus()

    # --- what is fetched

    def sources(self) -> Mapping[str, Source]:
        """Partitions and groups now and then; messages as long as they can change."""
        port = self.cockpit.topic_port
        if port is None:
            return {}
        found = {
            _PARTITIONS: Source(lambda: port().partitions(), 5.0),
            _GROUPS: Source(lambda: port().groups(), 5.0),
        }
        if not self._held:
            query = self._query
            failed = self.state.shown(_MESSAGES).error is not None
            once = self._answered and query.start.start is not Start.TAIL and not failed
            found[_MESSAGES] = Source(lambda: port().messages(query), _ONCE_S if once else 0.0)
        return found

    @property
    def _answered(self) -> bool:
        return self._page is not None and self._page.query == self._query

    def _ask(self, query: MessageQuery) -> None:
        """Show other messages."""
        self._query, self._held = query, False
        self.remove_class("-opened")
        self.refetch(_MESSAGES)
        self.refresh_all()

    # --- what is shown

    def on_resize(self) -> None:  # type: ignore[override]
        """Very wide: the tables stand side by side."""
        self.set_class(self.size.width >= 190, "-broad")
        self.call_after_refresh(self.refresh_all)

    def show(self, state: State) -> None:
        """Put partitions, groups and messages on the screen."""
        self._show_partitions(state)
        self._show_groups(state)
        self._take(state.shown(_MESSAGES).value)
        self._show_messages(state)

    def _show_partitions(self, state: State) -> None:
        box, table = self.query_one("#topic-partitions"), self.query_one("#partition-table", DiffTable)
        rows = tables.partition_rows(state)
        names = tables.fitting(rows, max(20, box.size.width))
        table.set_columns(tables.shape(names, ("p", "lag trend")))
        table.set_rows([(str(number), [cells[name] for name in names]) for number, cells in rows.items()])
        title = f"{self.cockpit.topic} · {len(rows)} partitions" if rows else self.cockpit.topic
        at = table.selected_key
        rest = tables.left_out(rows[int(at)], names) if at is not None and int(at) in rows else ""
        self._border(box, title, state, "lag", rest)
        notes = tables.partition_errors(state)
        if not rows:
            notes.append("Waiting for the first answer …")
        self._note("#partition-note", state, ("lag", _PARTITIONS), notes)
        table.display = bool(rows)

    def _show_groups(self, state: State) -> None:
        box, table = self.query_one("#topic-groups"), self.query_one("#group-table", DiffTable)
        shown = state.shown(_GROUPS)
        groups: tuple[ConsumerGroup, ...] = shown.value or ()
        rows = tables.group_rows(groups)
        table.set_columns(tables.shape(tables.GROUP_COLUMNS, ("group", "state", "committed")))
        table.set_rows([(name, [cells[column] for column in tables.GROUP_COLUMNS]) for name, cells in rows.items()])
        title = f"consumer groups · {len(groups)}" if groups else "consumer groups"
        beside = self.query_one("#topic-partitions").outer_size.height if self.has_class("-broad") else 0
        if box.styles.min_height != Scalar.from_number(beside):
            box.styles.min_height = beside
        at = table.selected_key
        self._border(box, title, state, _GROUPS, next((tables.group_words(g) for g in groups if g.id == at), ""))
        empty = "No consumer group yet: the job makes one with its first checkpoint."
        notes = [] if groups else [empty if shown.value is not None else "Waiting for the first answer …"]
        self._note("#group-note", state, (_GROUPS,), notes)
        table.display = bool(rows)

    def _take(self, page: MessagePage | None) -> None:
        """A new page: into the list, unless the one that is shown is held."""
        if page is None or page is self._taken:
            return
        self._taken = page
        if self._held and self._page is not None:
            return
        start = page.query.start.start
        if self._page is not None and not page.messages and page.complete and start in (Start.AFTER, Start.BEFORE):
            if page.query == self._query:
                self._query = self._page.query
                self._held = True
                self.notify(f"There is nothing {'newer' if start is Start.AFTER else 'older'}.", timeout=3)
            return
        changed = self._page is None or self._page.query != page.query
        self._page = page
        listed = self.query_one(MessageList)
        go = -1 if start in (Start.TAIL, Start.BEFORE) else 0
        listed.offer(page.messages, self.now, go=go if changed or start is Start.TAIL else None, needle=page.query.text)

    def _show_messages(self, state: State) -> None:
        box, shown = self.query_one("#topic-messages"), state.shown(_MESSAGES)
        page = self._page
        title = f"messages · {self._words()}"
        if page is None:
            self._border(box, title, state, _MESSAGES, "")
            self._note("#message-note", state, (_MESSAGES,), ["Waiting for the first messages …"])
            return
        bad = sum(m.problem is not None for m in page.messages)
        count = f"{len(page.messages)} messages" + (f", {bad} ✗" if bad else "")
        before = self.cockpit.topic_port is not None and not self._answered
        self._border(box, title, state, None if self._held or not self._lives else _MESSAGES, count, before=before)
        notes = [self._said(page)] if page.note and not before else []
        if before and shown.error is None:
            notes = [f"Looking for {self._words()} …"]
        elif not page.messages and not page.note:
            notes = ["There are no messages yet: p starts the producer." if self._lives else "There are no messages."]
        self._note("#message-note", state, () if self._held else (_MESSAGES,), notes)
        self.query_one(MessageDetail).offer(self.query_one(MessageList).selected)

    def _said(self, page: MessagePage) -> str:
        """The page's note as a sentence, with the key that looks further."""
        note = page.note or ""
        backwards = page.query.start.start in (Start.TAIL, Start.BEFORE)
        keys = {c.id: c.shown_key for c in self.lakehouse.commands(self)}
        key = keys["kafka_older" if backwards else "kafka_newer"]
        further = "" if page.complete else f" {key} looks further {'back' if backwards else 'on'}."
        return f"{note[:1].upper()}{note[1:]}.{further}"

    @property
    def _lives(self) -> bool:
        return self._query.start.start is Start.TAIL

    def _words(self) -> str:
        """What is asked for."""
        query, start = self._query, self._query.start
        if start.start is Start.TAIL:
            where = f"tail held at {stamp(self._page.taken_at)}, T follows" if self._held and self._page else "tail"
        elif start.start is Start.OFFSET:
            where = f"from offset {fmt.count(start.offset)}"
        elif start.start is Start.TIME:
            where = f"from {fmt.day_clock(start.moment, self.now)}"
        else:
            where = "the next page" if start.start is Start.AFTER else "the page before"
        parts = [
            where,
            f"partition {query.partition}" if query.partition is not None else "",
            f"text “{fmt.plain(query.text)}”" if query.text else "",
            f"key “{fmt.plain(query.key)}”" if query.key else "",
        ]
        return " · ".join(part for part in parts if part)

    def _border(
        self, box: Widget, title: str, state: State, source: str | None, words: str, *, before: bool = False
    ) -> None:
        """Title, and in the lower border since when it is stale, else `words`.

        With `before` the content answers another question than the one that the title names.
        """
        stale = staleness(state.shown(source), self.now, self.lakehouse.period_s + 5.0) if source else None
        if before:
            stale = f"found before: {words}"
        box.set_class(stale is not None, "-stale")
        border.write(box, title, stale or words)

    def _note(self, selector: str, state: State, sources: Iterable[str], lines: list[str]) -> None:
        """Errors of sources and other sentences above a table."""
        note = self.query_one(selector, Static)
        width = max(20, note.parent.size.width if isinstance(note.parent, Widget) else 80)
        text = tables.notes(state, tuple(sources), lines, self.now, width)
        if str(note.content) != str(text):
            note.display = bool(text)
            put(note, text)

    # --- keys

    def action_tail(self) -> None:
        """Follow the newest messages."""
        self._ask(replace(self._query, start=TAIL))
        self.query_one(MessageList).action_edge(1)

    def action_from_offset(self) -> None:
        """From an offset on."""

        def take(answer: tuple[int | None, int] | None) -> None:
            if answer is not None:
                partition = self._query.partition if answer[0] is None else answer[0]
                self._ask(replace(self._query, start=BrowseFrom(Start.OFFSET, offset=answer[1]), partition=partition))

        hint = "OFFSET (in every partition), or PARTITION:OFFSET"
        self.app.push_screen(Ask("Messages from an offset", hint, typed.offset), take)

    def action_from_time(self) -> None:
        """From a time on."""

        def take(answer: object) -> None:
            if answer is not None:
                self._ask(replace(self._query, start=BrowseFrom(Start.TIME, moment=answer)))  # type: ignore[arg-type]

        check = partial(typed.moment, now=self.lakehouse.clock())
        self.app.push_screen(Ask("Messages from a time", f"{typed.MOMENTS} (local time)", check), take)

    def action_filter(self, what: str) -> None:
        """Only messages that hold a text, in their value or in their key."""

        def take(answer: str | None) -> None:
            if answer is None:
                return
            query = (
                replace(self._query, text=answer or None)
                if what == "text"
                else replace(self._query, key=answer or None)
            )
            start = query.start if query.start.start in (Start.TAIL, Start.OFFSET, Start.TIME) else TAIL
            self._ask(replace(query, start=start))

        title = "Messages whose value holds" if what == "text" else "Messages whose key holds"
        now = self._query.text if what == "text" else self._query.key
        hint = "a text; letters match in both cases; nothing clears it"
        self.app.push_screen(Ask(title, hint, str.strip, now or ""), take)

    def action_turn(self, step: int) -> None:
        """The page before, or the next one."""
        page = self._page
        if page is None or (step > 0 and self._lives and not self._held):
            return
        start = (
            BrowseFrom(Start.AFTER, positions=page.end) if step > 0 else BrowseFrom(Start.BEFORE, positions=page.begin)
        )
        self._ask(replace(self._query, start=start))

    def action_clear(self) -> None:
        """Close the message, else clear the filters, else take the last result away."""
        query = replace(self._query, text=None, key=None, partition=None)
        if self.has_class("-opened"):
            self._close()
        elif query != self._query:
            start = query.start if query.start.start in (Start.TAIL, Start.OFFSET, Start.TIME) else TAIL
            self._ask(replace(query, start=start))
        else:
            self.lakehouse.action_dismiss_result()

    def _close(self) -> None:
        self.remove_class("-opened")
        self.query_one(MessageList).focus()

    # --- what the lists say

    @on(MessageList.Moved)
    def moved(self, event: MessageList.Moved) -> None:
        """Moving away from the newest message holds the tail."""
        if self._lives and not event.last:
            self._held = True
        self.query_one(MessageDetail).offer(self.query_one(MessageList).selected)
        self._show_messages(self.state)

    @on(MessageList.Beyond)
    def beyond(self, event: MessageList.Beyond) -> None:
        """Paging goes on where the list ends."""
        self.action_turn(event.step)

    @on(MessageList.Opened)
    def opened(self) -> None:
        """The whole message; where there is room, it stands beside the list anyway."""
        self.query_one(MessageDetail).offer(self.query_one(MessageList).selected)
        self.add_class("-opened")
        self.query_one(MessageDetail).focus()

    @on(DataTable.RowSelected, "#partition-table")
    def partition_chosen(self, event: DataTable.RowSelected) -> None:
        """Only the messages of this partition."""
        if event.row_key.value is not None:
            start = self._query.start if self._query.start.start in (Start.OFFSET, Start.TIME) else TAIL
            self._ask(replace(self._query, start=start, partition=int(event.row_key.value)))

    @on(DataTable.RowHighlighted)
    def highlighted(self) -> None:
        """The rest of this row stands in the border."""
        self._show_partitions(self.state)
        self._show_groups(self.state)
