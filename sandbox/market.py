"""The market around the price: last trade, day figures, touch and depth of every instrument."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple, Protocol

from sandbox.clock import day_start_ms, ist_day
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey, InstrumentKind, Universe

DEPTH_LEVELS = 5
_DISPLAYED_VALUE_PAISE = (20_000_000, 200_000_000)
"""The touch shows between 2 and 20 lakh rupees: about what a large NSE stock shows."""


_OPTION_SPREAD = 0.004
_SEQUENCE_BEGINS_MS = 1_577_836_800_000
"""Sequence numbers are market milliseconds since 2020, so that they never go back, whoever restarts."""


class Facts(Protocol):
    """What is known of an instrument beyond today's prints."""

    def year_range(self, instrument: Instrument, day: int) -> tuple[int, int] | None:
        """(low, high) of the 52 weeks before a day, paise."""
        ...

    def open_interest(self, instrument: Instrument, market_ms: int) -> int:
        """Units held at an instant; 0 for what is no contract."""
        ...


class DepthLevel(NamedTuple):
    """Price in paise, quantity in shares."""

    price: int
    quantity: int
    orders: int


@dataclass(slots=True)
class Quote:
    """All prices in paise. `sequence` rises with each of this instrument's ticks; `close` is the previous day's close."""

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
    auction_volume: int = 0
    facts: Facts | None = None

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
        """(high, low) of 52 weeks, today included; today's alone when no more is known."""
        known = self.facts.year_range(self.instrument, self.day) if self.facts else None
        low, high = known or (self.low, self.high)
        return max(self.high, high), min(self.low, low)

    @property
    def open_interest(self) -> int:
        """Units held, as of the last print."""
        at_ms = max(self.last_trade_ms, day_start_ms(self.day))
        return self.facts.open_interest(self.instrument, at_ms) if self.facts else 0

    @property
    def open_interest_change(self) -> int:
        """Against the end of the day before."""
        if self.facts is None:
            return 0
        return self.open_interest - self.facts.open_interest(self.instrument, day_start_ms(self.day))

    @property
    def open_interest_change_percent(self) -> float:
        before = self.open_interest - self.open_interest_change
        return 100 * self.open_interest_change / before if before else 0.0

    def depth(self, levels: int = DEPTH_LEVELS) -> tuple[list[DepthLevel], list[DepthLevel]]:
        """The best levels (buys descending, sells ascending); sizes below the touch follow from it."""
        if not self.instrument.tradable:
            return [DepthLevel(0, 0, 0)] * levels, [DepthLevel(0, 0, 0)] * levels
        tick, lot = self.instrument.tick_size, self.instrument.lot_size
        buys = [_level(self.bid - i * tick, self.bid_size, self.sequence, i, lot) for i in range(levels)]
        sells = [_level(self.ask + i * tick, self.ask_size, self.sequence + 3, i, lot) for i in range(levels)]
        return buys, sells

    def remembered(self) -> dict[str, int]:
        """What a restart needs of it."""
        state = asdict(replace(self, facts=None))
        del state["instrument"], state["facts"]
        return state


