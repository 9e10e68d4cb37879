"""The call auctions of the day: opening, and closing where there is one.

With generated prices the auction's price is found here, from our orders and a made-up interest of everybody else, and printed.
Recorded data have had their auction: our orders trade at the first price that the recording shows from then on.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from sandbox.auction import market_interest
from sandbox.auction_prints import AuctionPrints
from sandbox.market import Quote, QuoteBoard
from sandbox.order_desk import OrderDesk
from sandbox.phases import Market, Phase
from sandbox.ticks import Tick
from sandbox.trading_hours import TradingHours, market_of
from sandbox.truth import Truth
from sandbox.universe import Instrument, InstrumentKey, Universe


class Auctions:
    """`publish` gives an auction's print to everybody who hears of ticks."""

    def __init__(
        self,
        universe: Universe,
        hours: TradingHours,
        board: QuoteBoard,
        desk: OrderDesk,
        truth: Truth,
        publish: Callable[[Tick], Quote],
        prints: AuctionPrints,
        now_ms: Callable[[], int],
        seed: int,
        recorded: bool,
    ) -> None:
        self._universe = universe
        self._hours = hours
        self._board = board
        self._desk = desk
        self._truth = truth
        self._publish = publish
        self._prints = prints
        self._now_ms = now_ms
        self._rng = random.Random(f"{seed}:auction")
        self._recorded = recorded
        self._waiting: dict[InstrumentKey, Market] = {}

    def uncross(self, market: Market, phase: Phase) -> None:
        """The order entry of the auction is over: one price for each instrument."""
        if self._recorded:
            self._wait_for_recorded(market)
            return
        for instrument in self._universe:
            quote = self._board.quote(instrument.key)
            if quote is not None and instrument.tradable and market_of(instrument) == market:
                self._uncross_one(instrument, quote, phase)

    def phase_changed(self, market: Market, phase: Phase) -> None:
        """A closing auction that the recording does not show has not taken place."""
        if phase is Phase.CLOSED:
            self._waiting = {key: m for key, m in self._waiting.items() if m != market}

    def on_recorded_print(self, quote: Quote) -> None:
        """The first print after a recorded auction is its price; what was collected trades at it."""
        if self._waiting and self._waiting.pop(quote.instrument.key, None) is not None:
            quantity = max(quote.last_quantity, quote.bid_size, quote.ask_size)
            self._desk.book_fills(self._desk.exchange.uncross_at(quote.instrument.key, quote.ltp, quantity))

    def _wait_for_recorded(self, market: Market) -> None:
        for key in self._desk.exchange.collected():
            instrument = self._universe.find(*key)
            if instrument is not None and market_of(instrument) == market:
                self._waiting[key] = market

    def _uncross_one(self, instrument: Instrument, quote: Quote, phase: Phase) -> None:
        others = market_interest(quote.ltp, instrument.tick_size, self._rng)
        result = self._desk.exchange.uncross(instrument.key, others, quote.ltp)
        if not result.volume:
            return
        volume = result.volume if phase is Phase.PRE_OPEN else quote.volume + result.volume
        tick = Tick(instrument.key, self._now_ms(), result.price, result.volume, volume)
        if closes := phase is Phase.CLOSING_AUCTION:
            self._prints.keep(tick)
        if closes or result.executions:
            self._truth.append(
                "auction",
                phase=phase.value,
                exchange=instrument.exchange,
                token=instrument.token,
                price=result.price,
                volume=result.volume,
            )
        self._publish(tick)
        self._desk.book_fills(result.executions)
