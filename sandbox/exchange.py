"""The exchange's side of our orders: armed stops and working orders per instrument."""

from __future__ import annotations

from collections import defaultdict

from sandbox.market import Quote
from sandbox.matching import Execution, OwnBook, Touch, WorkingOrder
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
        """An order arrives at the touch. Without a price yet it rests, and so it does after a restart."""
        self._arrivals += 1
        working = WorkingOrder(order.order_id, order.side, order.price, order.open_quantity, self._arrivals)
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


def would_trigger(stop: Order, quote: Quote) -> bool:
    """A buy stop triggers at or above its trigger price, a sell stop at or below."""
    return stop.side.sign * quote.ltp >= stop.side.sign * stop.trigger_price


def _touch(quote: Quote, traded: int) -> Touch:
    return Touch(quote.sequence, quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.ltp, traded)
