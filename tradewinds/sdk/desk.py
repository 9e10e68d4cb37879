"""A strategy's desk: what it knows, and the way its orders and messages leave. The base class's verbs end here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tradewinds.clock import IST
from tradewinds.instruments import Instrument, resolve
from tradewinds.sdk.bars import BarShelf
from tradewinds.sdk.checkpoint import Checkpoint
from tradewinds.sdk.commands import (
    CancelOrder,
    ChangeSubscription,
    Command,
    ModifyOrder,
    Notify,
    PlaceOrder,
    ProtectPosition,
    RecordMetric,
)
from tradewinds.sdk.errors import OrderArgumentError
from tradewinds.sdk.guards import check_levels
from tradewinds.sdk.market import Tick
from tradewinds.sdk.order_book import OrderBook
from tradewinds.sdk.orders import OrderHandle
from tradewinds.sdk.phases import PhaseBook
from tradewinds.sdk.positions import Position, PositionBook
from tradewinds.sdk.request_ids import RequestIds
from tradewinds.sdk.selecting import Selecting
from tradewinds.sdk.timers import Timers
from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side, StopReason

_LONGEST_NAME = 100
_LONGEST_REASON = 500


@dataclass(frozen=True)
class OrderTicket:
    """The arguments of `buy` and `sell`, checked; `order_type` follows from which prices are given."""

    instrument: Instrument
    side: Side
    quantity: int
    price: Decimal | None
    trigger_price: Decimal | None
    product: Product
    reason: str = ""  # why, for the audit

    def __post_init__(self) -> None:
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int) or self.quantity <= 0:
            raise OrderArgumentError(f"quantity: must be a positive whole number of units, was {self.quantity!r}")
        for name, price in (("price", self.price), ("trigger_price", self.trigger_price)):
            if price is not None and not (price.is_finite() and price > 0):
                raise OrderArgumentError(f"{name}: must be a positive number of rupees, was {price}")
        if self.trigger_price is not None and self.price is None:
            raise OrderArgumentError("trigger_price: an SL order needs a (limit) price too")
        if len(self.reason) > _LONGEST_REASON:
            raise OrderArgumentError(
                f"reason: has {len(self.reason)} characters; at most {_LONGEST_REASON} go into the audit"
            )
        if not self.instrument.is_tradable:
            raise OrderArgumentError(f"{self.instrument.key} is an index: it can be watched, not traded")

    @property
    def order_type(self) -> OrderType:
        """SL with a trigger, LIMIT with a price, otherwise MARKET."""
        if self.trigger_price is not None:
            return OrderType.SL
        return OrderType.LIMIT if self.price is not None else OrderType.MARKET


class Desk:
    """Everything behind one strategy's `self`. `send` takes each command at once; `now_ms` is market time."""

    def __init__(
        self,
        *,
        request_ids: RequestIds,
        instruments: Iterable[Instrument],
        now_ms: Callable[[], int],
        send: Callable[[Command], None],
        checkpoint: Checkpoint,
    ) -> None:
        self.request_ids = request_ids
        self.instruments = {instrument.key: instrument for instrument in instruments}
        self.quotes: dict[str, Tick] = {}
        self.positions = PositionBook(checkpoint.positions)
        self.orders = OrderBook(checkpoint.working_orders)
        self.state: dict[str, Any] = dict(checkpoint.state)
        self.timers = Timers(checkpoint.daily_due)
        self.bars = BarShelf()
        self.phases = PhaseBook()
        self.selecting = Selecting(
            checkpoint.selections, send=send, is_open=self._is_open, today=lambda: f"{self.now():%Y-%m-%d}"
        )
        self.stale: frozenset[str] = frozenset()
        self.stopping: StopReason | None = None
        self._now_ms = now_ms
        self._send = send
        self._resolved: dict[str, Instrument] = {}

    def now_ms(self) -> int:
        """Market time, epoch milliseconds."""
        return self._now_ms()

    def now(self) -> datetime:
        """Market time, IST."""
        return datetime.fromtimestamp(self._now_ms() / 1000, IST)

    def instrument(self, symbol: str) -> Instrument:
        """What the strategy means by `symbol`; raises `UnknownInstrumentError` for what it does not follow."""
        found = self._resolved.get(symbol)
        if found is None:
            found = self._resolved[symbol] = resolve(symbol, self.instruments)
        return found

    def position(self, symbol: str, product: Product) -> Position:
        """What is held of an instrument; also of one that it does not follow, and that a person has booked to it."""
        if self.positions.knows(symbol):
            return self.positions.get(symbol, product)
        return self.positions.get(self.instrument(symbol).key, product)

    def place(self, ticket: OrderTicket) -> OrderHandle:
        """Send an order; the outcome comes as order events."""
        handle = OrderHandle(
            request_id=self.request_ids.next(),
            instrument=ticket.instrument.key,
            side=ticket.side,
            quantity=ticket.quantity,
            order_type=ticket.order_type,
            product=ticket.product,
            price=ticket.price,
            trigger_price=ticket.trigger_price,
        )
        if self.stopping is not None and not self.stopping.allows_orders:
            return _denied(handle, self.stopping)
        # A replayed event repeats the call: the order that it made the first time may be known already.
        known = self.orders.find(handle.request_id)
        reduces = self._reduces(handle)
        if known is None:
            self.orders.add(handle)
        self._send(
            PlaceOrder(
                request_id=handle.request_id,
                instrument=handle.instrument,
                side=handle.side,
                quantity=handle.quantity,
                order_type=handle.order_type,
                product=handle.product,
                price=_text(handle.price),
                trigger_price=_text(handle.trigger_price),
                reason=ticket.reason,
                reduces=reduces,
            )
        )
        return known or handle

    def _reduces(self, order: OrderHandle) -> bool:
        """Whether an order, with those that work already, only takes away from the position."""
        held = self.positions.get(order.instrument, order.product).net_quantity
        if held == 0 or (held > 0) is (order.side is Side.BUY):
            return False
        return order.quantity + self._exiting(order) <= abs(held)

    def _exiting(self, order: OrderHandle) -> int:
        """Units that other working orders of the same side take away."""
        same = (order.instrument, order.product, order.side)
        others = (o for o in self.orders.working() if o.request_id != order.request_id)
        return sum(o.remaining for o in others if (o.instrument, o.product, o.side) == same)

    def cancel(self, handle: OrderHandle) -> None:
        """Ask for a cancel, once; an order that has ended is left alone."""
        if not handle.is_working or handle.cancel_requested or self._refuses_orders:
            return
        handle.cancel_requested = True
        self._send(CancelOrder(request_id=handle.request_id, order_id=handle.id))

    def modify(
        self, handle: OrderHandle, quantity: int | None, price: Decimal | None, trigger_price: Decimal | None
    ) -> None:
        """Ask for a change; an order that has ended, or is being cancelled, is left alone."""
        if not handle.is_working or handle.cancel_requested or self._refuses_orders:
            return
        checked = OrderTicket(
            self.instrument(handle.instrument),
            handle.side,
            quantity if quantity is not None else handle.quantity,
            price if price is not None else handle.price,
            trigger_price if trigger_price is not None else handle.trigger_price,
            handle.product,
        )
        if checked.order_type is not handle.order_type:
            raise OrderArgumentError(f"a {handle.order_type} order cannot become a {checked.order_type} order")
        if checked.quantity <= handle.filled:
            raise OrderArgumentError(f"quantity: {handle.filled} have filled already; cancel the rest instead")
        handle.modify_requested = True
        self._send(
            ModifyOrder(
                request_id=handle.request_id,
                order_id=handle.id,
                quantity=quantity or 0,
                price=_text(price),
                trigger_price=_text(trigger_price),
            )
        )

    def protect(
        self, instrument: Instrument, product: Product, stop: Decimal, target: Decimal | None, trail: Decimal | None
    ) -> None:
        """Ask for a guard, or for other levels of the one that is there."""
        check_levels(stop, target, trail)
        if self._refuses_orders:
            return
        self._send(
            ProtectPosition(
                instrument=instrument.key,
                product=product,
                stop_price=_text(stop),
                target_price=_text(target),
                trail=_text(trail),
            )
        )

    @property
    def _refuses_orders(self) -> bool:
        return self.stopping is not None and not self.stopping.allows_orders

    def square_off(self, position: Position, reason: str) -> OrderHandle | None:
        """Cancel what would add to a position and exit the part that no working order exits already."""
        exit_side = Side.SELL if position.net_quantity > 0 else Side.BUY
        exiting = 0
        for order in self.orders.working():
            if order.is_guards or (order.instrument, order.product) != (position.instrument, position.product):
                continue
            if order.side is exit_side:
                exiting += order.remaining
            else:
                self.cancel(order)
        left = abs(position.net_quantity) - exiting
        if left <= 0:
            return None
        instrument = self.instrument(position.instrument)
        return self.place(OrderTicket(instrument, exit_side, left, None, None, position.product, reason))

    def notify(self, title: str, text: str, dedupe_key: str) -> None:
        """Tell the user."""
        if not title.strip():
            raise ValueError("notify: the title must not be empty")
        self._send(Notify(title=title, text=text, dedupe_key=dedupe_key))

    def metric(self, name: str, value: float) -> None:
        """Record a value."""
        if not name or len(name) > _LONGEST_NAME:
            raise ValueError(f"metric: the name must have 1 to {_LONGEST_NAME} characters, was {name!r}")
        if not math.isfinite(value):
            raise ValueError(f"metric {name}: {value} is not a finite number")
        self._send(RecordMetric(name=name, value=float(value), recorded_ms=self._now_ms()))

    def follow(self, symbol: str, *, follow: bool) -> None:
        """Begin or end to get ticks of an instrument."""
        self._send(ChangeSubscription(symbol=symbol, follow=follow))

    def replace_quote(self, tick: Tick) -> None:
        """The last price of an instrument."""
        self.quotes[tick.symbol] = tick

    def _is_open(self, key: str) -> bool:
        held = any(position.instrument == key for position in self.positions.open())
        return held or any(order.instrument == key for order in self.orders.working())

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Instruments that the strategy follows from now on."""
        self.instruments.update((instrument.key, instrument) for instrument in instruments)


def _denied(handle: OrderHandle, reason: StopReason) -> OrderHandle:
    handle.state = OrderState.DENIED
    handle.reason = "STOPPING"
    handle.message = f"orders are refused in on_stop({reason}): the strategy goes on elsewhere"
    return handle


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
