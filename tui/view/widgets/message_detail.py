"""One Kafka message in full: where it is, whether it is a trade, and its value over several lines."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.model.kafka import Message
from tui.view import format as fmt
from tui.view.pretty import MAX_LINES, pretty
from tui.view.widgets.message_list import stamp
from tui.view.widgets.notes import put

_RAW_CHARACTERS = 16_384


class MessageDetail(VerticalScroll):
    """Scrolls with the arrow keys while it has the focus."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._message: Message | None = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="message-text")

    def offer(self, message: Message | None) -> None:
        """Show `message`."""
        if message == self._message:
            return
        self._message = message
        put(self.query_one("#message-text", Static), detail(message))
        self.scroll_home(animate=False)


def detail(message: Message | None) -> Text:
    """The text of one message."""
    if message is None:
        return Text()
    text = Text.assemble(
        (f"partition {message.partition}, offset {message.offset:,}", "bold"),
        f", {fmt.size(message.size_bytes)}\n",
        f"{_when(message)}, key {fmt.plain(message.key)}\n",
    )
    if message.problem is None:
        text.append("✓ a trade\n")
    else:
        text.append(f"✗ no trade: {message.problem}\n", style="bold")
    return text.append_text(_value(message))


def _when(message: Message) -> str:
    if message.timestamp is None:
        return "no time"
    local = message.timestamp.astimezone()
    return f"{local:%Y-%m-%d} {stamp(message.timestamp)} {local:%Z}"


def _value(message: Message) -> Text:
    if message.value is None:
        return Text("no value (a tombstone)", style="italic")
    if not message.value:
        return Text("an empty value", style="italic")
    found = pretty(message.value)
    return found if found is not None else raw(message.value, message.size_bytes)


def raw(value: str, size_bytes: int) -> Text:
    """A value that is not JSON, as it is: its lines are kept, control characters are replaced."""
    lines = value[:_RAW_CHARACTERS].split("\n")
    text = Text("\n".join(fmt.plain(line) for line in lines[:MAX_LINES]))
    if len(value) > _RAW_CHARACTERS or len(lines) > MAX_LINES or len(value) < size_bytes // 4:
        text.append(f"\n… this is the beginning of {fmt.size(size_bytes)}", style="dim")
    return text