class QuoteBoard:
    """Quotes by instrument. What prints has its quote here; `look` finds one for what does not print now."""

    def __init__(
        self,
        universe: Universe,
        seed: int,
        facts: Facts | None = None,
        look: Callable[[InstrumentKey], Quote | None] = lambda key: None,
    ) -> None:
        self._universe = universe
        self._facts = facts
        self._look = look
        self._quotes: dict[InstrumentKey, Quote] = {}
        self._rng = random.Random(f"{seed}:book")

    def quote(self, key: InstrumentKey) -> Quote | None:
        """The market as it is now; None when the instrument has no price."""
        return self._quotes.get(key) or self._look(key)

    def is_live(self, key: InstrumentKey) -> bool:
        """Whether its prints come in."""
        return key in self._quotes

    def quote_if_live(self, key: InstrumentKey) -> Quote | None:
        return self._quotes.get(key)

    def live_beside_the_usual(self) -> set[InstrumentKey]:
        """What prints now and does not always."""
        return {key for key in self._quotes if key not in self._universe}

    def open_with(self, quote: Quote) -> None:
        """Take a quote in as the present one; its prints follow."""
        self._quotes[quote.instrument.key] = quote

    def forget(self, key: InstrumentKey) -> None:
        """Its prints come no more."""
        self._quotes.pop(key, None)

    def with_touch(self, quote: Quote) -> Quote:
        """The same quote with facts and a market round its last price."""
        quote.facts = self._facts
        self._make_touch(quote)
        return quote

    def apply(self, tick: Tick) -> Quote:
        """Take a print in: day figures, last trade, and a new touch of one to three ticks round it. Raises LookupError for the unlisted."""
        quote = self._quotes.get(tick.key)
        day = ist_day(tick.at_ms)
        if quote is None:
            instrument = self._universe.find(*tick.key)
            if instrument is None:
                raise LookupError(f"{tick.key} is not listed")
            ltp = tick.ltp
            quote = self._quotes[tick.key] = Quote(instrument, ltp, ltp, day, ltp, ltp, ltp, facts=self._facts)
        elif quote.day != day:
            _begin_day(quote, tick.ltp, day)
        elif not quote.volume and not quote.last_trade_ms:
            quote.open = quote.high = quote.low = tick.ltp
        quote.ltp = tick.ltp
        quote.high = max(quote.high, tick.ltp)
        quote.low = min(quote.low, tick.ltp)
        quote.last_quantity = tick.traded
        quote.volume = _volume_with_auctions(quote, tick)
        quote.traded_value += tick.traded * tick.ltp
        quote.traded_quantity += tick.traded
        quote.last_trade_ms = tick.at_ms
        quote.sequence = max(quote.sequence + 1, tick.at_ms - _SEQUENCE_BEGINS_MS)
        self._make_touch(quote)
        return quote

    def remembered(self) -> dict[str, dict[str, int]]:
        """Of what always prints; anything else is found again when it is asked for."""
        return {f"{key[0]}:{key[1]}": q.remembered() for key, q in self._quotes.items() if key in self._universe}

    def restore(self, remembered: dict[str, dict[str, int]]) -> None:
        """Take back what `remembered` gave; instruments that are no longer listed are left out."""
        for name, state in remembered.items():
            exchange, _, token = name.partition(":")
            instrument = self._universe.find(exchange, token)
            if instrument is not None:
                self._quotes[instrument.key] = Quote(instrument=instrument, facts=self._facts, **state)

    def _make_touch(self, quote: Quote) -> None:
        """The last price lies on or inside the spread; sizes are drawn anew at every print."""
        if not quote.instrument.tradable:
            return
        instrument = quote.instrument
        tick, lot, draw = instrument.tick_size, instrument.lot_size, self._rng.random
        spread = 1 + int(draw() * 3)
        if instrument.kind is InstrumentKind.OPTION:
            spread += int(quote.ltp * _OPTION_SPREAD * draw() / tick)
        below = int(draw() * (spread + 1))
        quote.bid = max(tick, quote.ltp - below * tick)
        quote.ask = quote.bid + spread * tick
        low, high = _DISPLAYED_VALUE_PAISE
        quote.bid_size = max(1, int(low + draw() * (high - low)) // quote.ltp // lot) * lot
        quote.ask_size = max(1, int(low + draw() * (high - low)) // quote.ltp // lot) * lot


def _begin_day(quote: Quote, price: int, day: int) -> None:
    quote.close, quote.day = quote.ltp, day
    quote.open = quote.high = quote.low = price
    quote.volume = quote.traded_value = quote.traded_quantity = quote.auction_volume = 0


def _volume_with_auctions(quote: Quote, tick: Tick) -> int:
    """The day's volume. What an auction found is not in the volumes of later prints: it is added to them."""
    if tick.volume + quote.auction_volume < quote.volume:
        quote.auction_volume = quote.volume - (tick.volume - tick.traded)
    return tick.volume + quote.auction_volume


def _level(price: int, touch_size: int, salt: int, depth: int, lot: int) -> DepthLevel:
    if depth == 0:
        return DepthLevel(price, touch_size, 1 + touch_size // 400)
    quantity = max(1, touch_size * (60 + (salt * 37 + depth * 61) % 120) // 100 // lot) * lot
    return DepthLevel(max(0, price), quantity, 1 + quantity // 400)
