"""One tape for everything, and what it says of the day so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.clock import ist_day
from sandbox.phases import TradingCalendar
from sandbox.pricing.derived import DerivedTape
from sandbox.pricing.generated import market_of
from sandbox.pricing.interest import open_interest
from sandbox.pricing.tape import MINUTE_MS, DayBars, Tape
from sandbox.ticks import Tick
from sandbox.universe import Instrument

_DAYS_TO_LOOK_BACK = 10
_YEAR_DAYS = 365
_LAST_HALF_HOUR_MINUTES = 30


@dataclass(frozen=True, slots=True)
class DaySoFar:
    """Prices in paise; `value` is paise x quantity. `close` is the previous day's."""

    open: int
    high: int
    low: int
    ltp: int
    close: int
    volume: int
    value: int
    last_quantity: int
    last_trade_ms: int


class MarketTape:
    """`primary` is the tape of what follows nothing: a recording, or generated prices."""

    def __init__(self, primary: Tape, derived: DerivedTape, calendar: TradingCalendar) -> None:
        self.derived = derived
        self._primary = primary
        self._calendar = calendar

    def day(self, instrument: Instrument, day: int) -> DayBars | None:
        return self._of(instrument).day(instrument, day)

    def minute(self, instrument: Instrument, start_ms: int) -> Sequence[Tick]:
        return self._of(instrument).minute(instrument, start_ms)

    def bounds(self, instrument: Instrument, first_day: int, last_day: int) -> tuple[int, int] | None:
        return self._of(instrument).bounds(instrument, first_day, last_day)

    def year_range(self, instrument: Instrument, day: int) -> tuple[int, int] | None:
        """(low, high) of the 52 weeks before a day: it contains every candle of them."""
        return self.bounds(instrument, day - _YEAR_DAYS, day - 1)

    def so_far(self, instrument: Instrument, now_ms: int) -> DaySoFar | None:
        """The day up to and including an instant; yesterday's close all over before its first print; None before any print."""
        day = ist_day(now_ms)
        bars, close = self.day(instrument, day), self.previous_close(instrument, day)
        ticks = self._up_to(instrument, now_ms)
        done = bars.before(now_ms // MINUTE_MS * MINUTE_MS) if bars is not None else None
        if not ticks and (done is None or not len(done)):
            return None if close is None else DaySoFar(close, close, close, close, close, 0, 0, 0, 0)
        return _summed(done, ticks, close)

    def previous_close(self, instrument: Instrument, day: int) -> int | None:
        """The last price before a day, paise; None when none is known."""
        segment = market_of(instrument).segment
        for _ in range(_DAYS_TO_LOOK_BACK):
            day = self._calendar.last_trading_day(day - 1, segment)
            if (bars := self.day(instrument, day)) is not None:
                return int(bars.close[-1])
        return None

    def open_interest(self, instrument: Instrument, market_ms: int) -> int:
        """Units held."""
        return int(open_interest(instrument, self.derived.seed, np.array([market_ms // MINUTE_MS]))[0])

    def average_of_last_half_hour(self, instrument: Instrument, day: int) -> int | None:
        """By volume where there is one (an index has none). None without prints."""
        bars = self.day(instrument, day)
        if bars is None:
            return None
        first = int(np.searchsorted(bars.starts, bars.starts[-1] - (_LAST_HALF_HOUR_MINUTES - 1) * MINUTE_MS))
        late = bars.between(first, len(bars))
        weights = late.volume if late.volume.sum() else np.ones(len(late), dtype=np.int64)
        return round(float((late.close * weights).sum() / weights.sum()))

    def _of(self, instrument: Instrument) -> Tape:
        return self.derived if instrument.underlying is not None else self._primary

    def _up_to(self, instrument: Instrument, now_ms: int) -> list[Tick]:
        """The current minute's prints so far."""
        return [t for t in self.minute(instrument, now_ms // MINUTE_MS * MINUTE_MS) if t.at_ms <= now_ms]


def _summed(done: DayBars | None, ticks: Sequence[Tick], close: int | None) -> DaySoFar:
    parts = [day_of_bars(done)] if done is not None and len(done) else []
    if ticks:
        prices = [t.ltp for t in ticks]
        value = sum(t.ltp * t.traded for t in ticks)
        last = ticks[-1]
        parts.append(
            DaySoFar(prices[0], max(prices), min(prices), last.ltp, 0, last.volume, value, last.traded, last.at_ms)
        )
    first, last_part = parts[0], parts[-1]
    return DaySoFar(
        open=first.open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        ltp=last_part.ltp,
        close=first.open if close is None else close,
        volume=last_part.volume,
        value=sum(part.value for part in parts),
        last_quantity=last_part.last_quantity,
        last_trade_ms=last_part.last_trade_ms,
    )


def day_of_bars(bars: DayBars) -> DaySoFar:
    """Some minutes as one; their typical price stands for all prints of a minute."""
    typical = (bars.open + bars.high + bars.low + bars.close) // 4
    return DaySoFar(
        int(bars.open[0]),
        int(bars.high.max()),
        int(bars.low.min()),
        int(bars.close[-1]),
        0,
        int(bars.volume.sum()),
        int((typical * bars.volume).sum()),
        0,
        int(bars.last_ms[-1]),
    )
