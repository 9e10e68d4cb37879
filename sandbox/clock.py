"""The market clock: the broker side's time. It runs at a rate, and it may jump (over a night of a replay)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
SESSION_OPEN_MS = (9 * 60 + 15) * 60_000
SESSION_CLOSE_MS = (15 * 60 + 30) * 60_000
_IST_OFFSET_MS = 19_800_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ClockReading:
    """`jump` grows by one whenever market time did not go on steadily (night of a replay, restart)."""

    market_ms: int
    real_ms: int
    rate: float
    jump: int

    def published(self) -> dict[str, object]:
        """The body of `GET /sandbox/clock`."""
        return {
            "market_ms": self.market_ms,
            "real_ms": self.real_ms,
            "rate": self.rate,
            "market_time": ist(self.market_ms).isoformat(timespec="milliseconds"),
            "jump": self.jump,
        }


class MarketClock:
    """Market time = anchor + real time since the anchor x rate. The monotonic clock drives it, never the wall."""

    def __init__(
        self,
        start_ms: int,
        rate: float,
        jump: int = 0,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._anchor_ms = start_ms
        self._anchor_ns = monotonic_ns()
        self._jump = jump
        self.rate = rate

    def now_ms(self) -> int:
        """Market time, epoch milliseconds."""
        return self._anchor_ms + int((self._monotonic_ns() - self._anchor_ns) * self.rate) // 1_000_000

    def reading(self) -> ClockReading:
        """Market and real time of the same instant."""
        return ClockReading(self.now_ms(), self._wall_ns() // 1_000_000, self.rate, self._jump)

    def jump_to(self, market_ms: int) -> None:
        """Go forward to `market_ms` at once. Market time never goes back: an earlier instant is refused."""
        if market_ms < self.now_ms():
            raise ValueError(f"market time cannot go back from {self.now_ms()} to {market_ms}")
        self._anchor_ms, self._anchor_ns = market_ms, self._monotonic_ns()
        self._jump += 1

    def real_seconds_until(self, market_ms: int) -> float:
        """How long a sleeper must wait in real time; 0 when the instant has passed."""
        return max(0.0, (market_ms - self.now_ms()) / 1000 / self.rate)


def ist(market_ms: int) -> datetime:
    """The same instant for people in India."""
    return datetime.fromtimestamp(market_ms / 1000, IST)


def ist_day(market_ms: int) -> int:
    """Days since the epoch, counted at midnight IST: two instants of one trading day share it."""
    return (market_ms + _IST_OFFSET_MS) // _DAY_MS


def ms_of_day(market_ms: int) -> int:
    """Milliseconds since midnight IST."""
    return (market_ms + _IST_OFFSET_MS) % _DAY_MS


def day_start_ms(day: int) -> int:
    """00:00:00 IST of a day as counted by `ist_day`."""
    return day * _DAY_MS - _IST_OFFSET_MS


def session_open_ms(day: int) -> int:
    """09:15:00 IST of a day as counted by `ist_day`."""
    return day_start_ms(day) + SESSION_OPEN_MS


def in_one_session(earlier_ms: int, later_ms: int) -> bool:
    """Both instants lie in 09:15-15:30 IST of the same day."""
    if ist_day(earlier_ms) != ist_day(later_ms):
        return False
    return ms_of_day(earlier_ms) >= SESSION_OPEN_MS and ms_of_day(later_ms) < SESSION_CLOSE_MS


def book_time(market_ms: int) -> str:
    """`DD-Mon-YYYY HH:MM:SS`, IST and naive: the way the order book writes times."""
    return ist(market_ms).strftime("%d-%b-%Y %H:%M:%S")


def trading_date(market_ms: int) -> date:
    """The IST calendar date."""
    return ist(market_ms).date()


def real_day(now: datetime | None = None) -> int:
    """The real date in India, counted as `ist_day` does."""
    real = now or datetime.now(UTC)
    return ist_day(int(real.timestamp() * 1000))
