"""Prices that follow another instrument's: futures at cost of carry, options by Black-Scholes, BSE shares at NSE's price.

Whenever the underlying prints, so do they, at a price that is a rising (puts: falling) function of the underlying's in each minute.
That makes their minute bars out of the underlying's four prices, without their prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np

from sandbox.clock import day_start_ms, ist_day
from sandbox.phases import TradingCalendar
from sandbox.pricing.black_scholes import option_price, option_prices
from sandbox.pricing.generated import market_of
from sandbox.pricing.interest import minute_volumes
from sandbox.pricing.noise import Floats, Ints, seed_of, smooth
from sandbox.pricing.tape import MINUTE_MS, DayBars, Tape
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey, InstrumentKind, OptionType

RATE = 0.065
"""A year, continuous; what the carry of futures and the discounting of premiums go by."""
INDEX_DIVIDEND, OTHER_DIVIDEND = 0.012, 0.008
_YEAR_MS = 365 * 86_400_000.0
_EXPIRY_MS_OF_DAY = (15 * 60 + 30) * MINUTE_MS
_BASIS_BPS = 2.0
_VOLATILITY = {"OPTIDX": 0.13, "OPTSTK": 0.27, "OPTFUT": 0.22}
_VOLATILITY_DRIFT = 0.03
_SKEW, _CURVATURE = -0.05, 0.035
_SMILE_ENDS = 4.0
_LEAST_SMILE_YEARS = 5 / 252
_COMPLETE_AFTER_MS = 57_000
"""A minute's volume has traded by then: the last print of a full minute comes later."""
_CACHED = 8_192


@dataclass(frozen=True, slots=True)
class Terms:
    """What turns the underlying's price into the contract's during one minute."""

    forward: float
    discount: float
    years: float
    volatility: float


