"""The order desk: carries accepted messages to the exchange and back.

A message is acted upon after a seeded 20-80 ms of real time, a placement in two steps (broker, exchange), messages for
one order in the order in which they came.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sandbox.clock import ist_day
from sandbox.exchange import Exchange, would_trigger
from sandbox.market import Quote
from sandbox.matching import Execution
from sandbox.order_book import OrderBook
from sandbox.order_entry import NewOrder
from sandbox.orders import Order, OrderEvent, OrderState, PendingChange, advance
from sandbox.positions import Fill
from sandbox.risk import rejection
from sandbox.universe import InstrumentKey, Universe

LATENCY_MS = (20.0, 80.0)
EXPIRED_TEXT = "Order expired at the end of the trading day"
_STEPS_TO_ARRIVE = {OrderState.VALIDATION_PENDING: 2, OrderState.OPEN_PENDING: 1}


class OrderDesk:
    """Moves orders of one book. Synchronous: the caller brings time (`run_due`) and prices (`on_quote`)."""

    def __init__(
        self,
        book: OrderBook,
        universe: Universe,
        seed: int,
        quote_of: Callable[[InstrumentKey], Quote | None],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._book = book
        self._universe = universe
        self._quote_of = quote_of
        self._monotonic_ns = monotonic_ns
        self._rng = random.Random(f"{seed}:latency")
        self._exchange = Exchange()
        self._steps: list[tuple[int, int, str]] = []
        self._step_number = 0
        self._last_due: dict[str, int] = {}
        self._day = 0

    def place(self, new: NewOrder) -> Order:
        """Accept a placement; the exchange hears of it later."""
        order = self._book.open(new)
        self._schedule(order.order_id, 2)
        return order

    def request_modify(self, order: Order, change: PendingChange) -> None:
        """Accept a modification; it may still be refused by the exchange."""
        self._book.record(order, OrderEvent.MODIFY_REQUESTED, pending=(*order.pending, change))
        self._schedule(order.order_id, 1)

    def request_cancel(self, order: Order) -> None:
        """Accept a cancellation; the order may still trade before the exchange hears of it."""
        change = PendingChange("cancel")
        self._book.record(order, OrderEvent.CANCEL_REQUESTED, pending=(*order.pending, change))
        self._schedule(order.order_id, 1)

    def next_due_ns(self) -> int | None:
        """Monotonic instant of the next step, None when nothing is under way."""
        return self._steps[0][0] if self._steps else None

    def run_due(self) -> None:
        """Take every step whose time has come."""
        now = self._monotonic_ns()
        while self._steps and self._steps[0][0] <= now:
            due, _, order_id = heapq.heappop(self._steps)
            if self._last_due.get(order_id) == due:
                del self._last_due[order_id]
            order = self._book.get(order_id)
            if order is not None and not order.state.is_terminal:
                self._step(order)

    def on_quote(self, quote: Quote) -> None:
        """A new print: stops may trigger, working orders may trade."""
        triggered, executions = self._exchange.on_print(quote)
        self._book_fills(executions)
        for order_id in triggered:
            self._trigger(order_id, quote, f"last price {quote.ltp / 100:.2f}")

    def begin_day(self, day: int) -> None:
        """DAY orders of earlier days end, open positions are carried into `day` (as `ist_day` counts)."""
        if day <= self._day:
            return
        self._day = day
        for order in self._book.live():
            if ist_day(order.received_ms) < day:
                self._exchange.remove(order)
                self._book.record(order, OrderEvent.EXPIRED, EXPIRED_TEXT, text=EXPIRED_TEXT)
        self._book.positions.begin_day(day)

    def recover(self, orders: Iterable[Order], fills: Iterable[Fill]) -> None:
        """Start from an earlier run: books, working orders, and messages that were under way."""
        self._book.recover(orders, fills)
        for order in self._book.live():
            if order.state is OrderState.OPEN:
                self._exchange.work(order, None)
            elif order.state is OrderState.TRIGGER_PENDING:
                self._exchange.arm(order)
            steps = _STEPS_TO_ARRIVE.get(order.state, 0) + len(order.pending)
            if steps:
                self._schedule(order.order_id, steps)

    def _schedule(self, order_id: str, steps: int) -> None:
        total_ns = int(self._rng.uniform(*LATENCY_MS) * 1_000_000)
        begin = max(self._monotonic_ns(), self._last_due.get(order_id, 0))
        for n in range(1, steps + 1):
            self._step_number += 1
            due = begin + total_ns * n // steps
            heapq.heappush(self._steps, (due, self._step_number, order_id))
            self._last_due[order_id] = due

    def _step(self, order: Order) -> None:
        quote = self._quote_of(order.key)
        if order.state is OrderState.VALIDATION_PENDING:
            self._book.record(order, OrderEvent.SENT_TO_EXCHANGE)
        elif order.state is OrderState.OPEN_PENDING:
            self._arrive(order, quote)
        elif order.pending:
            change, rest = order.pending[0], order.pending[1:]
            if change.kind == "cancel":
                self._exchange.remove(order)
                self._book.record(order, OrderEvent.CANCELLED, "asked by the client")
            else:
                self._modify(replace(order, pending=rest), change, quote)

    def _arrive(self, order: Order, quote: Quote | None) -> None:
        if reason := self._rejection(order, order):
            self._book.record(order, OrderEvent.REJECTED, reason, text=reason)
            return
        event = OrderEvent.ARMED if order.is_stop else OrderEvent.ACCEPTED
        exchange_id = f"11{order.order_id[2:]}0"
        arrived = self._book.record(order, event, exchange_ms=self._book.now_ms(), exchange_order_id=exchange_id)
        if arrived.is_stop:
            self._arm(arrived, quote)
        else:
            self._book_fills(self._exchange.work(arrived, quote))

    def _arm(self, order: Order, quote: Quote | None) -> None:
        self._exchange.arm(order)
        if quote is not None and would_trigger(order, quote):
            self._trigger(order.order_id, quote, "trigger price already reached")

    def _trigger(self, order_id: str, quote: Quote, reason: str) -> None:
        order = self._book.get(order_id)
        if order is None or order.state is not OrderState.TRIGGER_PENDING:
            return
        self._exchange.remove(order)
        opened = self._book.record(order, OrderEvent.TRIGGERED, reason)
        self._book_fills(self._exchange.work(opened, quote))

    def _modify(self, order: Order, change: PendingChange, quote: Quote | None) -> None:
        wanted: dict[str, Any] = {
            "order_type": change.order_type,
            "price": change.price,
            "trigger_price": change.trigger_price,
            "quantity": change.quantity,
            "text": "",
        }
        candidate = advance(order, OrderEvent.MODIFIED, order.updated_ms, **wanted)
        reason = self._rejection(candidate, order)
        if change.quantity <= order.filled:
            reason = f"Quantity {change.quantity} is not above the {order.filled} already traded"
        if reason:
            self._book.record(order, OrderEvent.MODIFY_REFUSED, reason, text=reason)
            return
        self._rework(self._book.record(order, OrderEvent.MODIFIED, **wanted), quote)

    def _rework(self, order: Order, quote: Quote | None) -> None:
        if order.state is OrderState.OPEN:
            self._book_fills(self._exchange.change(order, quote))
            return
        self._exchange.remove(order)
        if order.is_stop:
            self._arm(order, quote)
        else:
            opened = self._book.record(order, OrderEvent.TRIGGERED, "modified to LIMIT")
            self._book_fills(self._exchange.work(opened, quote))

    def _rejection(self, order: Order, before: Order) -> str | None:
        instrument = self._universe.find(*order.key)
        if instrument is None:
            return f"{order.symbol} is no longer listed"
        book = self._book
        return rejection(order, before, instrument, book.cash, book.positions.by_key, book.exposure)

    def _book_fills(self, executions: list[Execution]) -> None:
        for execution in executions:
            self._book.fill(execution)
