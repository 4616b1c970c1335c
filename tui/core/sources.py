"""What the screens can ask for: one source is one blocking call, how often it is made, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One fetch of one thing, run in a daemon thread.

    `fetch` blocks, has deadlines of its own, and raises `LakehouseError` for what is expected to fail. `interval_s` is
    the least time between two fetches; the user's refresh interval can only make it longer, unless the source
    is `own_pace`. A fetch that takes longer
    than `deadline_s` is given up, and another one started.
    """

    fetch: Callable[[], object]
    interval_s: float = 0.0
    deadline_s: float = 15.0
    own_pace: bool = False
