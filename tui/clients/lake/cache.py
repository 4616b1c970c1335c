"""Keeps what was read of files that never change, within a budget. Safe to share by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Values by key; when they weigh more than `budget`, those unused for the longest time go."""

    def __init__(self, budget: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._budget = budget
        self._weigh = weigh
        self._values: OrderedDict[K, tuple[int, V]] = OrderedDict()
        self._lock = threading.Lock()
        self.weight = 0

    def get(self, key: K) -> V | None:
        """The value, `None` when it is not here (any more)."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[1]

    def put(self, key: K, value: V) -> V:
        """Keep `value` and return it; one that is heavier than the whole budget is not kept."""
        weight = self._weigh(value)
        with self._lock:
            if key in self._values:
                self.weight -= self._values.pop(key)[0]
            if weight <= self._budget:
                self._values[key] = (weight, value)
                self.weight += weight
            while self.weight > self._budget:
                _, (gone, _) = self._values.popitem(last=False)
                self.weight -= gone
        return value
