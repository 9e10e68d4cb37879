"""Risk rules: small pure functions, each may deny an order with a reason. An exit that only reduces passes them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.records import ZERO, OrderRecord, PositionRecord
from tradewinds.money import format_rupees


@dataclass(frozen=True)
class Exposure:
    """Book and working orders, of a strategy or for a person's order of the account, before the order in question."""

    positions: Sequence[PositionRecord]
    working: Sequence[OrderRecord]


Rule = Callable[[PlaceOrder, Exposure], Denial | None]


def priced(order: PlaceOrder, _exposure: Exposure) -> Denial | None:
    """A MARKET order needs a fresh price to be protected by."""
    return Denial("QUOTE_NOT_FRESH", order.unpriced_because) if order.price is None else None


def market_takes_it(order: PlaceOrder, exposure: Exposure) -> Denial | None:
    """Entries wait for an open market, a known calendar, the day's scrip master, and a strategy that is not paused; an exit goes to the
    broker, which queues it."""
    if order.no_entry is None or only_reduces(order, exposure):
        return None
    return Denial(order.no_entry.reason, order.no_entry.message)


def within_capital(order: PlaceOrder, exposure: Exposure) -> Denial | None:
    """Gross exposure of book, working orders and this order stays within the strategy's `capital_allocated`."""
    if order.capital is None or order.price is None or only_reduces(order, exposure):
        return None
    wanted = gross_exposure(exposure, order)
    if wanted <= order.capital:
        return None
    return Denial(
        "RISK_CAPITAL",
        f"the strategy's exposure would be {format_rupees(wanted)} rupees, its capital_allocated is "
        f"{format_rupees(order.capital)}; it is {format_rupees(gross_exposure(exposure))} now",
    )


# Before the books are asked: an order without a price can go nowhere.
RULES: tuple[Rule, ...] = (priced, market_takes_it, within_capital)


def first_denial(order: PlaceOrder, exposure: Exposure, rules: Sequence[Rule] = RULES) -> Denial | None:
    """The first rule that denies, in order; None when all allow it."""
    return next((denial for rule in rules if (denial := rule(order, exposure))), None)


def only_reduces(order: PlaceOrder, exposure: Exposure) -> bool:
    """Whether the order can do nothing but shrink the strategy's own position, its working exits counted."""
    line = (order.instrument.key, order.request.product)
    net = sum(p.net_quantity for p in exposure.positions if (p.instrument, p.product) == line)
    side = order.request.side
    exits = sum(o.remaining for o in exposure.working if (o.instrument, o.product, o.side) == (*line, side))
    closable = -net if side == "BUY" else net
    return order.request.quantity + exits <= closable


def gross_exposure(exposure: Exposure, order: PlaceOrder | None = None) -> Decimal:
    """Rupees at stake over all lines: each counted at the worst of what its working orders can make of it."""
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
    return sum((line.worst() for line in lines.values()), ZERO)


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

    def _after(self, side: str, net: int) -> Decimal:
        """Value when every order of `side` fills and none of the other; `net` is positive when that adds to it."""
        quantity = self._quantity[side]
        if not quantity:
            return ZERO
        if net >= 0:
            return net * self.cost + self._value[side]
        beyond = max(0, quantity + net)  # what is left after closing
        return self._value[side] * beyond / quantity
