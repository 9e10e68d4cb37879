"""What the market clock brings about by itself: the milestones of every day, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from sandbox.clock import day_start_ms, ist_day
from sandbox.phases import Market, Phase, TradingCalendar, Window

_MINUTE_MS = 60_000
SQUARE_OFF_BEFORE_CLOSE_MS = 15 * _MINUTE_MS
_SQUARE_OFF_BEFORE_AUCTION_MS = 5 * _MINUTE_MS
_DERIVATIVES_SQUARE_OFF_MS = (15 * 60 + 15) * _MINUTE_MS


class Happening(IntEnum):
    """The values order what falls on one instant."""

    NEW_DAY = 1
    DAY_ENDED = 2
    PHASE_CHANGED = 3
    UNCROSS = 4
    SQUARE_OFF = 5


class Milestone(NamedTuple):
    """`market` is None for a new day. `phase` is the one that begins, or the one whose auction finds its price."""

    at_ms: int
    happening: Happening
    market: Market | None = None
    phase: Phase = Phase.CLOSED

    @property
    def order(self) -> tuple[int, int, str]:
        """Where it stands among all milestones; survives a restart as it is."""
        return self.at_ms, int(self.happening), "" if self.market is None else "|".join(map(str, self.market))


def square_off_ms(market: Market, continuous: Window, day: int) -> int:
    """When the broker begins to flatten INTRADAY positions, and takes no new INTRADAY orders.

    15:15 as Angel One has it for shares and their derivatives, five minutes before the end where trading ends at 15:15 already;
    a quarter of an hour before the end everywhere else (MCX 23:15).
    """
    usual = day_start_ms(day) + _DERIVATIVES_SQUARE_OFF_MS
    if market.segment in ("MCX", "CDS", "NCDEX") or not continuous.begins_ms < usual <= continuous.ends_ms:
        return continuous.ends_ms - SQUARE_OFF_BEFORE_CLOSE_MS
    return min(usual, continuous.ends_ms - _SQUARE_OFF_BEFORE_AUCTION_MS)


def milestones_of(calendar: TradingCalendar, markets: Iterable[Market], day: int) -> list[Milestone]:
    """Everything of one day (as `ist_day` counts), in order."""
    found = [Milestone(day_start_ms(day), Happening.NEW_DAY)]
    for market in markets:
        found.extend(_of_market(calendar, market, day))
    return sorted(found, key=lambda milestone: milestone.order)


def _of_market(calendar: TradingCalendar, market: Market, day: int) -> Iterator[Milestone]:
    windows = calendar.windows(market, day)
    for n, window in enumerate(windows):
        yield Milestone(window.begins_ms, Happening.PHASE_CHANGED, market, window.phase)
        if window.uncross_ms:
            yield Milestone(window.uncross_ms, Happening.UNCROSS, market, window.phase)
        if window.phase is Phase.CONTINUOUS:
            yield Milestone(square_off_ms(market, window, day), Happening.SQUARE_OFF, market, window.phase)
        if n + 1 == len(windows) or windows[n + 1].begins_ms > window.ends_ms:
            yield Milestone(window.ends_ms, Happening.PHASE_CHANGED, market, Phase.CLOSED)
    if windows:
        yield Milestone(windows[-1].ends_ms, Happening.DAY_ENDED, market)


class DayPlan:
    """The milestones after an instant, or after the last one that an earlier run has done, for ever."""

    def __init__(self, calendar: TradingCalendar, markets: Iterable[Market], after: tuple[int, int, str]) -> None:
        """`after` is a milestone's `order`; (instant, 9, "") stands behind everything of that instant."""
        self._calendar = calendar
        self._markets = tuple(markets)
        self._day = ist_day(after[0])
        self._coming = [m for m in milestones_of(calendar, self._markets, self._day) if m.order > after]
        self._refill()

    def next_ms(self) -> int:
        return self._coming[0].at_ms

    def peek(self) -> Milestone:
        return self._coming[0]

    def done(self) -> None:
        """The first one has been carried out."""
        del self._coming[0]
        self._refill()

    def _refill(self) -> None:
        while not self._coming:
            self._day += 1
            self._coming = milestones_of(self._calendar, self._markets, self._day)
