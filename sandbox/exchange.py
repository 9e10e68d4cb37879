"""The exchange's side of our orders: armed stops and working orders per instrument."""

from __future__ import annotations

from collections import defaultdict

from sandbox.auction import Interest, Uncrossing, own_interest, uncross
from sandbox.market import Quote
from sandbox.matching import Execution, FillReason, Levels, OwnBook, Touch, WorkingOrder
from sandbox.orders import Order
from sandbox.universe import InstrumentKey


class Exchange:
    """Holds what it needs to match, nothing of an order's story."""

    def __init__(self) -> None:
        self._books: dict[InstrumentKey, OwnBook] = defaultdict(OwnBook)
        self._stops: dict[InstrumentKey, dict[str, Order]] = defaultdict(dict)
        self._arrivals = 0

    def arm(self, order: Order) -> None:
        """Keep a stop until its trigger price trades."""
        self._stops[order.key][order.order_id] = order

    def work(self, order: Order, quote: Quote | None) -> list[Execution]:
        """An order arrives at the book. Without a quote it is kept: no price yet, an auction, a halt, or a restart."""
        working = self._working(order)
        book = self._books[order.key]
        if quote is None:
            working.resting = True
            book.add(working)
            return []
        return book.on_arrival(working, _touch(quote, traded=0))

    def change(self, order: Order, quote: Quote | None) -> list[Execution]:
        """A working order was modified. Less quantity at the same price keeps its place in the queue; anything else loses it."""
        book = self._books[order.key]
        working = book.remove(order.order_id)
        if working and working.limit == order.price and working.open_quantity >= order.open_quantity:
            working.open_quantity = order.open_quantity
            book.add(working)
            return []
        return self.work(order, quote)

    def remove(self, order: Order) -> None:
        """Forget an order, armed or working."""
        if self._stops[order.key].pop(order.order_id, None) is None:
            self._books[order.key].remove(order.order_id)

    def on_print(self, quote: Quote) -> tuple[list[str], list[Execution]]:
        """(stops that this print triggers, executions of working orders)."""
        key = quote.instrument.key
        stops, book = self._stops.get(key), self._books.get(key)
        triggered = [o.order_id for o in stops.values() if would_trigger(o, quote)] if stops else []
        if book is None or book.is_empty:
            return triggered, []
        return triggered, book.on_print(_touch(quote, quote.last_quantity))

    def uncross(self, key: InstrumentKey, others: list[Interest], reference: int) -> Uncrossing:
        """An auction finds its price, with our collected orders in it."""
        book = self._books.get(key)
        result = uncross([*others, *own_interest(book or ())], reference)
        if book is not None:
            book.take_out(result.executions)
        return result

    def uncross_at(self, key: InstrumentKey, price: int, quantity: int) -> list[Execution]:
        """An auction whose price and volume are known already: a recorded one."""
        book = self._books.get(key)
        return book.fill_at(price, quantity, FillReason.UNCROSSED) if book is not None else []

    def trade_at_close(self, order: Order, close: int, quantity: int) -> list[Execution]:
        """A post-close order trades at the closing price, or waits in vain."""
        working = self._working(order)
        working.resting = True
        book = self._books[order.key]
        book.add(working)
        return book.fill_at(close, quantity, FillReason.AT_THE_CLOSE, only=order.order_id)

    def collected(self) -> list[InstrumentKey]:
        """Where we have working orders."""
        return [key for key, book in self._books.items() if not book.is_empty]

    def _working(self, order: Order) -> WorkingOrder:
        self._arrivals += 1
        return WorkingOrder(order.order_id, order.side, order.price, order.open_quantity, self._arrivals)


def would_trigger(stop: Order, quote: Quote) -> bool:
    """A buy stop triggers at or above its trigger price, a sell stop at or below."""
    return stop.side.sign * quote.ltp >= stop.side.sign * stop.trigger_price


def _touch(quote: Quote, traded: int) -> Touch:
    bids, asks = quote.depth()
    more_bids: Levels = tuple((level.price, level.quantity) for level in bids[1:] if level.price > 0)
    more_asks: Levels = tuple((level.price, level.quantity) for level in asks[1:])
    return Touch(
        quote.sequence, quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.ltp, traded, more_bids, more_asks
    )
