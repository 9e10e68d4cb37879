"""The phases of a trading day, per exchange segment, in market time.

Hours are the exchanges' own: call auction 09:00-09:15 in the cash segments, continuous 09:15-15:30, post-close 15:40-16:00. From
3 August 2026 (SEBI circular HO/47/11/11(3)2025 of January 2026) shares with derivatives end continuous trading at 15:15 and close in an
auction until 15:35 whose order entry ends at a random instant of 15:28-15:30, derivatives go on to 15:40, and post-close is 15:50-16:00.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from sandbox.clock import day_start_ms, ist_day
from sandbox.exchange_holidays import HOLIDAYS, MUHURAT_HOURS, WEEKEND_SESSIONS, closed_at_mcx

CLOSING_AUCTION_FROM = date(2026, 8, 3)
CASH_SEGMENTS = frozenset({"NSE", "BSE"})
_EQUITY_DERIVATIVES = frozenset({"NFO", "BFO"})
_MINUTE_MS = 60_000
_SATURDAY = 5


class Phase(StrEnum):
    """What an exchange does with an order that comes now."""

    PRE_OPEN = "PRE_OPEN"
    CONTINUOUS = "CONTINUOUS"
    CLOSING_AUCTION = "CLOSING_AUCTION"
    POST_CLOSE = "POST_CLOSE"
    CLOSED = "CLOSED"

    @property
    def collects(self) -> bool:
        """Orders are gathered for one price instead of being matched as they come."""
        return self in (Phase.PRE_OPEN, Phase.CLOSING_AUCTION)


class Market(NamedTuple):
    """Instruments that share their hours: a segment, and whether they close in an auction."""

    segment: str
    closing_auction: bool = False


class Window(NamedTuple):
    """One phase of one day, market milliseconds. `uncross_ms` is when an auction finds its price, else 0."""

    phase: Phase
    begins_ms: int
    ends_ms: int
    uncross_ms: int = 0


class TradingCalendar:
    """When each segment trades. `also_open` are days (as `ist_day` counts) that recorded data prove to have been open."""

    def __init__(self, also_open: frozenset[int] = frozenset()) -> None:
        self._also_open = also_open
        self.windows = lru_cache(maxsize=4096)(self._windows)

    def is_trading_day(self, day: int, segment: str = "NSE") -> bool:
        return bool(self.windows(Market(segment), day))

    def next_trading_day(self, day: int, segment: str = "NSE") -> int:
        """The first one after `day`."""
        day += 1
        while not self.is_trading_day(day, segment):
            day += 1
        return day

    def last_trading_day(self, day: int, segment: str = "NSE") -> int:
        """`day` itself, or the last one before it."""
        while not self.is_trading_day(day, segment):
            day -= 1
        return day

    def phase_at(self, market: Market, market_ms: int) -> Phase:
        for window in self.windows(market, ist_day(market_ms)):
            if window.begins_ms <= market_ms < window.ends_ms:
                return window.phase
        return Phase.CLOSED

    def continuous(self, market: Market, day: int) -> Window | None:
        """The continuous phase of a day, None when there is none."""
        return next((w for w in self.windows(market, day) if w.phase is Phase.CONTINUOUS), None)

    def next_window(self, market: Market, market_ms: int) -> Window:
        """The next phase that begins after this instant."""
        day = ist_day(market_ms)
        while True:
            for window in self.windows(market, day):
                if window.begins_ms > market_ms:
                    return window
            day = self.next_trading_day(day, market.segment)

    def _windows(self, market: Market, day: int) -> tuple[Window, ...]:
        at = _date(day)
        if at in MUHURAT_HOURS:
            return _muhurat(market.segment, day)
        if market.segment == "MCX":
            return _mcx(day, at)
        open_weekend = at in WEEKEND_SESSIONS or day in self._also_open
        if (at.weekday() >= _SATURDAY or at in HOLIDAYS) and not open_weekend:
            return ()
        return _usual(market, day, at)


_EXCHANGES_OWN = TradingCalendar()


def phase_at(exchange_segment: str, market_ms: int, closing_auction: bool = False) -> Phase:
    """The phase of a segment by the exchanges' own calendar (a running broker's `calendar` knows its recorded days too)."""
    return _EXCHANGES_OWN.phase_at(Market(exchange_segment, closing_auction), market_ms)


def _usual(market: Market, day: int, at: date) -> tuple[Window, ...]:
    segment = market.segment
    later_hours = at >= CLOSING_AUCTION_FROM
    if segment in _EQUITY_DERIVATIVES:
        return (_window(day, Phase.CONTINUOUS, 9, 15, 15, 40 if later_hours else 30),)
    if segment not in CASH_SEGMENTS:
        return (_window(day, Phase.CONTINUOUS, 9, 0, 17, 0),)
    random_second_ms = day * 7919 % 60 * 1000
    opening = _window(day, Phase.PRE_OPEN, 9, 0, 9, 15)
    opening = opening._replace(uncross_ms=opening.begins_ms + 7 * _MINUTE_MS + random_second_ms)
    post_close = _window(day, Phase.POST_CLOSE, 15, 50 if later_hours else 40, 16, 0)
    if not (later_hours and market.closing_auction):
        return (opening, _window(day, Phase.CONTINUOUS, 9, 15, 15, 30), post_close)
    closing = _window(day, Phase.CLOSING_AUCTION, 15, 15, 15, 35)
    closing = closing._replace(uncross_ms=closing.begins_ms + 13 * _MINUTE_MS + 2 * random_second_ms)
    return (opening, _window(day, Phase.CONTINUOUS, 9, 15, 15, 15), closing, post_close)


def _mcx(day: int, at: date) -> tuple[Window, ...]:
    """To 23:30 while New York has summer time, to 23:55 in its winter; on holidays of the others from 17:00."""
    if at.weekday() >= _SATURDAY or closed_at_mcx(at):
        return ()
    opens = 17 if at in HOLIDAYS else 9
    return (_window(day, Phase.CONTINUOUS, opens, 0, 23, 30 if _summer_in_new_york(at) else 55),)


def _muhurat(segment: str, day: int) -> tuple[Window, ...]:
    (from_hour, from_minute), (to_hour, to_minute) = MUHURAT_HOURS[_date(day)]
    trading = _window(day, Phase.CONTINUOUS, from_hour, from_minute, to_hour, to_minute)
    if segment not in CASH_SEGMENTS:
        return (trading,)
    begins_ms = trading.begins_ms - 15 * _MINUTE_MS
    return (Window(Phase.PRE_OPEN, begins_ms, trading.begins_ms, begins_ms + 7 * _MINUTE_MS), trading)


def _window(day: int, phase: Phase, from_hour: int, from_minute: int, to_hour: int, to_minute: int) -> Window:
    start = day_start_ms(day)
    return Window(
        phase, start + (from_hour * 60 + from_minute) * _MINUTE_MS, start + (to_hour * 60 + to_minute) * _MINUTE_MS
    )


def _summer_in_new_york(at: date) -> bool:
    return _sunday(at.year, 3, 2) <= at < _sunday(at.year, 11, 1)


def _sunday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))


@lru_cache(maxsize=4096)
def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()