class DerivedTape:
    """`underlyings` is the tape of what these follow; `was_listed` says whether a contract existed on a date."""

    def __init__(
        self,
        underlyings: Tape,
        find: Callable[[InstrumentKey], Instrument | None],
        was_listed: Callable[[Instrument, date], bool],
        calendar: TradingCalendar,
        seed: int,
    ) -> None:
        self._underlyings = underlyings
        self._find = find
        self._was_listed = was_listed
        self._calendar = calendar
        self.seed = seed
        self.day = lru_cache(maxsize=_CACHED)(self._day)
        self.volumes = lru_cache(maxsize=_CACHED)(self._volumes)
        self._anchor = lru_cache(maxsize=_CACHED)(self._price_before)

    def underlying_of(self, instrument: Instrument) -> Instrument | None:
        return self._find(instrument.underlying) if instrument.underlying else None

    def minute(self, instrument: Instrument, start_ms: int) -> Sequence[Tick]:
        underlying = self.underlying_of(instrument)
        bars = self.day(instrument, ist_day(start_ms))
        if underlying is None or bars is None:
            return ()
        before = int(bars.volume[: int(np.searchsorted(bars.starts, start_ms))].sum())
        follower = Follower(self, instrument, before)
        return [follower.follow(tick) for tick in self._underlyings.minute(underlying, start_ms)]

    def terms(self, instrument: Instrument, start_ms: int) -> Terms:
        """Of one minute."""
        forward, discount, years, volatility = self._terms(instrument, np.array([start_ms], dtype=np.int64))
        return Terms(float(forward[0]), float(discount[0]), float(years[0]), float(volatility[0]))

    def _day(self, instrument: Instrument, day: int) -> DayBars | None:
        underlying = self.underlying_of(instrument)
        if underlying is None or not self._was_listed(instrument, _date(day)):
            return None
        bars = self._underlyings.day(underlying, day)
        if bars is None:
            return None
        terms = self._terms(instrument, bars.starts)
        first, high, low, last = (_prices(instrument, p, terms) for p in (bars.open, bars.high, bars.low, bars.close))
        if instrument.option_type is OptionType.PUT:
            high, low = low, high
        total = self._traded_by(instrument, bars.last_ms)
        return DayBars(bars.starts, first, high, low, last, np.diff(total, prepend=np.int64(0)), bars.last_ms)

    def bounds(self, instrument: Instrument, first_day: int, last_day: int) -> tuple[int, int] | None:
        """From the least that the underlying made of it to the most: at the days' ends, with the volatility at its limits."""
        underlying = self.underlying_of(instrument)
        days = [day for day in (first_day, last_day) if self._calendar.is_trading_day(day)] or [last_day]
        below_above = self._underlyings.bounds(underlying, first_day, last_day) if underlying else None
        if below_above is None:
            return None
        possible = []
        for start_ms in (day_start_ms(days[0]), day_start_ms(last_day + 1)):
            terms = self.terms(instrument, start_ms)
            for drift in (1 - 2 * _VOLATILITY_DRIFT, 1 + 2 * _VOLATILITY_DRIFT):
                price = price_function(instrument, replace(terms, volatility=terms.volatility * drift))
                possible += [price(below_above[0]), price(below_above[1])]
        return min(possible), max(possible)

    def _terms(self, instrument: Instrument, starts: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        ones = np.ones(len(starts))
        if instrument.expiry is None:
            return ones, ones, ones, ones
        minutes = (starts // MINUTE_MS).astype(np.float64)
        common = seed_of(self.seed, "carry", instrument.underlying, instrument.expiry)
        years = np.maximum(0.0, (expiry_ms(instrument.expiry) - starts) / _YEAR_MS)
        carry = RATE - dividend_of(instrument)
        basis = 1 + _BASIS_BPS / 10_000 * smooth(common, minutes, 30.0) * (years > 0)
        volatility = ones
        if instrument.kind is InstrumentKind.OPTION:
            drift = 1 + _VOLATILITY_DRIFT * smooth(common + 1, minutes, 45.0)
            volatility = self._smile(instrument, ist_day(int(starts[0]))) * drift
        return np.exp(carry * years) * basis, np.exp(-RATE * years), years, volatility

    def _smile(self, option: Instrument, day: int) -> float:
        """Of a whole day: dearer far from yesterday's price, below it more than above."""
        usual = _VOLATILITY.get(option.instrument_type, 0.2)
        anchor = self._anchor(option.underlying, day)
        if anchor is None or option.expiry is None:
            return usual
        years = max(_LEAST_SMILE_YEARS, (expiry_ms(option.expiry) - day_start_ms(day)) / _YEAR_MS)
        distance = math.log(option.strike / anchor) / (usual * math.sqrt(years))
        distance = max(-_SMILE_ENDS, min(_SMILE_ENDS, distance))
        return usual * (1 + _SKEW * distance + _CURVATURE * distance * distance)

    def _price_before(self, key: InstrumentKey, day: int) -> int | None:
        """The underlying's last price before a day; of a recording's first day, its first."""
        underlying = self._find(key)
        if underlying is None:
            return None
        earlier = self._underlyings.day(underlying, self._calendar.last_trading_day(day - 1))
        if earlier is not None:
            return int(earlier.close[-1])
        today = self._underlyings.day(underlying, day)
        return int(today.open[0]) if today is not None else None

    def _volumes(self, instrument: Instrument, day: int) -> tuple[int, Ints, Ints]:
        """(the session's first instant, what trades in each minute, what has traded before each)."""
        window = self._calendar.continuous(market_of(instrument), day)
        if window is None:
            return day_start_ms(day), np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
        minutes = np.arange(window.begins_ms // MINUTE_MS, window.ends_ms // MINUTE_MS, dtype=np.int64)
        each = minute_volumes(instrument, self.seed, minutes)
        return window.begins_ms, each, np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(each)))

    def _traded_by(self, instrument: Instrument, instants: Ints) -> Ints:
        """The day's volume at each of some instants of one day."""
        begins_ms, each, before = self.volumes(instrument, ist_day(int(instants[0])))
        number = np.clip((instants - begins_ms) // MINUTE_MS, 0, len(each) - 1)
        part = np.clip(instants - begins_ms - number * MINUTE_MS, 0, _COMPLETE_AFTER_MS)
        total: Ints = before[number] + each[number] * part // _COMPLETE_AFTER_MS
        return total


class Follower:
    """One contract, print by print; `volume` is what it has traded today so far."""

    def __init__(self, tape: DerivedTape, instrument: Instrument, volume: int) -> None:
        self.instrument = instrument
        self._tape = tape
        self._volume = volume
        self._minute_ms = self._day = -1
        self._price: Callable[[int], int] = _unknown
        self._volume_at_start = self._volume_in_minute = 0

    def follow(self, tick: Tick) -> Tick:
        """What it prints when its underlying does."""
        into = tick.at_ms - self._minute_ms
        if not 0 <= into < MINUTE_MS:
            into = tick.at_ms % MINUTE_MS
            self._begin_minute(tick.at_ms - into)
        part = into if into < _COMPLETE_AFTER_MS else _COMPLETE_AFTER_MS
        lot = self.instrument.lot_size
        total = self._volume_at_start + self._volume_in_minute * part // _COMPLETE_AFTER_MS // lot * lot
        traded, self._volume = total - self._volume, total
        return Tick(self.instrument.key, tick.at_ms, self._price(tick.ltp), traded if traded > 0 else 0, total)

    def _begin_minute(self, start_ms: int) -> None:
        day = ist_day(start_ms)
        if day != self._day and self._day != -1:
            self._volume = 0
        self._day, self._minute_ms = day, start_ms
        begins_ms, each, before = self._tape.volumes(self.instrument, day)
        number = min(max(0, (start_ms - begins_ms) // MINUTE_MS), len(each) - 1)
        self._volume_at_start, self._volume_in_minute = int(before[number]), int(each[number])
        self._price = price_function(self.instrument, self._tape.terms(self.instrument, start_ms))


def price_function(instrument: Instrument, terms: Terms) -> Callable[[int], int]:
    """From the underlying's price to the contract's, both in paise, on the contract's grid."""
    tick = instrument.tick_size
    if instrument.option_type is None:
        return lambda price: max(tick, round(price * terms.forward / tick) * tick)
    strike, call = float(instrument.strike), instrument.option_type is OptionType.CALL

    def option(price: int) -> int:
        value = option_price(price * terms.forward, strike, terms.years, terms.volatility, terms.discount, call)
        return max(tick, round(value / tick) * tick)

    return option


def expiry_ms(expiry: date) -> int:
    """15:30 IST of its last day."""
    return day_start_ms((expiry - date(1970, 1, 1)).days) + _EXPIRY_MS_OF_DAY


def dividend_of(contract: Instrument) -> float:
    return INDEX_DIVIDEND if contract.instrument_type.endswith("IDX") else OTHER_DIVIDEND


def _prices(instrument: Instrument, underlying: Ints, terms: tuple[Floats, Floats, Floats, Floats]) -> Ints:
    forward, discount, years, volatility = terms
    values = underlying * forward
    if instrument.option_type is not None:
        call = instrument.option_type is OptionType.CALL
        values = option_prices(values, float(instrument.strike), years, volatility, discount, call)
    tick = instrument.tick_size
    rounded: Ints = np.maximum(tick, np.rint(values / tick) * tick).astype(np.int64)
    return rounded


def _unknown(_: int) -> int:
    raise RuntimeError("no minute has begun")


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()
