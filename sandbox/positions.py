"""Positions: nothing but the sum of fills, per instrument and product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from sandbox.orders import Side
from sandbox.universe import InstrumentKey

PositionKey: TypeAlias = tuple[str, str, str]
"""(exchange, token, product)"""


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade. Price in paise, market time in milliseconds."""

    fill_id: str
    order_id: str
    exchange: str
    token: str
    symbol: str
    product: str
    side: Side
    quantity: int
    price: int
    at_ms: int

    @property
    def position_key(self) -> PositionKey:
        return (self.exchange, self.token, self.product)

    def snapshot(self) -> dict[str, Any]:
        """As JSON for the truth log; `restored_fill` is its inverse."""
        return asdict(self)


def restored_fill(snapshot: dict[str, Any]) -> Fill:
    return Fill(**{**snapshot, "side": Side(snapshot["side"])})


@dataclass(slots=True)
class Leg:
    """Quantity and value (paise) of one side."""

    quantity: int = 0
    value: int = 0


@dataclass(slots=True)
class Position:
    """Today's buys and sells, and what was carried in from earlier days (`carried_*`)."""

    exchange: str
    token: str
    symbol: str
    product: str
    buys: Leg = field(default_factory=Leg)
    sells: Leg = field(default_factory=Leg)
    carried_buys: Leg = field(default_factory=Leg)
    carried_sells: Leg = field(default_factory=Leg)

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def bought(self) -> Leg:
        return Leg(self.buys.quantity + self.carried_buys.quantity, self.buys.value + self.carried_buys.value)

    @property
    def sold(self) -> Leg:
        return Leg(self.sells.quantity + self.carried_sells.quantity, self.sells.value + self.carried_sells.value)

    @property
    def net(self) -> int:
        return self.bought.quantity - self.sold.quantity

    @property
    def open_value(self) -> int:
        """Cost in paise of what is open, at the average of its side; never negative."""
        side = self.bought if self.net > 0 else self.sold
        return side.value * abs(self.net) // side.quantity if self.net else 0

    @property
    def realised(self) -> int:
        """Profit in paise of what was closed: proceeds minus cost of the closed part."""
        open_signed = self.open_value if self.net > 0 else -self.open_value
        return self.sold.value - self.bought.value + open_signed

    def unrealised(self, ltp: int) -> int:
        """Profit in paise of what is open, at the last price."""
        open_signed = self.open_value if self.net > 0 else -self.open_value
        return self.net * ltp - open_signed


class PositionBook:
    """All positions of one trading day."""

    def __init__(self) -> None:
        self._positions: dict[PositionKey, Position] = {}

    def __iter__(self) -> Iterator[Position]:
        return iter(self._positions.values())

    @property
    def by_key(self) -> Mapping[PositionKey, Position]:
        return self._positions

    def apply(self, fill: Fill) -> None:
        """Take a fill in."""
        position = self._position(fill.position_key, fill.symbol)
        leg = position.buys if fill.side is Side.BUY else position.sells
        leg.quantity += fill.quantity
        leg.value += fill.quantity * fill.price

    def move(self, old: PositionKey, product: str, side: Side, quantity: int) -> None:
        """Put part of today's leg under another product, at its average."""
        source = self._positions[old]
        target = self._position((source.exchange, source.token, product), source.symbol)
        given, taken = (source.buys, target.buys) if side is Side.BUY else (source.sells, target.sells)
        value = given.value * quantity // given.quantity
        given.quantity -= quantity
        given.value -= value
        taken.quantity += quantity
        taken.value += value

    def multiply(self, key: InstrumentKey, numerator: int, denominator: int) -> None:
        """A split or bonus: quantities change, values do not."""
        for position in self:
            if position.key == key:
                for leg in (position.buys, position.sells, position.carried_buys, position.carried_sells):
                    leg.quantity = leg.quantity * numerator // denominator

    def begin_day(self) -> None:
        """Carry open positions into a new day at cost; closed ones go."""
        self._positions = {key: _carried(p) for key, p in self._positions.items() if p.net}

    def forget(self, key: PositionKey) -> None:
        """It has become a holding, or left one."""
        del self._positions[key]

    def _position(self, key: PositionKey, symbol: str) -> Position:
        exchange, token, product = key
        return self._positions.setdefault(key, Position(exchange, token, symbol, product))


def _carried(position: Position) -> Position:
    open_leg = Leg(abs(position.net), position.open_value)
    carried = Position(position.exchange, position.token, position.symbol, position.product)
    if position.net > 0:
        carried.carried_buys = open_leg
    else:
        carried.carried_sells = open_leg
    return carried
