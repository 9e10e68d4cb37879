"""When contracts expire. Rules differ by exchange and year; an expiry on a holiday moves to the trading day before.

NSE: Thursdays to August 2025, then Tuesdays (NSE circular of June 2025). BSE: Fridays to 2024, Tuesdays to August 2025, then Thursdays.
Bank Nifty's weeklies moved to Wednesday in September 2023 and ended in November 2024 (SEBI: one weekly per exchange).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice

from sandbox.listing.underlyings import Underlying
from sandbox.phases import TradingCalendar

EPOCH = date(1970, 1, 1)
_TUESDAY, _WEDNESDAY, _THURSDAY, _FRIDAY = 1, 2, 3, 4
_NEW_WEEKDAYS_FROM = date(2025, 9, 1)
_BSE_TUESDAYS_FROM = date(2025, 1, 1)
_BANKNIFTY_WEDNESDAYS_FROM = date(2023, 9, 1)
_ONE_WEEKLY_FROM = date(2024, 11, 14)
_QUARTER_ENDS, _HALF_YEAR_ENDS = (3, 6, 9, 12), (6, 12)


class ExpiryCalendar:
    """Expiry days of any underlying as a market day lists them, oldest first."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self.futures = lru_cache(maxsize=4096)(self._futures)
        self.options = lru_cache(maxsize=4096)(self._options)
        self.month_end = lru_cache(maxsize=8192)(self._month_end)

    def _futures(self, underlying: Underlying, on: date) -> tuple[date, ...]:
        """Near, next and far."""
        return tuple(islice(self._monthlies(underlying, on, underlying.months), underlying.monthlies))

    def _options(self, underlying: Underlying, on: date) -> tuple[date, ...]:
        """Weeklies, monthlies, quarter ends and half-year ends, each day once."""
        if not underlying.has_options:
            return ()
        if underlying.option_lead_days:
            return tuple(islice(self._before_futures(underlying, on), underlying.monthlies))
        monthlies = list(islice(self._monthlies(underlying, on, underlying.months), underlying.monthlies))
        days = set(monthlies)
        if underlying.weeklies and not (underlying.name == "BANKNIFTY" and on >= _ONE_WEEKLY_FROM):
            days.update(self._weeklies(underlying, on))
        if underlying.quarterlies:
            later = monthlies[-1] + timedelta(days=1)
            quarters = list(islice(self._monthlies(underlying, later, _QUARTER_ENDS), underlying.quarterlies))
            later = quarters[-1] + timedelta(days=1)
            days.update(quarters, islice(self._monthlies(underlying, later, _HALF_YEAR_ENDS), underlying.half_yearlies))
        return tuple(sorted(days))

    def _monthlies(self, underlying: Underlying, on: date, months: Iterable[int]) -> Iterator[date]:
        year, month = on.year, on.month
        wanted = frozenset(months)
        while True:
            if month in wanted and (expiry := self.month_end(underlying, year, month)) >= on:
                yield expiry
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)

    def _before_futures(self, underlying: Underlying, on: date) -> Iterator[date]:
        """Options on futures end some days before these."""
        for future in self._monthlies(underlying, on, underlying.months):
            expiry = self._open_on_or_before(future - timedelta(days=underlying.option_lead_days), underlying.segment)
            if expiry >= on:
                yield expiry

    def _weeklies(self, underlying: Underlying, on: date) -> Iterator[date]:
        found, day = 0, on
        while found < underlying.weeklies:
            if day.weekday() == weekly_weekday(underlying, day):
                expiry = self._open_on_or_before(self._unless_month_end(underlying, day), underlying.segment)
                if expiry >= on:
                    found += 1
                    yield expiry
            day += timedelta(days=1)

    def _unless_month_end(self, underlying: Underlying, day: date) -> date:
        """In its last week the monthly contract takes the weekly's place, whatever its weekday."""
        month_end = self.month_end(underlying, day.year, day.month)
        return month_end if abs((day - month_end).days) <= 2 else day

    def _month_end(self, underlying: Underlying, year: int, month: int) -> date:
        last = date(year, month, monthrange(year, month)[1])
        if underlying.expiry_day:
            day = min(last, date(year, month, min(underlying.expiry_day, last.day)))
        else:
            day = last - timedelta(days=(last.weekday() - monthly_weekday(underlying.segment, last)) % 7)
        return self._open_on_or_before(day, underlying.segment)

    def _open_on_or_before(self, day: date, segment: str) -> date:
        return EPOCH + timedelta(days=self._calendar.last_trading_day((day - EPOCH).days, segment))


def monthly_weekday(segment: str, on: date) -> int:
    if segment == "BFO":
        return _THURSDAY if on >= _NEW_WEEKDAYS_FROM else _TUESDAY if on >= _BSE_TUESDAYS_FROM else _FRIDAY
    return _TUESDAY if on >= _NEW_WEEKDAYS_FROM else _THURSDAY


def weekly_weekday(underlying: Underlying, on: date) -> int:
    if underlying.segment == "CDS":
        return _FRIDAY
    if underlying.name == "BANKNIFTY" and on >= _BANKNIFTY_WEDNESDAYS_FROM:
        return _WEDNESDAY
    return monthly_weekday(underlying.segment, on)
