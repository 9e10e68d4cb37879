"""A strategy's orders: the handle it holds, and the reports that move it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the engine says it is. Prices are decimal strings in rupees, empty where there is none."""

    order_id: str
    request_id: str
    instrument: str
    side: Side
    quantity: int
    filled_quantity: int
    order_type: OrderType
    product: Product
    price: str
    trigger_price: str
    average_price: str
    state: OrderState
    reason: str
    message: str
    cancel_requested: bool
    modify_requested: bool = False
    origin: str = ""  # CALLER, GUARD, EXTERNAL, BOOKING; empty is CALLER


class FillReport(msgspec.Struct, frozen=True, kw_only=True):
    """One fill; `traded_ms` is market time in epoch milliseconds."""

    trade_id: str
    quantity: int
    price: str
    traded_ms: int


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An order after one event, under the strategy's own sequence (from 1, without gaps)."""

    sequence: int
    order: OrderReport
    fill: FillReport | None = None


@dataclass(eq=False, slots=True)
class OrderHandle:
    """An order that the strategy placed. It changes by itself; `on_order` is called after each change."""

    request_id: str
    instrument: str
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    price: Decimal | None
    trigger_price: Decimal | None
    id: str = ""  # the engine's order id, empty until it has answered
    state: OrderState = OrderState.PENDING_SUBMIT
    filled: int = 0
    average_price: Decimal | None = None
    reason: str = ""
    message: str = ""
    cancel_requested: bool = False
    modify_requested: bool = False
    has_event: bool = False  # whether the engine's event log has told of it
    origin: str = ""

    @property
    def is_guards(self) -> bool:
        """A guard's own exit: the engine keeps it, and takes it back for whatever else closes the position."""
        return self.origin == "GUARD"

    @property
    def is_working(self) -> bool:
        """It may still fill."""
        return not self.state.is_final

    @property
    def remaining(self) -> int:
        """Units that may still fill."""
        return self.quantity - self.filled if self.is_working else 0

    def take(self, report: OrderReport) -> None:
        """Become what the engine reports."""
        self.id = report.order_id
        self.state = report.state
        self.quantity = report.quantity
        self.filled = report.filled_quantity
        self.price = _rupees(report.price) or self.price
        self.trigger_price = _rupees(report.trigger_price) or self.trigger_price
        self.average_price = _rupees(report.average_price)
        self.reason = report.reason
        self.message = report.message
        self.cancel_requested = report.cancel_requested
        self.modify_requested = report.modify_requested
        self.has_event = True

    def report(self) -> OrderReport:
        """The same as a report, for the checkpoint."""
        return OrderReport(
            order_id=self.id,
            request_id=self.request_id,
            instrument=self.instrument,
            side=self.side,
            quantity=self.quantity,
            filled_quantity=self.filled,
            order_type=self.order_type,
            product=self.product,
            price=_text(self.price),
            trigger_price=_text(self.trigger_price),
            average_price=_text(self.average_price),
            state=self.state,
            reason=self.reason,
            message=self.message,
            cancel_requested=self.cancel_requested,
            modify_requested=self.modify_requested,
            origin=self.origin,
        )


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of one of the strategy's orders."""

    trade_id: str
    order: OrderHandle
    instrument: str
    side: Side
    quantity: int
    price: Decimal
    traded_at: datetime  # market time, IST


def adopt(report: OrderReport) -> OrderHandle:
    """The handle of an order that an earlier process of this strategy placed."""
    handle = OrderHandle(
        request_id=report.request_id,
        instrument=report.instrument,
        side=report.side,
        quantity=report.quantity,
        order_type=report.order_type,
        product=report.product,
        price=_rupees(report.price),
        trigger_price=_rupees(report.trigger_price),
        origin=report.origin,
    )
    handle.take(report)
    return handle


def _rupees(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
