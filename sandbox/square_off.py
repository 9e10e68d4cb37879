"""The broker's own orders at the end of the intraday day: what is open for the day only, the RMS closes."""

from __future__ import annotations

from sandbox.market import Quote, QuoteBoard
from sandbox.order_book import OrderBook
from sandbox.order_desk import OrderDesk
from sandbox.order_entry import NewOrder
from sandbox.orders import OrderEvent, OrderState, Origin, Side
from sandbox.phases import Market
from sandbox.positions import Position
from sandbox.trading_hours import market_of
from sandbox.universe import Instrument, Universe

SQUARE_OFF_TEXT = "RMS: INTRADAY order cancelled for auto square-off"
_INTRADAY = "INTRADAY"
_THROUGH_PERCENT = 2
_CHANGEABLE = (OrderState.OPEN, OrderState.TRIGGER_PENDING)


class SquareOff:
    """Cancels INTRADAY orders and closes INTRADAY positions of a market, at limits through the touch."""

    def __init__(self, universe: Universe, board: QuoteBoard, book: OrderBook, desk: OrderDesk) -> None:
        self._universe = universe
        self._board = board
        self._book = book
        self._desk = desk

    def run(self, market: Market) -> None:
        """Safe to run again: it looks at what is open now."""
        for order in self._book.live():
            instrument = self._universe.find(*order.key)
            mine = order.product == _INTRADAY and order.state in _CHANGEABLE
            if mine and instrument is not None and market_of(instrument) == market:
                self._desk.end(order, OrderEvent.CANCELLED, SQUARE_OFF_TEXT)
        for position in list(self._book.positions):
            instrument = self._universe.find(*position.key)
            quote = self._board.quote(position.key)
            if position.product != _INTRADAY or not position.net or instrument is None or quote is None:
                continue
            if market_of(instrument) == market:
                self._close(position, instrument, quote)

    def _close(self, position: Position, instrument: Instrument, quote: Quote) -> None:
        side = Side.SELL if position.net > 0 else Side.BUY
        left = abs(position.net)
        freeze = instrument.freeze_quantity // instrument.lot_size * instrument.lot_size or left
        while left:
            quantity = min(left, freeze)
            self._desk.place_at_once(_order(instrument, side, quantity, _limit(instrument, side, quote)), Origin.RMS)
            left -= quantity


def _limit(instrument: Instrument, side: Side, quote: Quote) -> int:
    """Far enough through the last price to trade, never outside the day's circuit."""
    tick = instrument.tick_size
    lower, upper = instrument.circuits(quote.close)
    wanted = quote.ltp * (100 + side.sign * _THROUGH_PERCENT) // 100 // tick * tick
    return min(upper, max(lower, wanted, tick))


def _order(instrument: Instrument, side: Side, quantity: int, limit: int) -> NewOrder:
    return NewOrder(
        instrument=instrument,
        variety="NORMAL",
        order_type="LIMIT",
        product=_INTRADAY,
        side=side,
        price=limit,
        trigger_price=0,
        quantity=quantity,
        disclosed_quantity=0,
        tag="",
    )
