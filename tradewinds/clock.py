"""The two clocks (design §2), both injected, never mixed.

`Clock` is real: leases, deadlines, timeouts, TOTP and freshness. `MarketClock` is the broker side's time: sessions,
schedules, bars, day keys and what a strategy sees. With a real broker they agree; a sandbox publishes its own
(offset and rate), so that a replay at ×60 on a Sunday night is a trading day.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")


class Clock(Protocol):
    """Real time, as this process sees it."""

    def now(self) -> datetime:
        """Wall clock, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()


@dataclass(frozen=True)
class ClockReading:
    """One published reading of the broker's clock: at real time `real_ms` it was `market_ms` there, running at `rate`."""

    market_ms: int
    real_ms: int
    rate: float

    def at(self, real_ms: float) -> int:
        """Market time in epoch milliseconds at real time `real_ms` (never before the reading)."""
        return self.market_ms + int(max(0.0, real_ms - self.real_ms) * self.rate)


_REMEMBERED: Final = 16  # readings: some seconds of them


class MarketClock:
    """The broker's time. Starts as the real clock; `set` takes a reading published by a simulated broker."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._reading: ClockReading | None = None
        # Those before it, and the real time until which each was followed.
        self._earlier: deque[tuple[float, ClockReading]] = deque(maxlen=_REMEMBERED)

    @property
    def rate(self) -> float:
        """Market seconds per real second: 1 with a real broker."""
        return self._reading.rate if self._reading else 1.0

    def set(self, reading: ClockReading) -> None:
        """Follow the published reading from now on."""
        if self._reading is not None and reading != self._reading:
            self._earlier.append((self._real_ms(), self._reading))
        self._reading = reading

    def now_ms(self) -> int:
        """Market time, epoch milliseconds."""
        return _at(self._real_ms(), self._reading)

    def now(self) -> datetime:
        """Market time, UTC."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def ago_ms(self, real_seconds: float) -> int:
        """What market time was so many real seconds ago, as far as it was known then: before it leapt forward, if it has since. Never
        later than it is now."""
        real_ms = self._real_ms() - real_seconds * 1000
        then = next((reading for until_ms, reading in self._earlier if real_ms < until_ms), self._reading)
        return min(_at(real_ms, then), self.now_ms())

    def _real_ms(self) -> float:
        return self._clock.now().timestamp() * 1000


def _at(real_ms: float, reading: ClockReading | None) -> int:
    return reading.at(real_ms) if reading else int(real_ms)


def ist(moment: datetime) -> datetime:
    """The same moment as a person in India reads it."""
    return moment.astimezone(IST)


def day_key(moment: datetime) -> str:
    """The trading day of a market time, `YYYY-MM-DD` in IST."""
    return ist(moment).strftime("%Y-%m-%d")


def seconds(value: float) -> timedelta:
    """A `timedelta` of so many seconds (asyncpg takes intervals as timedeltas)."""
    return timedelta(seconds=value)
