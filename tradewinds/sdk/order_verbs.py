"""The verbs of a strategy that place, change and end orders."""

from __future__ import annotations

from decimal import Decimal

from tradewinds.sdk.desk import Desk, OrderTicket
from tradewinds.sdk.errors import OrderArgumentError
from tradewinds.sdk.orders import OrderHandle
from tradewinds.sdk.positions import Position
from tradewinds.sdk.vocabulary import Product, Side

Rupees = Decimal | int | str


class OrderVerbs:
    """Each returns at once; what becomes of an order is told in `on_order`."""

    _desk: Desk

    def buy(
        self,
        symbol: str,
        quantity: int,
        price: Rupees | None = None,
        *,
        trigger_price: Rupees | None = None,
        product: str = Product.MIS,
        reason: str = "",
    ) -> OrderHandle:
        """Buy at `price` or better (LIMIT); without a price at the market, protected; with a trigger an SL order.

        `reason` says in the audit, for years, why this order was sent; a replayed event may word it otherwise.
        """
        return self._place(Side.BUY, symbol, quantity, price, trigger_price, product, reason)

    def sell(
        self,
        symbol: str,
        quantity: int,
        price: Rupees | None = None,
        *,
        trigger_price: Rupees | None = None,
        product: str = Product.MIS,
        reason: str = "",
    ) -> OrderHandle:
        """Sell; see `buy`."""
        return self._place(Side.SELL, symbol, quantity, price, trigger_price, product, reason)

    def cancel(self, order: OrderHandle) -> OrderHandle:
        """Ask the broker to cancel; a fill may be faster. Nothing happens to an order that has ended."""
        self._desk.cancel(order)
        return order

    def square_off(self, symbol: str | None = None, *, reason: str = "square off") -> list[OrderHandle]:
        """Flatten one instrument, or everything: cancel entries and exit, at the market, what no order exits already."""
        wanted = self._desk.instrument(symbol).key if symbol is not None else None
        held = [p for p in self._desk.positions.open() if wanted in (None, p.instrument)]
        return [order for position in held if (order := self._desk.square_off(position, reason)) is not None]

    def modify(
        self,
        order: OrderHandle,
        *,
        quantity: int | None = None,
        price: Rupees | None = None,
        trigger_price: Rupees | None = None,
    ) -> OrderHandle:
        """Change a working order: `quantity` in all, what is filled included. Settled by the broker; told in `on_order`."""
        self._desk.modify(order, quantity, _rupees(price), _rupees(trigger_price))
        return order

    def protect(
        self,
        symbol: str,
        *,
        stop: Rupees,
        target: Rupees | None = None,
        trail: Rupees | None = None,
        product: str = Product.MIS,
    ) -> None:
        """Guard what is open of an instrument, or is being opened: out at `stop`, at `target`, or at a stop that follows the market.

        The engine keeps it at the exchange, and its quantity follows the position: it needs no process of the strategy, and outlives
        crashes and moves. A second call moves the levels. `on_guard` tells whether it was taken.
        """
        levels = (_rupees(stop), _rupees(target), _rupees(trail))
        assert levels[0] is not None  # noqa: S101 - it is required
        self._desk.protect(self._desk.instrument(symbol), Product(product), levels[0], levels[1], levels[2])

    def position(self, symbol: str, product: str = Product.MIS) -> Position:
        """What this strategy holds of an instrument, flat when nothing."""
        return self._desk.position(symbol, Product(product))

    def positions(self) -> list[Position]:
        """Everything that this strategy holds."""
        return self._desk.positions.open()

    def orders(self, symbol: str | None = None) -> list[OrderHandle]:
        """This strategy's working orders, oldest first; what its guards keep at the exchange is not among them."""
        working = [order for order in self._desk.orders.working() if not order.is_guards]
        if symbol is None:
            return working
        key = self._desk.instrument(symbol).key
        return [order for order in working if order.instrument == key]

    def _place(
        self,
        side: Side,
        symbol: str,
        quantity: int,
        price: Rupees | None,
        trigger_price: Rupees | None,
        product: str,
        reason: str,
    ) -> OrderHandle:
        instrument = self._desk.instrument(symbol)
        return self._desk.place(
            OrderTicket(instrument, side, quantity, _rupees(price), _rupees(trigger_price), Product(product), reason)
        )


def _rupees(value: Rupees | None) -> Decimal | None:
    if isinstance(value, float):
        raise OrderArgumentError(f"price: {value!r} is a float; prices are Decimal rupees (or a string, an int)")
    return None if value is None else Decimal(value)
