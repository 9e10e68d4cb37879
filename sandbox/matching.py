"""When and at what price our orders trade against the market round them. Pure: no clock, no I/O.

The book round the last price has a few levels a side. An order that crosses it on arrival takes what is displayed, level by level at
their prices, and no more; the rest waits for the next print. An order that rests joins the queue at its price as soon
as its price is displayed: it trades only after the quantity that was there before it has been traded; or at its own price, when the
market comes through it. Own orders have price-time priority among themselves and share what one print offers;
they never trade with each other.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.orders import Side

Levels = tuple[tuple[int, int], ...]
"""(price in paise, displayed quantity), best first."""


class FillReason(StrEnum):
    """Why an order traded, for the truth log."""

    TOOK_DISPLAYED = "crossed the displayed price"
    MARKET_CAME_THROUGH = "the market traded through"
    QUEUE_REACHED_IT = "queue ahead was consumed by prints at the price"
    UNCROSSED = "uncrossed at the auction price"
    AT_THE_CLOSE = "traded at the closing price"
    FAULT = "a fault was asked for"


@dataclass(frozen=True, slots=True)
class Touch:
    """The market at one instant: paise and shares. `traded` at `ltp` is what this print moved, 0 between prints.

    `more_bids` and `more_asks` are the displayed levels behind the touch.
    """

    print_number: int

    bid: int
    bid_size: int
    ask: int
    ask_size: int
    ltp: int
    traded: int
    more_bids: Levels = ()
    more_asks: Levels = ()

    def bids(self) -> Levels:
        return ((self.bid, self.bid_size), *self.more_bids)

    def asks(self) -> Levels:
        return ((self.ask, self.ask_size), *self.more_asks)


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


class _Offer:
    """What one print still has for us on one side: [price, quantity left] per level, and what printed quantity we have had."""

    def __init__(self, levels: Levels) -> None:
        self.levels = [list(level) for level in levels]
        self.printed_taken = 0

    def take(self, order: WorkingOrder) -> list[tuple[int, int]]:
        """(price, quantity) that the order gets of what is displayed within its limit."""
        taken, sign, wanted = [], order.side.sign, order.open_quantity
        for level in self.levels:
            if not wanted or sign * level[0] > sign * order.limit:
                break
            quantity = min(wanted, level[1])
            level[1] -= quantity
            wanted -= quantity
            if quantity:
                taken.append((level[0], quantity))
        return taken


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
            self._drop_filled()
        return executions

    def on_arrival(self, order: WorkingOrder, touch: Touch) -> list[Execution]:
        """An order arrives (or comes back modified) between prints: it gets what the last print has left displayed."""
        self._show(touch)
        executions = _match(order, touch, self._offers[order.side])
        if order.open_quantity:
            self.add(order)
        return executions

    def take_out(self, executions: Iterable[Execution]) -> None:
        """Our part of an uncrossed auction."""
        filled = {execution.order_id: execution.quantity for execution in executions}
        for order in self:
            order.open_quantity -= filled.get(order.order_id, 0)
        self._drop_filled()

    def fill_at(self, price: int, quantity: int, reason: FillReason, only: str = "") -> list[Execution]:
        """Trade at one price what is willing to, best limits first, at most `quantity` a side; `only` one order if given."""
        executions: list[Execution] = []
        for side, orders in self._sides.items():
            left = quantity
            for order in orders:
                if side.sign * order.limit >= side.sign * price and only in ("", order.order_id):
                    done = _execute(order, min(left, order.open_quantity), price, reason)
                    left -= sum(execution.quantity for execution in done)
                    executions.extend(done)
        self._drop_filled()
        return executions

    def _drop_filled(self) -> None:
        self._sides = {side: [o for o in orders if o.open_quantity] for side, orders in self._sides.items()}

    @property
    def is_empty(self) -> bool:
        return not (self._sides[Side.BUY] or self._sides[Side.SELL])

    def _show(self, touch: Touch) -> None:
        """Displayed sizes are offered once per print, however many orders come to take them."""
        if self._offers_of_print != touch.print_number:
            self._offers_of_print = touch.print_number
            self._offers = {Side.BUY: _Offer(touch.asks()), Side.SELL: _Offer(touch.bids())}


def _match(order: WorkingOrder, touch: Touch, offer: _Offer) -> list[Execution]:
    sign = order.side.sign
    opposite = touch.ask if order.side is Side.BUY else touch.bid
    if sign * order.limit >= sign * opposite:
        return _cross(order, offer)
    order.resting = True
    return _wait(order, touch, offer)


def _cross(order: WorkingOrder, offer: _Offer) -> list[Execution]:
    """A resting order was there first, so the trade is at its price; a new one pays what is displayed."""
    if order.resting:
        quantity = sum(quantity for _, quantity in offer.take(order))
        return _execute(order, quantity, order.limit, FillReason.MARKET_CAME_THROUGH)
    taken = offer.take(order)
    return [e for price, quantity in taken for e in _execute(order, quantity, price, FillReason.TOOK_DISPLAYED)]


def _wait(order: WorkingOrder, touch: Touch, offer: _Offer) -> list[Execution]:
    sign = order.side.sign
    if order.queue_ahead is None:
        order.queue_ahead = _queue_at(order, touch)
        return []
    if not touch.traded or sign * touch.ltp > sign * order.limit:
        return []
    if sign * touch.ltp < sign * order.limit:
        reached, reason = touch.traded - offer.printed_taken, FillReason.MARKET_CAME_THROUGH
        order.queue_ahead = 0
    else:
        reached, reason = touch.traded - order.queue_ahead - offer.printed_taken, FillReason.QUEUE_REACHED_IT
        order.queue_ahead = max(0, order.queue_ahead - touch.traded)
    quantity = max(0, min(order.open_quantity, reached))
    offer.printed_taken += quantity
    return _execute(order, quantity, order.limit, reason)


def _queue_at(order: WorkingOrder, touch: Touch) -> int | None:
    """The displayed quantity before an order at its price; None while its price lies behind everything displayed."""
    sign, levels = order.side.sign, touch.bids() if order.side is Side.BUY else touch.asks()
    for price, size in levels:
        if sign * order.limit >= sign * price:
            return size if price == order.limit else 0
    return None


def _execute(order: WorkingOrder, quantity: int, price: int, reason: FillReason) -> list[Execution]:
    if quantity <= 0:
        return []
    order.open_quantity -= quantity
    return [Execution(order.order_id, quantity, price, reason)]
