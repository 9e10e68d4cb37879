"""What a strategy can know of the market, and how it asks for more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradewinds.instruments import Instrument
from tradewinds.money import round_to_tick
from tradewinds.sdk.bars import Bars
from tradewinds.sdk.desk import Desk
from tradewinds.sdk.market import Tick
from tradewinds.sdk.phases import Phase
from tradewinds.sdk.selectors import Selector


class MarketReads:
    """Symbols are canonical keys, or bare names of NSE equities. Nothing here waits but `select`."""

    _desk: Desk

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """The instruments that the strategy follows, by canonical key."""
        return self._desk.instruments

    def instrument(self, symbol: str) -> Instrument:
        """Lot, tick and kind of an instrument that the strategy follows."""
        return self._desk.instrument(symbol)

    def quote(self, symbol: str) -> Tick | None:
        """The last price of an instrument that the strategy follows; None before the first."""
        return self._desk.quotes.get(self._desk.instrument(symbol).key)

    def is_stale(self, symbol: str) -> bool:
        """Whether ticks of an instrument are known to be missing, though its market is open."""
        return self._desk.instrument(symbol).key in self._desk.stale

    def history(self, symbol: str, interval: str = "1m", count: int | None = None) -> Bars:
        """The last closed bars, oldest first, as arrays: `self.history("TCS", "5m", 20).close`. `bars()` says what is kept."""
        return self._desk.bars.arrays(self._desk.instrument(symbol).key, interval, count)

    def phase(self, symbol: str) -> Phase:
        """What the market of an instrument does now."""
        return self._desk.phases.of(self._desk.instrument(symbol), self._desk.now_ms())

    async def select(self, selector: Selector) -> Instrument:
        """The contract that a selector means today: `await self.select(opt("NIFTY", "weekly", "ATM", "CE"))`.

        It is followed from then on. The same all day, and for as long as a position or an order is open in it. Raises
        `UnknownInstrumentError` when there is none.
        """
        return await self._desk.selecting.select(selector)

    def subscribe(self, symbol: str) -> None:
        """Get ticks (and the bars that `bars` names) of another instrument. A symbol that does not exist is told to the user."""
        self._desk.follow(symbol, follow=True)

    def unsubscribe(self, symbol: str) -> None:
        """Get no more ticks of an instrument."""
        self._desk.follow(symbol, follow=False)

    def round_to_tick(self, symbol: str, price: Decimal, side: str | None = None) -> Decimal:
        """The nearest price that the exchange takes; with `side`, never worse than `price` for that side."""
        return round_to_tick(price, self._desk.instrument(symbol).tick_size, side=side)
