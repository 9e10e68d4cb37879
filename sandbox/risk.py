"""The broker's risk desk: what turns an accepted message into a `rejected` row, and the funds it counts with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.orders import Order, OrderState, Side
from sandbox.positions import Leg, Position, PositionKey
from sandbox.universe import Instrument

MARGIN_PERCENT: Mapping[str, int] = {"INTRADAY": 20, "MARGIN": 25, "DELIVERY": 100, "CARRYFORWARD": 100}
_NOTHING = Leg()
_AT_EXCHANGE = (OrderState.OPEN, OrderState.TRIGGER_PENDING)

ExposureKey: TypeAlias = tuple[PositionKey, Side]


class OpenExposure:
    """Open quantity and value (paise) of the orders at the exchange, kept as orders change: checks must not walk all orders."""

    def __init__(self) -> None:
        self._legs: dict[ExposureKey, Leg] = {}

    def change(self, before: Order | None, after: Order) -> None:
        """An order is now `after`; `before` is what this was last told of it."""
        if before is not None:
            self._add(before, -1)
        self._add(after, 1)

    def leg(self, key: ExposureKey) -> Leg:
        return self._legs.get(key, _NOTHING)

    def legs(self) -> Iterable[tuple[ExposureKey, Leg]]:
        return self._legs.items()

    def without(self, order: Order) -> Leg:
        """The leg that an order belongs to, less itself."""
        leg = self.leg(exposure_key(order))
        if order.state not in _AT_EXCHANGE:
            return leg
        return Leg(leg.quantity - order.open_quantity, leg.value - order.open_quantity * order.price)

    def _add(self, order: Order, sign: int) -> None:
        if order.state not in _AT_EXCHANGE:
            return
        leg = self._legs.setdefault(exposure_key(order), Leg())
        leg.quantity += sign * order.open_quantity
        leg.value += sign * order.open_quantity * order.price


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


def exposure_key(order: Order) -> ExposureKey:
    return (order.exchange, order.token, order.product), order.side


def funds(cash: int, positions: Mapping[PositionKey, Position], exposure: OpenExposure) -> Funds:
    """What is free once open positions and the exposure-raising part of open orders are margined."""
    held = positions.values()
    in_positions = sum(p.open_value * MARGIN_PERCENT[p.product] // 100 for p in held)
    in_orders = sum(order_margin(key, leg, positions) for key, leg in exposure.legs())
    return Funds(cash, in_positions, in_orders, sum(p.realised for p in held))


def order_margin(key: ExposureKey, leg: Leg, positions: Mapping[PositionKey, Position]) -> int:
    """Orders that close a position need no margin: only what exceeds the opposite net does."""
    position_key, side = key
    raising = leg.quantity - max(0, -side.sign * _net(positions, position_key))
    if raising <= 0:
        return 0
    return leg.value * raising // leg.quantity * MARGIN_PERCENT[position_key[2]] // 100


def off_the_rules(instrument: Instrument, order: Order) -> str | None:
    """Why the exchange would not take these numbers; None when it would."""
    if not instrument.tradable:
        return f"{instrument.symbol} is an index and cannot be traded"
    if order.quantity % instrument.lot_size:
        return f"Quantity {order.quantity} is not a multiple of the lot size {instrument.lot_size}"
    for name, value in (("price", order.price), ("trigger price", order.trigger_price)):
        if value % instrument.tick_size:
            return f"Order {name} {value / 100:.2f} is not a multiple of the tick size {instrument.tick_size / 100:.2f}"
    if order.is_stop and order.side.sign * order.price < order.side.sign * order.trigger_price:
        beyond = "at or above" if order.side is Side.BUY else "at or below"
        return f"The limit price of a stoploss {order.side.value} must be {beyond} its trigger price"
    return None


def rejection(
    order: Order,
    before: Order,
    instrument: Instrument,
    cash: int,
    positions: Mapping[PositionKey, Position],
    exposure: OpenExposure,
) -> str | None:
    """The text of the rejection of an order that comes to the exchange, or comes back changed; None = it may pass.

    `before` is the order as `exposure` knows it: the same one, or what a modification would replace.
    """
    reason = off_the_rules(instrument, order)
    if reason is not None:
        return reason
    key, others = exposure_key(order), exposure.without(before)
    together = Leg(others.quantity + order.open_quantity, others.value + order.open_quantity * order.price)
    held = _net(positions, key[0])
    if order.product == "DELIVERY" and order.side is Side.SELL and together.quantity > held:
        return f"RMS:Rule: Check T1 holdings for entity account, holding {held} sell quantity {together.quantity}"
    required = order_margin(key, together, positions) - order_margin(key, others, positions)
    now = order_margin(key, exposure.leg(key), positions) - order_margin(key, others, positions)
    available = funds(cash, positions, exposure).available + now
    if required <= max(0, available):
        return None
    return f"RMS:Margin Exceeds,Required:{required / 100:.2f}, Available:{available / 100:.2f} for entity account"


def _net(positions: Mapping[PositionKey, Position], key: PositionKey) -> int:
    position = positions.get(key)
    return position.net if position else 0
