"""Ticks that wait for Redis. Bounded: beyond the bound the newest tick of each instrument is kept, what was between is dropped."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine_server.feed.tick_routes import Int64Array
from tradewinds.ticks import TickArray, instrument_codes, joined

CAPACITY: Final = 20_000  # ticks: a second of a busy market, 1.5 MB


class Backlog:
    """Ticks in order of arrival."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._limit = capacity
        self._waiting: list[TickArray] = []
        self._count = 0
        self._dropped = 0

    def __len__(self) -> int:
        return self._count

    def add(self, ticks: TickArray) -> None:
        """Newer ticks than all that wait."""
        if len(ticks):
            self._waiting.append(ticks)
            self._count += len(ticks)
            if self._count > self._limit:
                self._coalesce()

    def take(self) -> TickArray:
        """Everything that waits."""
        waiting, self._waiting, self._count = self._waiting, [], 0
        self._limit = self._capacity
        return joined(waiting)

    def give_back(self, ticks: TickArray) -> None:
        """What could not be written: older than all that waits, and only the newest of each instrument is still worth it."""
        self._waiting.insert(0, ticks)
        self._count += len(ticks)
        self._coalesce()

    def take_dropped(self) -> int:
        """How many were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _coalesce(self) -> None:
        ticks = joined(self._waiting)
        kept = ticks[newest(instrument_codes(ticks))]
        self._dropped += len(ticks) - len(kept)
        self._waiting, self._count = [kept], len(kept)
        # With very many instruments the newest of each is more than the usual bound.
        self._limit = max(self._capacity, 2 * len(kept))


def newest(codes: Int64Array) -> Int64Array:
    """The position of the last occurrence of each code, in order of arrival."""
    _, from_behind = np.unique(codes[::-1], return_index=True)
    positions: Int64Array = np.sort(len(codes) - 1 - from_behind)
    return positions
