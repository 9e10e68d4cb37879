"""What closing auctions printed: their price is no function of time, our orders are in it, so it is kept where the tape has nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sandbox.clock import ist_day
from sandbox.pricing.tape import MINUTE_MS, DayBars
from sandbox.ticks import Tick
from sandbox.universe import InstrumentKey


class AuctionPrints:
    """One print an instrument and day."""

    def __init__(self, known: Iterable[Tick] = ()) -> None:
        self._prints: dict[tuple[InstrumentKey, int], Tick] = {}
        for tick in known:
            self.keep(tick)

    def keep(self, tick: Tick) -> None:
        """An auction has found its price."""
        self._prints[tick.key, ist_day(tick.at_ms)] = tick

    def price(self, key: InstrumentKey, day: int) -> int | None:
        """Paise; None when no auction found one that day."""
        tick = self._prints.get((key, day))
        return tick.ltp if tick is not None else None

    def after(self, bars: DayBars | None, key: InstrumentKey, day: int, now_ms: int) -> DayBars | None:
        """A day's minutes with the auction's behind them, once it has been."""
        tick = self._prints.get((key, day))
        if bars is None or tick is None or tick.at_ms > now_ms or (len(bars) and tick.at_ms < bars.last_ms[-1]):
            return bars
        row = (tick.at_ms // MINUTE_MS * MINUTE_MS, tick.ltp, tick.ltp, tick.ltp, tick.ltp, tick.traded, tick.at_ms)
        columns = (bars.starts, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.last_ms)
        return DayBars(*(np.append(column, value) for column, value in zip(columns, row, strict=True)))
