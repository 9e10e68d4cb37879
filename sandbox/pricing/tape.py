"""What an instrument did: minute bars of whole days, and the prints inside a minute. Live prices and history read the same tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sandbox.pricing.noise import Ints
from sandbox.ticks import Tick
from sandbox.universe import Instrument

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class DayBars:
    """One instrument's minutes of one day, oldest first; prices in paise. Minutes without a print are not there.

    `starts` are the minutes' first milliseconds, `volume` is what traded in each; `last_ms` is
    each minute's last print, or an instant after it in the same minute.
    """

    starts: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    last_ms: Ints

    def before(self, market_ms: int) -> DayBars:
        """The minutes that began before an instant."""
        return self.between(0, int(np.searchsorted(self.starts, market_ms)))

    def between(self, first: int, last: int) -> DayBars:
        """The minutes number `first` up to but not including `last`."""
        cut = slice(first, last)
        return DayBars(
            self.starts[cut],
            self.open[cut],
            self.high[cut],
            self.low[cut],
            self.close[cut],
            self.volume[cut],
            self.last_ms[cut],
        )

    def __len__(self) -> int:
        return len(self.starts)


class Tape(Protocol):
    """Both answers depend on seed or recording alone, never on what was asked before; days as `ist_day` counts them."""

    def day(self, instrument: Instrument, day: int) -> DayBars | None:
        """All minutes of a day, also those to come; None when it did not trade then."""
        ...

    def minute(self, instrument: Instrument, start_ms: int) -> Sequence[Tick]:
        """The prints of one minute, oldest first; empty when there were none."""
        ...

    def bounds(self, instrument: Instrument, first_day: int, last_day: int) -> tuple[int, int] | None:
        """(low, high) that contain every price of those days, the days included; None when there was none."""
        ...


def day_bars_of_ticks(ticks: Sequence[Tick]) -> DayBars | None:
    """Minutes as a day's prints make them; None when there are none."""
    if not ticks:
        return None
    at = np.array([t.at_ms for t in ticks], dtype=np.int64)
    price = np.array([t.ltp for t in ticks], dtype=np.int64)
    volume = np.array([t.volume for t in ticks], dtype=np.int64)
    starts, firsts = np.unique(at // MINUTE_MS * MINUTE_MS, return_index=True)
    lasts = np.append(firsts[1:], len(at)) - 1
    total = volume[lasts]
    return DayBars(
        starts,
        price[firsts],
        np.maximum.reduceat(price, firsts),
        np.minimum.reduceat(price, firsts),
        price[lasts],
        np.diff(total, prepend=np.int64(0)),
        at[lasts],
    )
