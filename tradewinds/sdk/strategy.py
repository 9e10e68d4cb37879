"""`BaseStrategy`: what every strategy derives from."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from pydantic import BaseModel

from tradewinds.instruments import Instrument
from tradewinds.money import round_to_tick
from tradewinds.sdk import params as parameters
from tradewinds.sdk.desk import Desk, OrderTicket
from tradewinds.sdk.errors import NotThereYetError, OrderArgumentError
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import OrderHandle, Trade
from tradewinds.sdk.positions import Position
from tradewinds.sdk.timers import Callback, Interval, Timer
from tradewinds.sdk.vocabulary import Product, Side, StopReason

Outcome = Awaitable[None] | None  # a callback is a plain or an async method
Rupees = Decimal | int | str


class BaseStrategy:
    """A strategy. Derive from it, declare `Params`, override the callbacks that matter; they run one at a time.

    Prices are Decimal rupees, quantities are units, times are the market's. An order verb returns a handle at once, and
    what becomes of the order is told in `on_order`. An exception in a callback stops this strategy only: the process
    ends, and a new one continues from the last checkpoint (`state`, the book, the order events taken).
    """

    Params: ClassVar[type[BaseModel]] = parameters.Params

    params: Any
    _desk: Desk

    # --- callbacks ---

    def on_start(self) -> Outcome:
        """First of all. After a restart `state` and `position` are those of the checkpoint: order events that came since
        are replayed to `on_order` and `on_trade` before the first tick, so decide in those or later, not here."""

    def on_tick(self, tick: Tick) -> Outcome:
        """A price of an instrument that the strategy follows. A slow strategy gets the latest one of each, not all."""

    def on_bar(self, bar: Any) -> Outcome:
        """A closed bar. Not called yet: the engine does not build bars."""

    def on_order(self, order: OrderHandle) -> Outcome:
        """An order changed: its state, its fills, or why it came to nothing."""

    def on_trade(self, trade: Trade) -> Outcome:
        """A fill; the position has it already. Called after `on_order` of the same event."""

    def on_signal(self, signal: Any) -> Outcome:
        """A message from outside. Not called yet: the engine takes none."""

    def on_feed_stale(self) -> Outcome:
        """No price of any followed instrument for five real seconds."""

    def on_feed_resumed(self) -> Outcome:
        """Prices come again."""

    def on_reconciled(self, positions: Any) -> Outcome:
        """The book was set right against the broker's. Not called yet."""

    def on_phase(self, phase: Any) -> Outcome:
        """The market's phase changed. Not called yet: the engine knows no calendar."""

    def on_stop(self, reason: StopReason) -> Outcome:
        """Last of all. Orders are refused here unless `reason` is STOP."""

    # --- orders ---

    def buy(
        self,
        symbol: str,
        quantity: int,
        price: Rupees | None = None,
        *,
        trigger_price: Rupees | None = None,
        product: str = Product.MIS,
    ) -> OrderHandle:
        """Buy at `price` or better (LIMIT); without a price at the market, protected; with a trigger an SL order."""
        return self._place(Side.BUY, symbol, quantity, price, trigger_price, product)

    def sell(
        self,
        symbol: str,
        quantity: int,
        price: Rupees | None = None,
        *,
        trigger_price: Rupees | None = None,
        product: str = Product.MIS,
    ) -> OrderHandle:
        """Sell; see `buy`."""
        return self._place(Side.SELL, symbol, quantity, price, trigger_price, product)

    def cancel(self, order: OrderHandle) -> OrderHandle:
        """Ask the broker to cancel; a fill may be faster. Nothing happens to an order that has ended."""
        self._desk.cancel(order)
        return order

    def square_off(self, symbol: str | None = None) -> list[OrderHandle]:
        """Flatten one instrument, or everything: cancel entries and exit, at the market, what no order exits already."""
        wanted = self._desk.instrument(symbol).key if symbol is not None else None
        held = [p for p in self._desk.positions.open() if wanted in (None, p.instrument)]
        return [order for position in held if (order := self._desk.square_off(position)) is not None]

    def modify(self, order: OrderHandle, **_changes: Any) -> NoReturn:
        """Change a working order."""
        raise NotThereYetError(f"modify is not there yet: cancel order {order.id or order.request_id}, place a new one")

    def protect(self, symbol: str, **_levels: Any) -> NoReturn:
        """Guard a position with stop, target or trail."""
        raise NotThereYetError(f"protect({symbol!r}) is not there yet: place an SL order and cancel it by hand")

    # --- messages and subscriptions ---

    def notify(self, title: str, text: str = "", *, dedupe_key: str = "") -> None:
        """Tell the strategy's user; under the same `dedupe_key` once."""
        self._desk.notify(title, text, dedupe_key)

    def metric(self, name: str, value: float | Decimal) -> None:
        """Record a value, shown with the strategy's status."""
        self._desk.metric(name, float(value))

    def subscribe(self, symbol: str) -> None:
        """Get ticks of another instrument. A symbol that does not exist is told to the user."""
        self._desk.follow(symbol, follow=True)

    def unsubscribe(self, symbol: str) -> None:
        """Get no more ticks of an instrument."""
        self._desk.follow(symbol, follow=False)

    # --- time ---

    def every(self, interval: Interval, callback: Callback) -> Timer:
        """Call `callback` at each whole interval of market time ("5s", "5m", a number of seconds)."""
        return self._desk.timers.add(interval, callback, self._desk.now_ms())

    def at(self, time_of_day: str, callback: Callback) -> NoReturn:
        """Call once a day at a market time."""
        raise NotThereYetError(
            f'at({time_of_day!r}, {callback!r}) is not there yet: use every("1m", …) and look at self.now'
        )

    @property
    def now(self) -> datetime:
        """Market time, IST."""
        return self._desk.now()

    # --- what is known ---

    @property
    def state(self) -> dict[str, Any]:
        """What outlives the process: strings, numbers, lists and dicts. Saved after order events and when it changed."""
        return self._desk.state

    @state.setter
    def state(self, value: Mapping[str, Any]) -> None:
        self._desk.state = dict(value)

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """The instruments that the strategy follows, by canonical key."""
        return self._desk.instruments

    def instrument(self, symbol: str) -> Instrument:
        """Lot, tick and kind of an instrument that the strategy follows."""
        return self._desk.instrument(symbol)

    def position(self, symbol: str, product: str = Product.MIS) -> Position:
        """What this strategy holds of an instrument, flat when nothing."""
        return self._desk.position(symbol, Product(product))

    def positions(self) -> list[Position]:
        """Everything that this strategy holds."""
        return self._desk.positions.open()

    def orders(self, symbol: str | None = None) -> list[OrderHandle]:
        """This strategy's working orders, oldest first."""
        working = self._desk.orders.working()
        if symbol is None:
            return working
        key = self._desk.instrument(symbol).key
        return [order for order in working if order.instrument == key]

    def quote(self, symbol: str) -> Tick | None:
        """The last price of an instrument that the strategy follows; None before the first."""
        return self._desk.quotes.get(self._desk.instrument(symbol).key)

    def history(self, symbol: str, *_range: Any) -> NoReturn:
        """Bars of the past."""
        raise NotThereYetError(f"history({symbol!r}) is not there yet: keep what you need from on_tick")

    def round_to_tick(self, symbol: str, price: Decimal, side: str | None = None) -> Decimal:
        """The nearest price that the exchange takes; with `side`, never worse than `price` for that side."""
        return round_to_tick(price, self._desk.instrument(symbol).tick_size, side=side)

    def _place(
        self,
        side: Side,
        symbol: str,
        quantity: int,
        price: Rupees | None,
        trigger_price: Rupees | None,
        product: str,
    ) -> OrderHandle:
        instrument = self._desk.instrument(symbol)
        return self._desk.place(
            OrderTicket(instrument, side, quantity, _rupees(price), _rupees(trigger_price), Product(product))
        )


def _rupees(value: Rupees | None) -> Decimal | None:
    if isinstance(value, float):
        raise OrderArgumentError(f"price: {value!r} is a float; prices are Decimal rupees (or a string, an int)")
    return None if value is None else Decimal(value)
