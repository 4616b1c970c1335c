"""What workers tell the application."""

from __future__ import annotations

from textual.message import Message

from tui.model.reading import Reading
from tui.model.stack import Progress


class Arrived(Message):
    """A fetch has ended; a newer one of the same source may take its place in the queue."""

    def __init__(self, reading: Reading[object]) -> None:
        super().__init__()
        self.reading = reading

    def can_replace(self, message: Message) -> bool:
        """Whether `message` is outdated by this one."""
        return (
            isinstance(message, Arrived)
            and message.reading.source == self.reading.source
            and message.reading.generation <= self.reading.generation
        )


class Stepped(Message):
    """A running action reports a step."""

    def __init__(self, action: str, step: Progress) -> None:
        super().__init__()
        self.action = action
        self.step = step


class Ended(Message):
    """An action has ended, with a sentence about how."""

    def __init__(self, action: str, sentence: str, *, ok: bool) -> None:
        super().__init__()
        self.action = action
        self.sentence = sentence
        self.ok = ok
