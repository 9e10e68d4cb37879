"""History as the broker gives it: candles of any of its intervals out of a tape's minutes, and the open interest at their ends.

Candles are anchored where the day's prints begin (09:15 for shares), a day's candle at midnight in India. A candle that grows still is
there, as far as the market has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from sandbox.auction_prints import AuctionPrints
from sandbox.clock import day_start_ms, ist_day
from sandbox.pricing.tape import MINUTE_MS, DayBars, Tape, day_bars_of_ticks
from sandbox.universe import Instrument

WHOLE_DAY: Final = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """`minutes` is 0 for a day; the broker gives no more than so many days in one answer (smartapi_protocol 3.11)."""

    minutes: int
    maximum_days: int


INTERVALS: Final = {
    "ONE_MINUTE": Interval(1, 30),
    "THREE_MINUTE": Interval(3, 60),
    "FIVE_MINUTE": Interval(5, 100),
    "TEN_MINUTE": Interval(10, 100),
    "FIFTEEN_MINUTE": Interval(15, 200),
    "THIRTY_MINUTE": Interval(30, 200),
    "ONE_HOUR": Interval(60, 400),
    "ONE_DAY": Interval(WHOLE_DAY, 2_000),
}


class Candle(NamedTuple):
    """Prices in paise; `start_ms` is market time, `last_minute_ms` the beginning of the last minute in it."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    last_minute_ms: int


class History:
    """What an instrument did between two instants, up to now."""

    def __init__(self, tape: Tape, now_ms: Callable[[], int], auctions: AuctionPrints) -> None:
        self._tape = tape
        self._now_ms = now_ms
        self._auctions = auctions

    def days(self, instrument: Instrument, interval: Interval, from_ms: int, to_ms: int) -> Iterator[list[Candle]]:
        """The candles that begin in [from, to], oldest first, a day at a time: many days are many moments of work."""
        for day in range(ist_day(from_ms), ist_day(min(to_ms, self._now_ms())) + 1):
            bars = self._auctions.after(self._up_to_now(instrument, day), instrument.key, day, self._now_ms())
            if bars is not None and len(bars):
                yield [c for c in _candles(bars, interval.minutes, day) if from_ms <= c.start_ms <= to_ms]

    def _up_to_now(self, instrument: Instrument, day: int) -> DayBars | None:
        now_ms, bars = self._now_ms(), self._tape.day(instrument, day)
        if bars is None or day < ist_day(now_ms):
            return bars
        minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        closed = bars.before(minute_ms)
        growing = day_bars_of_ticks([t for t in self._tape.minute(instrument, minute_ms) if t.at_ms <= now_ms])
        return closed if growing is None else _joined(closed, growing)


def _joined(closed: DayBars, growing: DayBars) -> DayBars:
    """The prints of the growing minute carry the day's volume: what is closed is taken off it."""
    growing.volume[0] -= closed.volume.sum()
    columns = ("starts", "open", "high", "low", "close", "volume", "last_ms")
    return DayBars(*(np.concatenate([getattr(closed, name), getattr(growing, name)]) for name in columns))


def _candles(bars: DayBars, minutes: int, day: int) -> Iterator[Candle]:
    if minutes == WHOLE_DAY:
        numbers, begins = np.zeros(len(bars), np.int64), np.full(len(bars), day_start_ms(day))
    else:
        numbers = (bars.starts - bars.starts[0]) // (minutes * MINUTE_MS)
        begins = bars.starts[0] + numbers * minutes * MINUTE_MS
    firsts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    lasts = np.append(firsts[1:], len(bars)) - 1
    columns = (
        begins[firsts],
        bars.open[firsts],
        np.maximum.reduceat(bars.high, firsts),
        np.minimum.reduceat(bars.low, firsts),
        bars.close[lasts],
        np.add.reduceat(bars.volume, firsts),
        bars.starts[lasts],
    )
    return (Candle(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
