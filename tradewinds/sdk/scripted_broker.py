"""The test harness's engine and exchange in one: idempotent orders, an event log, fills as the test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from tradewinds.sdk.commands import ModifyOrder, PlaceOrder, ProtectPosition
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import FillReport, OrderEvent, OrderReport
from tradewinds.sdk.vocabulary import OrderState, OrderType, Side


class ScriptedBroker:
    """Keeps orders by request id: the same id never makes a second order, another body under it is a test's failure."""

    def __init__(self, now_ms: Callable[[], int], *, fills_marketable: bool) -> None:
        self._now_ms = now_ms
        self._fills_marketable = fills_marketable
        self._placed: dict[str, PlaceOrder] = {}
        self._orders: dict[str, OrderReport] = {}
        self._quotes: dict[str, Tick] = {}
        self._log: list[OrderEvent] = []
        self._undelivered: deque[OrderEvent] = deque()

    def placed(self) -> list[PlaceOrder]:
        """Every order, once each, in order."""
        return list(self._placed.values())

    def working(self) -> list[OrderReport]:
        """The orders that may still fill."""
        return [order for order in self._orders.values() if not order.state.is_final]

    def events_after(self, sequence: int) -> list[OrderEvent]:
        """The log after a sequence."""
        return [event for event in self._log if event.sequence > sequence]

    def next_event(self) -> OrderEvent | None:
        """The next event that has not been delivered."""
        return self._undelivered.popleft() if self._undelivered else None

    def take_tick(self, tick: Tick) -> None:
        """A new price; fills what it crosses, where that is wanted."""
        self._quotes[tick.symbol] = tick
        for order in self.working():
            if order.instrument == tick.symbol:
                self._match(order)

    def place(self, command: PlaceOrder) -> None:
        """Take an order; a repeated request changes nothing."""
        first = self._placed.setdefault(command.request_id, command)
        if first is not command:
            if first != msgspec.structs.replace(command, reduces=first.reduces):
                raise AssertionError(f"request {command.request_id} was repeated with another body: {first} {command}")
            return
        self._report(
            OrderReport(
                order_id=f"order-{len(self._placed)}",
                request_id=command.request_id,
                instrument=command.instrument,
                side=command.side,
                quantity=command.quantity,
                filled_quantity=0,
                order_type=command.order_type,
                product=command.product,
                price=command.price,
                trigger_price=command.trigger_price,
                average_price="",
                state=OrderState.OPEN,
                reason="",
                message="",
                cancel_requested=False,
            )
        )
        self._match(self._orders[command.request_id])

    def open_guard(self, guard: ProtectPosition, net_quantity: int) -> None:
        """What the engine keeps at the exchange for a guard of so much; a second call changes nothing."""
        request_id = f"guard-{guard.instrument}-{guard.product}"
        if net_quantity == 0 or request_id in self._orders:
            return
        self._report(
            OrderReport(
                order_id=request_id,
                request_id=request_id,
                instrument=guard.instrument,
                side=Side.SELL if net_quantity > 0 else Side.BUY,
                quantity=abs(net_quantity),
                filled_quantity=0,
                order_type=OrderType.SL,
                product=guard.product,
                price=guard.stop_price,
                trigger_price=guard.stop_price,
                average_price="",
                state=OrderState.OPEN,
                reason="",
                message="",
                cancel_requested=False,
                origin="GUARD",
            )
        )

    def cancel(self, request_id: str) -> None:
        """Cancel a working order."""
        if request_id in self._orders and not self._orders[request_id].state.is_final:
            self.end(request_id, OrderState.CANCELLED)

    def modify(self, command: ModifyOrder) -> None:
        """Change a working order; it may cross the last quote then."""
        order = self._orders.get(command.request_id)
        if order is None or order.state.is_final:
            return
        self._report(
            msgspec.structs.replace(
                order,
                quantity=command.quantity or order.quantity,
                price=command.price or order.price,
                trigger_price=command.trigger_price or order.trigger_price,
            )
        )
        self._match(self._orders[command.request_id])

    def end(self, request_id: str, state: OrderState, reason: str = "", message: str = "") -> None:
        """End an order in a final state."""
        self._report(msgspec.structs.replace(self._orders[request_id], state=state, reason=reason, message=message))

    def fill(self, request_id: str, quantity: int | None = None, price: Decimal | None = None) -> None:
        """Fill an order, whole and at its own price unless said otherwise."""
        order = self._orders[request_id]
        left = order.quantity - order.filled_quantity
        units = left if quantity is None else quantity
        if not 0 < units <= left:
            raise AssertionError(f"{request_id}: {units} cannot fill, {left} are left")
        paid = price if price is not None else Decimal(order.price or self._quotes[order.instrument].last_price)
        filled = order.filled_quantity + units
        before = Decimal(order.average_price or 0) * order.filled_quantity
        self._report(
            msgspec.structs.replace(
                order,
                filled_quantity=filled,
                average_price=str((before + paid * units) / filled),
                state=OrderState.FILLED if filled == order.quantity else OrderState.PARTIALLY_FILLED,
            ),
            FillReport(
                trade_id=f"{order.order_id}-{filled}", quantity=units, price=str(paid), traded_ms=self._now_ms()
            ),
        )

    def _match(self, order: OrderReport) -> None:
        quote = self._quotes.get(order.instrument)
        if not self._fills_marketable or quote is None or order.order_type is OrderType.SL:
            return
        touch = quote.ask if order.side is Side.BUY else quote.bid
        if touch is None:
            return
        limit = Decimal(order.price) if order.price else touch
        if limit >= touch if order.side is Side.BUY else limit <= touch:
            self.fill(order.request_id, price=touch)

    def _report(self, order: OrderReport, fill: FillReport | None = None) -> None:
        self._orders[order.request_id] = order
        event = OrderEvent(sequence=len(self._log) + 1, order=order, fill=fill)
        self._log.append(event)
        self._undelivered.append(event)
