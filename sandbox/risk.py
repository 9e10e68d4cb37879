"""The broker's risk desk: what turns an accepted message into a `rejected` row, and the funds it counts with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.orders import Order, OrderState, Side
from sandbox.phases import CASH_SEGMENTS
from sandbox.positions import Leg, Position, PositionKey
from sandbox.universe import Instrument, InstrumentKey

MARGIN_PERCENT: Mapping[str, int] = {"INTRADAY": 20, "MARGIN": 25, "DELIVERY": 100, "CARRYFORWARD": 100}
CASH_PRODUCTS = frozenset({"DELIVERY", "MARGIN"})
"""Not for contracts."""
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
    in_positions = sum(position_margin(p) for p in held)
    in_orders = sum(order_margin(key, leg, positions) for key, leg in exposure.legs())
    return Funds(cash, in_positions, in_orders, sum(p.realised for p in held))


def position_margin(position: Position) -> int:
    """Paise that an open position ties up; shares sold out of holdings tie up nothing."""
    if position.product == "DELIVERY" and position.net < 0:
        return 0
    return position.open_value * MARGIN_PERCENT[position.product] // 100


def order_margin(key: ExposureKey, leg: Leg, positions: Mapping[PositionKey, Position]) -> int:
    """Orders that close a position need no margin: only what exceeds the opposite net does."""
    position_key, side = key
    if position_key[2] == "DELIVERY" and side is Side.SELL:
        return 0
    raising = leg.quantity - max(0, -side.sign * _net(positions, position_key))
    if raising <= 0:
        return 0
    return leg.value * raising // leg.quantity * MARGIN_PERCENT[position_key[2]] // 100


@dataclass(frozen=True, slots=True)
class Account:
    """What the desk knows of the client when it judges an order. `cash` is paise, `holdings` what may be delivered."""

    cash: int
    positions: Mapping[PositionKey, Position]
    exposure: OpenExposure
    holdings: Callable[[InstrumentKey], int]


def rejection(
    order: Order, before: Order, instrument: Instrument, account: Account, intraday_over: bool = False
) -> str | None:
    """The text of the rejection of an order that comes to the exchange, or comes back changed; None = it may pass.

    `before` is the order as the exposure knows it: the same one, or what a modification would replace.
    """
    return _wrong_product(order, instrument, account, intraday_over) or _cannot_afford(order, before, account)


def _wrong_product(order: Order, instrument: Instrument, account: Account, intraday_over: bool) -> str | None:
    if order.product in CASH_PRODUCTS and instrument.exchange not in CASH_SEGMENTS:
        return f"RMS:Rule: product {order.product} is not allowed for {instrument.exchange}"
    if order.product == "INTRADAY" and intraday_over and not _closes(order, account.positions):
        return "RMS:Auto Square Off Block for entity account, INTRADAY orders are not taken any more today"
    return None


def _closes(order: Order, positions: Mapping[PositionKey, Position]) -> bool:
    net = _net(positions, exposure_key(order)[0])
    return order.open_quantity <= -order.side.sign * net


def _cannot_afford(order: Order, before: Order, account: Account) -> str | None:
    positions, exposure = account.positions, account.exposure
    key, others = exposure_key(order), exposure.without(before)
    together = Leg(others.quantity + order.open_quantity, others.value + order.open_quantity * order.price)
    if order.product == "DELIVERY" and order.side is Side.SELL:
        held = account.holdings(order.key) + _net(positions, key[0])
        if together.quantity > held:
            return f"RMS:Rule: Check T1 holdings for entity account, holding {held} sell quantity {together.quantity}"
        return None
    required = order_margin(key, together, positions) - order_margin(key, others, positions)
    now = order_margin(key, exposure.leg(key), positions) - order_margin(key, others, positions)
    available = funds(account.cash, positions, exposure).available + now
    if required <= max(0, available):
        return None
    return f"RMS:Margin Exceeds,Required:{required / 100:.2f}, Available:{available / 100:.2f} for entity account"


def _net(positions: Mapping[PositionKey, Position], key: PositionKey) -> int:
    position = positions.get(key)
    return position.net if position else 0
