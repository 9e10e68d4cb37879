"""What is at stake: a book and its working orders, and what an order would add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine_server.oms.domain.commands import PlaceOrder
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.records import ZERO, PositionRecord


@dataclass(frozen=True)
class Exposure:
    """Book and working orders, of a strategy or of the whole account, before the order in question."""

    positions: Sequence[PositionRecord]
    working: WorkingOrders


def order_value(order: PlaceOrder) -> Decimal:
    """Rupees of the order at its limit."""
    return (order.price or ZERO) * order.request.quantity


def open_order_value(exposure: Exposure) -> Decimal:
    """Rupees of everything that may still be filled."""
    return sum(((o.price or ZERO) * o.remaining for o in exposure.working), ZERO)


def gross_exposure(exposure: Exposure, order: PlaceOrder | None = None) -> Decimal:
    """Rupees at stake over all lines: each counted at the worst of what its working orders can make of it."""
    return sum((line.worst() for line in _lines(exposure, order).values()), ZERO)


def net_exposure(exposure: Exposure, order: PlaceOrder | None = None) -> Decimal:
    """Rupees in one direction, the worse of both: everything that buys filled and nothing that sells, or the reverse."""
    lines = _lines(exposure, order).values()
    upward = sum((line.signed("BUY") for line in lines), ZERO)
    downward = sum((line.signed("SELL") for line in lines), ZERO)
    return max(upward, -downward, ZERO)


def _lines(exposure: Exposure, order: PlaceOrder | None) -> dict[tuple[str, str], _Line]:
    lines: dict[tuple[str, str], _Line] = {}
    for position in exposure.positions:
        line = lines.setdefault((position.instrument, position.product), _Line())
        line.net, line.cost = position.net_quantity, position.average_price or ZERO
    for working in exposure.working:
        line = lines.setdefault((working.instrument, working.product), _Line())
        line.add(working.side, working.remaining, working.price or ZERO)
    if order is not None and order.price is not None:
        line = lines.setdefault((order.instrument.key, order.request.product), _Line())
        line.add(order.request.side, order.request.quantity, order.price)
    return lines


class _Line:
    """One instrument and product: what is open, and what may be bought and sold."""

    def __init__(self) -> None:
        self.net = 0
        self.cost = ZERO
        self._quantity = {"BUY": 0, "SELL": 0}
        self._value = {"BUY": ZERO, "SELL": ZERO}

    def add(self, side: str, quantity: int, price: Decimal) -> None:
        self._quantity[side] += quantity
        self._value[side] += price * quantity

    def worst(self) -> Decimal:
        return max(abs(self.net) * self.cost, self._after("BUY", self.net), self._after("SELL", -self.net))

    def signed(self, side: str) -> Decimal:
        """Value when every order of `side` fills and none of the other; negative when that is short."""
        value = self._value[side]
        return self.net * self.cost + (value if side == "BUY" else -value)

    def _after(self, side: str, net: int) -> Decimal:
        """Value when every order of `side` fills and none of the other; `net` is positive when that adds to it."""
        quantity = self._quantity[side]
        if not quantity:
            return ZERO
        if net >= 0:
            return net * self.cost + self._value[side]
        beyond = max(0, quantity + net)  # what is left after closing
        return self._value[side] * beyond / quantity
