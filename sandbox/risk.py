"""The broker's risk desk: what turns an accepted message into a `rejected` row, and the funds it counts with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.orders import Order, Side
from sandbox.positions import Position, PositionKey
from sandbox.universe import Instrument

MARGIN_PERCENT: Mapping[str, int] = {"INTRADAY": 20, "MARGIN": 25, "DELIVERY": 100, "CARRYFORWARD": 100}


@dataclass(frozen=True, slots=True)
class Funds:
    """All paise. `cash` already holds the profit of earlier days."""

    cash: int
    in_positions: int
    in_orders: int
    realised: int

    @property
    def utilised(self) -> int:
        return self.in_positions + self.in_orders

    @property
    def available(self) -> int:
        return self.cash + self.realised - self.utilised


def funds(cash: int, positions: Iterable[Position], open_orders: Iterable[Order]) -> Funds:
    """What is free once open positions and the exposure-raising part of open orders are margined."""
    held = list(positions)
    nets = {(p.exchange, p.token, p.product): p.net for p in held}
    in_positions = sum(p.open_value * MARGIN_PERCENT[p.product] // 100 for p in held)
    return Funds(cash, in_positions, _order_margin(nets, open_orders), sum(p.realised for p in held))


def _order_margin(nets: Mapping[PositionKey, int], open_orders: Iterable[Order]) -> int:
    """Orders that close a position need no margin: only what exceeds the opposite net does."""
    quantities: dict[tuple[PositionKey, Side], int] = defaultdict(int)
    values: dict[tuple[PositionKey, Side], int] = defaultdict(int)
    for order in open_orders:
        side = ((order.exchange, order.token, order.product), order.side)
        quantities[side] += order.open_quantity
        values[side] += order.open_quantity * order.price
    total = 0
    for (key, order_side), quantity in quantities.items():
        closing = max(0, -order_side.sign * nets.get(key, 0))
        raising = max(0, quantity - closing)
        if raising:
            total += values[key, order_side] * raising // quantity * MARGIN_PERCENT[key[2]] // 100
    return total


def off_the_rules(instrument: Instrument, quantity: int, price: int, trigger_price: int) -> str | None:
    """Why the exchange would not take these numbers; None when it would. Prices in paise."""
    if not instrument.tradable:
        return f"{instrument.symbol} is an index and cannot be traded"
    if quantity % instrument.lot:
        return f"Quantity {quantity} is not a multiple of the lot size {instrument.lot}"
    for name, value in (("price", price), ("trigger price", trigger_price)):
        if value % instrument.tick:
            return f"Order {name} {value / 100:.2f} is not a multiple of the tick size {instrument.tick / 100:.2f}"
    return None


def stop_on_wrong_side(side: Side, price: int, trigger_price: int) -> str | None:
    """A stop's limit must lie beyond its trigger, else it could not trade once triggered."""
    if side.sign * price >= side.sign * trigger_price:
        return None
    direction = "at or above" if side is Side.BUY else "at or below"
    return f"The limit price of a stoploss {side.value} must be {direction} its trigger price"


def rejection(
    order: Order, instrument: Instrument, cash: int, positions: list[Position], open_orders: list[Order]
) -> str | None:
    """The text of the rejection, or None. `open_orders` are the live ones including this."""
    reason = off_the_rules(instrument, order.quantity, order.price, order.trigger_price)
    if reason is None and order.is_stop:
        reason = stop_on_wrong_side(order.side, order.price, order.trigger_price)
    return (
        reason
        or _uncovered_delivery(order, positions, open_orders)
        or _short_of_funds(order, cash, positions, open_orders)
    )


def _uncovered_delivery(order: Order, positions: list[Position], open_orders: list[Order]) -> str | None:
    if order.product != "DELIVERY" or order.side is Side.BUY:
        return None
    held = sum(p.net for p in positions if (p.key, p.product) == (order.key, "DELIVERY"))
    offered = sum(
        o.open_quantity for o in open_orders if o.key == order.key and o.product == "DELIVERY" and o.side is Side.SELL
    )
    if offered <= held:
        return None
    return f"RMS:Rule: Check T1 holdings for entity account, holding {held} sell quantity {offered}"


def _short_of_funds(order: Order, cash: int, positions: list[Position], open_orders: list[Order]) -> str | None:
    after = funds(cash, positions, open_orders)
    without = funds(cash, positions, [o for o in open_orders if o.order_id != order.order_id])
    required = without.available - after.available
    if required <= 0 or after.available >= 0:
        return None
    return (
        f"RMS:Margin Exceeds,Required:{required / 100:.2f}, Available:{without.available / 100:.2f} for entity account"
    )
