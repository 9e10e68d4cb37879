"""The order desk: carries accepted messages to the exchange and back.

A message is acted upon after a seeded time of real latency, a placement in two steps (broker, exchange), messages for
one order in the order in which they came. What comes outside hours waits at the broker until the market opens.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sandbox.errors import RefusedError
from sandbox.exchange import Exchange, would_trigger
from sandbox.exchange_rules import beyond_price_protection, off_the_rules
from sandbox.faults.names import FaultName
from sandbox.faults.register import Faults
from sandbox.latency import Latency
from sandbox.ledger import Entry
from sandbox.market import Quote
from sandbox.matching import Execution, FillReason
from sandbox.order_book import OrderBook
from sandbox.order_entry import PRICE_PROTECTION, NewOrder
from sandbox.orders import Order, OrderEvent, OrderState, Origin, PendingChange, advance
from sandbox.phases import Phase
from sandbox.risk import rejection
from sandbox.trading_hours import TradingHours
from sandbox.universe import Instrument, InstrumentKey, Universe

MARKET_CLOSED_TEXT = "The market is closed"
_NO_STOPS_TEXT = "Stop loss orders are not allowed in this session"
_STEPS_TO_ARRIVE = {OrderState.VALIDATION_PENDING: 2, OrderState.AFTER_MARKET_SENT: 2, OrderState.OPEN_PENDING: 1}


class OrderDesk:
    """Moves orders of one book. Synchronous: the caller brings time (`run_due`) and prices (`on_quote`)."""

    def __init__(
        self,
        book: OrderBook,
        universe: Universe,
        hours: TradingHours,
        quote_of: Callable[[InstrumentKey], Quote | None],
        faults: Faults,
        latency: Latency,
        seed: int,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._book = book
        self._universe = universe
        self._hours = hours
        self._quote_of = quote_of
        self._faults = faults
        self._latency = latency
        self._monotonic_ns = monotonic_ns
        self._rng = random.Random(f"{seed}:latency")
        self.exchange = Exchange()
        self._steps: list[tuple[int, int, str]] = []
        self._step_number = 0
        self._last_due: dict[str, int] = {}
        self._late_fills: set[str] = set()

    def place(self, new: NewOrder, origin: Origin = Origin.API) -> Order:
        """Accept a placement; the exchange hears of it later. Raises RefusedError for a price outside its protection range."""
        self._check_protection(new.instrument, new.price, new.trigger_price, new)
        if self._hours.phase(new.instrument) is Phase.CLOSED:
            return self._book.open(new, origin, after_hours=True)
        order = self._book.open(new, origin)
        self._schedule(order.order_id, 2)
        return order

    def place_at_once(self, new: NewOrder, origin: Origin) -> Order:
        """The broker's own order: it is at the exchange before anything else happens."""
        order = self._book.open(new, origin)
        self._arrive(self._book.record(order, OrderEvent.SENT_TO_EXCHANGE), new.instrument)
        return order

    def request_modify(self, order: Order, change: PendingChange) -> None:
        """Accept a modification; it may still be refused by the exchange. Raises RefusedError as `place` does."""
        instrument = self._universe.find(*order.key)
        if instrument is not None:
            self._check_protection(instrument, change.price, change.trigger_price, order)
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
            if order is not None:
                self._step(order)

    def on_quote(self, quote: Quote) -> None:
        """A new print of continuous trading: stops may trigger, working orders may trade."""
        triggered, executions = self.exchange.on_print(quote)
        self.book_fills(executions)
        for order_id in triggered:
            self._trigger(order_id, quote, f"last price {quote.ltp / 100:.2f}")

    def send_after_hours(self, order: Order) -> None:
        """The market opens: an order that waited at the broker goes on its way."""
        self._book.record(order, OrderEvent.AFTER_HOURS_SENT)
        self._schedule(order.order_id, 2)

    def end(self, order: Order, event: OrderEvent, text: str) -> None:
        """The broker or the exchange takes an order out of itself."""
        self.exchange.remove(order)
        self._book.record(order, event, text, text=text)

    def recover(self, orders: Iterable[Order], entries: Iterable[Entry]) -> None:
        """Start from an earlier run: books, working orders, and messages that were under way."""
        self._book.recover(orders, entries)
        for order in self._book.live():
            if order.state is OrderState.OPEN:
                self.exchange.work(order, None)
            elif order.state is OrderState.TRIGGER_PENDING:
                self.exchange.arm(order)
            steps = _STEPS_TO_ARRIVE.get(order.state, 0) + len(order.pending)
            if steps:
                self._schedule(order.order_id, steps)

    def book_fills(self, executions: Iterable[Execution]) -> None:
        """Book what the exchange has done, and what a fault adds to it."""
        for execution in executions:
            order = self._book.fill(execution)
            if order.state is OrderState.COMPLETE and self._faults.take(FaultName.OVERFILL, ":".join(order.key)):
                self._book.fill(replace(execution, reason=FillReason.FAULT))

    def _schedule(self, order_id: str, steps: int, at_least_ns: int = 0) -> None:
        total_ns = self._latency.draw_ns(self._rng) + at_least_ns
        begin = max(self._monotonic_ns(), self._last_due.get(order_id, 0))
        for n in range(1, steps + 1):
            self._step_number += 1
            due = begin + total_ns * n // steps
            heapq.heappush(self._steps, (due, self._step_number, order_id))
            self._last_due[order_id] = due

    def _step(self, order: Order) -> None:
        instrument = self._universe.find(*order.key)
        if order.order_id in self._late_fills:
            self._fill_late(order)
        elif order.state in (OrderState.VALIDATION_PENDING, OrderState.AFTER_MARKET_SENT):
            self._book.record(order, OrderEvent.SENT_TO_EXCHANGE)
        elif instrument is None and not order.state.is_terminal:
            self.end(order, OrderEvent.EXPIRED, f"{order.symbol} is no longer listed")
        elif instrument is None:
            return
        elif order.state is OrderState.OPEN_PENDING:
            self._arrive(order, instrument)
        elif order.pending and not order.state.is_terminal:
            change, rest = order.pending[0], order.pending[1:]
            if change.kind == "cancel":
                self._cancel(order)
            else:
                self._modify(replace(order, pending=rest), change, instrument)

    def _arrive(self, order: Order, instrument: Instrument) -> None:
        if reason := self._refused_on_arrival(order, instrument):
            self._book.record(order, OrderEvent.REJECTED, reason, text=reason)
            return
        event = OrderEvent.ARMED if order.is_stop else OrderEvent.ACCEPTED
        exchange_id = f"11{order.order_id[2:]}0"
        arrived = self._book.record(order, event, exchange_ms=self._book.now_ms(), exchange_order_id=exchange_id)
        if arrived.is_stop:
            self._arm(arrived, instrument)
        else:
            self._work(arrived, instrument)

    def _work(self, order: Order, instrument: Instrument) -> None:
        quote = self._quote_of(order.key)
        if self._hours.phase(instrument) is Phase.POST_CLOSE and quote is not None:
            self.book_fills(self.exchange.trade_at_close(order, quote.ltp, max(quote.bid_size, quote.ask_size)))
        else:
            self.book_fills(self.exchange.work(order, quote if self._trades_now(instrument) else None))

    def _refused_on_arrival(self, order: Order, instrument: Instrument) -> str | None:
        place = ":".join(order.key)
        if self._faults.take(FaultName.ASYNC_REJECT, place):
            return "RMS:Rule: a fault was asked for (async_reject)"
        if self._faults.take(FaultName.MARGIN_REJECT, place):
            return "RMS:Margin Exceeds,Required:0.01, Available:0.00 for entity account (margin_reject)"
        phase = self._hours.phase(instrument)
        if phase is Phase.CLOSED:
            return MARKET_CLOSED_TEXT
        if order.is_stop and phase in (Phase.CLOSING_AUCTION, Phase.POST_CLOSE):
            return _NO_STOPS_TEXT
        return self._rejection(order, order, instrument)

    def _arm(self, order: Order, instrument: Instrument) -> None:
        self.exchange.arm(order)
        quote = self._quote_of(order.key)
        if quote is not None and self._trades_now(instrument) and would_trigger(order, quote):
            self._trigger(order.order_id, quote, "trigger price already reached")

    def _trigger(self, order_id: str, quote: Quote, reason: str) -> None:
        order = self._book.get(order_id)
        if order is None or order.state is not OrderState.TRIGGER_PENDING:
            return
        self.exchange.remove(order)
        opened = self._book.record(order, OrderEvent.TRIGGERED, reason)
        self.book_fills(self.exchange.work(opened, quote))

    def _cancel(self, order: Order) -> None:
        if order.state is OrderState.AFTER_MARKET:
            self._book.record(order, OrderEvent.AFTER_HOURS_CANCELLED, "asked by the client")
            return
        self.exchange.remove(order)
        self._book.record(order, OrderEvent.CANCELLED, "asked by the client")
        fault = self._faults.take(FaultName.LATE_FILL_AFTER_CANCEL, ":".join(order.key))
        if fault is not None:
            self._late_fills.add(order.order_id)
            self._schedule(order.order_id, 1, int(fault.delay_seconds * 1e9))

    def _fill_late(self, order: Order) -> None:
        self._late_fills.discard(order.order_id)
        left = order.quantity - order.filled
        if left:
            self._book.fill(Execution(order.order_id, left, order.price, FillReason.FAULT))

    def _modify(self, order: Order, change: PendingChange, instrument: Instrument) -> None:
        wanted: dict[str, Any] = {
            "order_type": change.order_type,
            "price": change.price,
            "trigger_price": change.trigger_price,
            "quantity": change.quantity,
            "text": "",
        }
        if order.state is OrderState.AFTER_MARKET:
            self._book.record(order, OrderEvent.AFTER_HOURS_MODIFIED, **wanted)
            return
        candidate = advance(order, OrderEvent.MODIFIED, order.updated_ms, **wanted)
        reason = self._rejection(candidate, order, instrument)
        if change.quantity <= order.filled:
            reason = f"Quantity {change.quantity} is not above the {order.filled} already traded"
        if reason:
            self._book.record(order, OrderEvent.MODIFY_REFUSED, reason, text=reason)
            return
        self._rework(self._book.record(order, OrderEvent.MODIFIED, **wanted), instrument)

    def _rework(self, order: Order, instrument: Instrument) -> None:
        quote = self._quote_of(order.key) if self._trades_now(instrument) else None
        if order.state is OrderState.OPEN:
            self.book_fills(self.exchange.change(order, quote))
            return
        self.exchange.remove(order)
        if order.is_stop:
            self._arm(order, instrument)
        else:
            opened = self._book.record(order, OrderEvent.TRIGGERED, "modified to LIMIT")
            self.book_fills(self.exchange.work(opened, quote))

    def _rejection(self, order: Order, before: Order, instrument: Instrument) -> str | None:
        return off_the_rules(instrument, order, self._quote_of(order.key)) or rejection(
            order, before, instrument, self._book.account(), self._hours.intraday_over(instrument)
        )

    def _trades_now(self, instrument: Instrument) -> bool:
        return self._hours.trades_now(instrument, self._book.now_ms())

    def _check_protection(self, instrument: Instrument, price: int, trigger: int, order: NewOrder | Order) -> None:
        quote = self._quote_of(instrument.key)
        if quote is not None and (text := beyond_price_protection(instrument, price, trigger, order.side, quote.ltp)):
            raise RefusedError(PRICE_PROTECTION, text)
