"""A strategy's own book: what its fills add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from tradewinds.sdk.vocabulary import Product, Side


@dataclass(frozen=True, slots=True)
class Position:
    """What the strategy holds of one instrument in one product; `net_quantity` is negative when short."""

    instrument: str
    product: Product
    net_quantity: int = 0
    average_price: Decimal | None = None  # of what is open; None when flat
    realised_pnl: Decimal = Decimal(0)  # rupees, before charges

    def after(self, side: Side, quantity: int, price: Decimal) -> Position:
        """The position after one more fill."""
        signed = quantity if side is Side.BUY else -quantity
        net = self.net_quantity + signed
        if self.average_price is None or self.net_quantity * signed > 0:
            return replace(self, net_quantity=net, average_price=self._averaged(quantity, price))
        closed = min(abs(self.net_quantity), quantity)
        gain = (price - self.average_price) * (closed if self.net_quantity > 0 else -closed)
        turned = self.net_quantity * net < 0
        average = None if net == 0 else price if turned else self.average_price
        return replace(self, net_quantity=net, average_price=average, realised_pnl=self.realised_pnl + gain)

    def _averaged(self, quantity: int, price: Decimal) -> Decimal:
        if self.average_price is None:
            return price
        held = abs(self.net_quantity)
        return (self.average_price * held + price * quantity) / (held + quantity)


class PositionBook:
    """The positions by (instrument, product)."""

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        self._positions = {(p.instrument, p.product): p for p in positions}

    def get(self, instrument: str, product: Product) -> Position:
        """The position, flat when there never was one."""
        return self._positions.get((instrument, product)) or Position(instrument, product)

    def knows(self, instrument: str) -> bool:
        """Whether there ever was a position in the instrument of this key."""
        return any(key == instrument for key, _ in self._positions)

    def apply(self, instrument: str, product: Product, side: Side, quantity: int, price: Decimal) -> None:
        """Take one fill."""
        self._positions[instrument, product] = self.get(instrument, product).after(side, quantity, price)

    def all(self) -> list[Position]:
        """Every position there ever was, the flat ones included."""
        return list(self._positions.values())

    def open(self) -> list[Position]:
        """What is not flat."""
        return [position for position in self._positions.values() if position.net_quantity]
