"""What running actions tell the application."""

from __future__ import annotations

from textual.message import Message

from tui.model.stack import Progress


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
