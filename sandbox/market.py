"""The market around the price: last trade, day figures, touch and depth of every instrument."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sandbox.clock import ist_day
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey, Universe

DEPTH_LEVELS = 5
_DISPLAYED_VALUE_PAISE = (20_000_000, 200_000_000)
"""The touch shows between 2 and 20 lakh rupees: about what a large NSE stock shows."""


class DepthLevel(NamedTuple):
    """Price in paise, quantity in shares."""

    price: int
    quantity: int
    orders: int


@dataclass(slots=True)
class Quote:
    """All prices in paise. `sequence` counts this instrument's ticks; `close` is the previous day's close."""

    instrument: Instrument
    ltp: int
    close: int
    day: int
    open: int
    high: int
    low: int
    last_quantity: int = 0
    volume: int = 0
    traded_value: int = 0
    traded_quantity: int = 0
    last_trade_ms: int = 0
    sequence: int = 0
    bid: int = 0
    ask: int = 0
    bid_size: int = 0
    ask_size: int = 0

    @property
    def average(self) -> int:
        """Volume-weighted price of the prints seen today."""
        return self.traded_value // self.traded_quantity if self.traded_quantity else self.ltp

    @property
    def lower_circuit(self) -> int:
        """No order of today may be below it."""
        return self.instrument.circuits(self.close)[0]

    @property
    def upper_circuit(self) -> int:
        """No order of today may be above it."""
        return self.instrument.circuits(self.close)[1]

    @property
    def year_range(self) -> tuple[int, int]:
        """(high, low) of 52 weeks: a plausible band, this broker has no year of history."""
        return max(self.high, self.close * 5 // 4), min(self.low, self.close * 3 // 4)

    def depth(self, levels: int = DEPTH_LEVELS) -> tuple[list[DepthLevel], list[DepthLevel]]:
        """The best levels (buys descending, sells ascending); sizes below the touch follow from it."""
        if not self.instrument.tradable:
            return [DepthLevel(0, 0, 0)] * levels, [DepthLevel(0, 0, 0)] * levels
        tick = self.instrument.tick_size
        buys = [_level(self.bid - i * tick, self.bid_size, self.sequence, i) for i in range(levels)]
        sells = [_level(self.ask + i * tick, self.ask_size, self.sequence + 3, i) for i in range(levels)]
        return buys, sells

    def remembered(self) -> dict[str, int]:
        """What a restart needs of it."""
        state = asdict(self)
        del state["instrument"]
        return state


class QuoteBoard:
    """Quotes by instrument. An instrument without a tick so far has no quote."""

    def __init__(self, universe: Universe, seed: int) -> None:
        self._instruments = {i.key: i for i in universe}
        self._quotes: dict[InstrumentKey, Quote] = {}
        self._rng = random.Random(f"{seed}:book")

    def quote(self, key: InstrumentKey) -> Quote | None:
        return self._quotes.get(key)

    def open_at(self, key: InstrumentKey, price: int, day: int) -> None:
        """Give an instrument a first price (paise), its previous close too, before any trade."""
        quote = Quote(self._instruments[key], price, price, day, price, price, price)
        self._quotes[key] = quote
        self._make_touch(quote)

    def apply(self, tick: Tick) -> Quote:
        """Take a print in: day figures, last trade, and a new touch of one to three ticks round it."""
        quote = self._quotes.get(tick.key)
        day = ist_day(tick.at_ms)
        if quote is None:
            self.open_at(tick.key, tick.ltp, day)
            quote = self._quotes[tick.key]
        elif quote.day != day:
            _begin_day(quote, tick.ltp, day)
        quote.ltp = tick.ltp
        quote.high = max(quote.high, tick.ltp)
        quote.low = min(quote.low, tick.ltp)
        quote.last_quantity = tick.traded
        quote.volume = tick.volume
        quote.traded_value += tick.traded * tick.ltp
        quote.traded_quantity += tick.traded
        quote.last_trade_ms = tick.at_ms
        quote.sequence += 1
        self._make_touch(quote)
        return quote

    def remembered(self) -> dict[str, dict[str, int]]:
        return {f"{exchange}:{token}": q.remembered() for (exchange, token), q in self._quotes.items()}

    def restore(self, remembered: dict[str, dict[str, int]]) -> None:
        """Take back what `remembered` gave; instruments that are no longer listed are left out."""
        for name, state in remembered.items():
            exchange, _, token = name.partition(":")
            instrument = self._instruments.get((exchange, token))
            if instrument is not None:
                self._quotes[instrument.key] = Quote(instrument=instrument, **state)

    def _make_touch(self, quote: Quote) -> None:
        """The last price lies on or inside the spread; sizes are drawn anew at every print."""
        if not quote.instrument.tradable:
            return
        tick, draw = quote.instrument.tick_size, self._rng.random
        spread = 1 + int(draw() * 3)
        below = int(draw() * (spread + 1))
        quote.bid = max(tick, quote.ltp - below * tick)
        quote.ask = quote.bid + spread * tick
        low, high = _DISPLAYED_VALUE_PAISE
        quote.bid_size = max(1, int(low + draw() * (high - low)) // quote.ltp)
        quote.ask_size = max(1, int(low + draw() * (high - low)) // quote.ltp)


def _begin_day(quote: Quote, price: int, day: int) -> None:
    quote.close, quote.day = quote.ltp, day
    quote.open = quote.high = quote.low = price
    quote.volume = quote.traded_value = quote.traded_quantity = 0


def _level(price: int, touch_size: int, salt: int, depth: int) -> DepthLevel:
    if depth == 0:
        return DepthLevel(price, touch_size, 1 + touch_size // 400)
    quantity = max(1, touch_size * (60 + (salt * 37 + depth * 61) % 120) // 100)
    return DepthLevel(max(0, price), quantity, 1 + quantity // 400)
