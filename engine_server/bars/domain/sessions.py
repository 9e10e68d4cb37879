"""When a market trades, as numbers: bars are anchored where a session begins, and never reach over its end.

A session is a stretch in which trades make bars: a segment's continuous phase, and what follows it without a break (the
closing auction). The broker buckets its candles by the time of the trade, whatever the phase: so do we, and an auction's
trade is in the bar of its own minute. 60-minute bars of NSE begin at 09:15, 10:15… and the last one is short.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from engine_server.bars.domain.rows import Integers

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_IST_OFFSET_MS: Final = 19_800_000
WHOLE_DAY: Final = 0  # the step of a day bar


@dataclass(frozen=True)
class Session:
    """From `start_ms` (inclusive) to `end_ms` (exclusive), market time; whole minutes."""

    start_ms: int
    end_ms: int


class Sessions:
    """The sessions of one market, sorted; none overlaps another."""

    def __init__(self, sessions: tuple[Session, ...] = ()) -> None:
        self.all = tuple(sorted(sessions, key=lambda session: session.start_ms))
        flat = [edge for session in self.all for edge in (session.start_ms, session.end_ms)]
        # One that ends at midnight may touch the next day's.
        if any(s.end_ms <= s.start_ms for s in self.all) or any(b.start_ms < a.end_ms for a, b in pairwise(self.all)):
            raise ValueError(f"sessions must not overlap or be empty: {self.all}")
        if any(edge % MINUTE_MS for edge in flat):
            raise ValueError(f"sessions must begin and end with a minute: {self.all}")
        self._edges = np.array(flat, np.int64)
        days = np.array([ist_day(session.start_ms) for session in self.all], np.int64)
        self._day_ends = np.array(
            [max(s.end_ms for s in self.all if ist_day(s.start_ms) == day) for day in days], np.int64
        )

    def inside(self, times_ms: Integers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of the times are in a session."""
        inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = (np.searchsorted(self._edges, times_ms, "right") % 2) == 1
        return inside

    def bounds(self, times_ms: Integers, step_ms: int) -> tuple[Integers, Integers]:
        """Start and end of the bar that each time (within a session) belongs to. A day bar starts at midnight in India, as the
        broker's does, and ends with the day's last session.
        """
        position = np.searchsorted(self._edges, times_ms, "right") // 2
        if step_ms == WHOLE_DAY:
            return (times_ms + _IST_OFFSET_MS) // DAY_MS * DAY_MS - _IST_OFFSET_MS, self._day_ends[position]
        opening, closing = self._edges[2 * position], self._edges[2 * position + 1]
        starts = opening + (times_ms - opening) // step_ms * step_ms
        return starts, np.minimum(starts + step_ms, closing)

    def opening_ms(self, day: int) -> int:
        """When the first session of a day (as `ist_day` counts it) begins; -1 where there is none."""
        return next((session.start_ms for session in self.all if ist_day(session.start_ms) == day), -1)

    def minutes_between(self, start_ms: int, end_ms: int) -> int:
        """Minutes of sessions in [start, end)."""
        return sum(
            max(0, min(s.end_ms, end_ms) - max(s.start_ms, start_ms)) // MINUTE_MS
            for s in self.all
            if s.end_ms > start_ms and s.start_ms < end_ms
        )


def ist_day(time_ms: int) -> int:
    """Days since the epoch, counted at midnight in India."""
    return (time_ms + _IST_OFFSET_MS) // DAY_MS


def ist_days(times_ms: Integers) -> Integers:
    """`ist_day` of each time."""
    days: Integers = (times_ms + _IST_OFFSET_MS) // DAY_MS
    return days


def day_start_ms(day: int) -> int:
    """Midnight in India of a day as `ist_day` counts it."""
    return day * DAY_MS - _IST_OFFSET_MS
