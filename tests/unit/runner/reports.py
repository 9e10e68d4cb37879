"""Builders of order reports and events."""

from __future__ import annotations

from tradewinds.sdk.commands import PlaceOrder
from tradewinds.sdk.orders import OrderEvent, OrderReport
from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side


def report(request_id: str, state: OrderState = OrderState.OPEN) -> OrderReport:
    return OrderReport(
        order_id=f"order-of-{request_id}",
        request_id=request_id,
        instrument="NSE:RELIANCE-EQ",
        side=Side.BUY,
        quantity=1,
        filled_quantity=0,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        price="1400.00",
        trigger_price="",
        average_price="",
        state=state,
        reason="",
        message="",
        cancel_requested=False,
    )


def event(sequence: int, request_id: str = "r", state: OrderState = OrderState.OPEN) -> OrderEvent:
    return OrderEvent(sequence=sequence, order=report(request_id, state))


def place(request_id: str) -> PlaceOrder:
    return PlaceOrder(
        request_id=request_id,
        instrument="NSE:RELIANCE-EQ",
        side=Side.BUY,
        quantity=1,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        price="1400.00",
        trigger_price="",
    )
