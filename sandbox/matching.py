"""When and at what price our orders trade against the market round them. Pure: no clock, no I/O.

An order that crosses the touch on arrival takes what is displayed, no more, at the touch's price; the rest waits for the
next print. An order that rests joins the queue at its price: it trades only after the displayed quantity that was there
before it has been traded; or at its own price, when the market comes through it. Own orders have price-time
priority among themselves and share what one print offers; they never trade with each other.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.orders import Side


class FillReason(StrEnum):
    """Why an order traded, for the truth log."""

    TOOK_DISPLAYED = "took_displayed"
    MARKET_CAME_THROUGH = "market_came_through"
    QUEUE_REACHED_IT = "queue_reached_it"


@dataclass(frozen=True, slots=True)
class Touch:
    """The market at one instant: paise and shares. `traded` at `ltp` is what this print moved, 0 between prints."""

    print_number: int

    bid: int
    bid_size: int
    ask: int
    ask_size: int
    ltp: int
    traded: int


@dataclass(slots=True)
class WorkingOrder:
    """One order at the exchange. `queue_ahead` is None until the touch has come to its price."""

    order_id: str
    side: Side
    limit: int
    open_quantity: int
    priority: int
    resting: bool = False
    queue_ahead: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        return (-self.side.sign * self.limit, self.priority)


@dataclass(frozen=True, slots=True)
class Execution:
    """Quantity in shares, price in paise."""

    order_id: str
    quantity: int
    price: int
    reason: FillReason


@dataclass(slots=True)
class _Offer:
    """What one print still has for us on one side."""

    displayed: int
    printed_taken: int = 0


@dataclass(slots=True)
class OwnBook:
    """Our orders in one instrument, best first."""

    _sides: dict[Side, list[WorkingOrder]] = field(default_factory=lambda: {Side.BUY: [], Side.SELL: []})
    _offers: dict[Side, _Offer] = field(default_factory=dict)
    _offers_of_print: int | None = None

    def __iter__(self) -> Iterator[WorkingOrder]:
        for orders in self._sides.values():
            yield from orders

    def add(self, order: WorkingOrder) -> None:
        bisect.insort(self._sides[order.side], order, key=lambda o: o.rank)

    def remove(self, order_id: str) -> WorkingOrder | None:
        for orders in self._sides.values():
            for n, order in enumerate(orders):
                if order.order_id == order_id:
                    return orders.pop(n)
        return None

    def on_print(self, touch: Touch) -> list[Execution]:
        """A new print: displayed sizes are fresh, and what traded may reach resting orders."""
        self._show(touch)
        executions: list[Execution] = []
        for side, orders in self._sides.items():
            for order in orders:
                executions.extend(_match(order, touch, self._offers[side]))
        if executions:
            self._sides = {side: [o for o in orders if o.open_quantity] for side, orders in self._sides.items()}
        return executions

    def on_arrival(self, order: WorkingOrder, touch: Touch) -> list[Execution]:
        """An order arrives (or comes back modified) between prints: it gets what the last print has left displayed."""
        self._show(touch)
        executions = _match(order, touch, self._offers[order.side])
        if order.open_quantity:
            self.add(order)
        return executions

    @property
    def is_empty(self) -> bool:
        return not (self._sides[Side.BUY] or self._sides[Side.SELL])

    def _show(self, touch: Touch) -> None:
        """Displayed sizes are offered once per print, however many orders come to take them."""
        if self._offers_of_print != touch.print_number:
            self._offers_of_print = touch.print_number
            self._offers = {Side.BUY: _Offer(touch.ask_size), Side.SELL: _Offer(touch.bid_size)}


def _match(order: WorkingOrder, touch: Touch, offer: _Offer) -> list[Execution]:
    sign = order.side.sign
    opposite = touch.ask if order.side is Side.BUY else touch.bid
    if sign * order.limit >= sign * opposite:
        return _cross(order, opposite, offer)
    order.resting = True
    return _wait(order, touch, offer)


def _cross(order: WorkingOrder, opposite: int, offer: _Offer) -> list[Execution]:
    """A resting order was there first, so the trade is at its price; a new one pays the touch."""
    price = order.limit if order.resting else opposite
    reason = FillReason.MARKET_CAME_THROUGH if order.resting else FillReason.TOOK_DISPLAYED
    quantity = min(order.open_quantity, offer.displayed)
    offer.displayed -= quantity
    return _execute(order, quantity, price, reason)


def _wait(order: WorkingOrder, touch: Touch, offer: _Offer) -> list[Execution]:
    sign = order.side.sign
    own_touch, own_size = (touch.bid, touch.bid_size) if order.side is Side.BUY else (touch.ask, touch.ask_size)
    if order.queue_ahead is None:
        if sign * order.limit >= sign * own_touch:
            order.queue_ahead = own_size if order.limit == own_touch else 0
        return []
    if not touch.traded or sign * touch.ltp > sign * order.limit:
        return []
    reached = touch.traded - order.queue_ahead - offer.printed_taken
    order.queue_ahead = max(0, order.queue_ahead - touch.traded)
    quantity = max(0, min(order.open_quantity, reached))
    offer.printed_taken += quantity
    return _execute(order, quantity, order.limit, FillReason.QUEUE_REACHED_IT)


def _execute(order: WorkingOrder, quantity: int, price: int, reason: FillReason) -> list[Execution]:
    if quantity <= 0:
        return []
    order.open_quantity -= quantity
    return [Execution(order.order_id, quantity, price, reason)]
