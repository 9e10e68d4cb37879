"""The runner's market clock, which tells the strategies' processes when it jumps or changes its rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradewinds.clock import Clock, ClockReading, MarketClock

_NOTICEABLE_MS = 20  # real milliseconds: two readings of the same clock differ by their rounding


class BroadcastClock(MarketClock):
    """`announce` is called with each reading that says something new; `known` is set from the first one on."""

    def __init__(self, clock: Clock, announce: Callable[[ClockReading], None]) -> None:
        super().__init__(clock)
        self._real = clock
        self._announce = announce
        self.reading: ClockReading | None = None
        self.known = asyncio.Event()

    def set(self, reading: ClockReading) -> None:
        """Follow the published reading from now on."""
        before = self.reading
        super().set(reading)
        self.reading = reading
        self.known.set()
        if before is None or self._differs(before, reading):
            self._announce(reading)

    def _differs(self, before: ClockReading, after: ClockReading) -> bool:
        now_ms = self._real.now().timestamp() * 1000
        gap_ms = abs(before.at(now_ms) - after.at(now_ms))
        return before.rate != after.rate or gap_ms > _NOTICEABLE_MS * max(1.0, after.rate)
