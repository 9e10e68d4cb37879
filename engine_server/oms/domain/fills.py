"""From cumulative fills to trades.

The broker tells how much of an order is filled and at which average, never the single fills. A trade is the growth since
the last report; its id follows from the order and the watermark, so that the same growth is the same trade whoever books
it. Prices are derived from the value that is booked already, not from the last average: so the rounding of averages (four
decimals) does not add up over an order's trades.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from engine_server.oms.records import ZERO, OrderRecord, TradeRecord

_QUANTUM = Decimal("0.0001")


def next_trade(
    order: OrderRecord, booked_value: Decimal, cumulative: int, average: Decimal, traded_at: datetime
) -> TradeRecord | None:
    """The trade between `order.filled_quantity` (worth `booked_value`) and `cumulative` filled at `average`; None when
    nothing grew."""
    quantity = cumulative - order.filled_quantity
    if quantity <= 0:
        return None
    return TradeRecord(
        trade_id=f"{order.order_id}-{cumulative}",
        order_id=order.order_id,
        account_id=order.account_id,
        config_id=order.config_id,
        instrument=order.instrument,
        product=order.product,
        side=order.side,
        quantity=quantity,
        price=_price(order, booked_value, cumulative, average, quantity),
        traded_at=traded_at,
    )


def average_price(value: Decimal, quantity: int) -> Decimal | None:
    """Value per unit to four decimals; None for nothing."""
    return (value / quantity).quantize(_QUANTUM, ROUND_HALF_EVEN) if quantity else None


def _price(order: OrderRecord, booked_value: Decimal, cumulative: int, average: Decimal, quantity: int) -> Decimal:
    if average <= ZERO:
        # A report that says how much and not at what price: the order's own limit is the worst it can be.
        return order.price or ZERO
    price = ((average * cumulative - booked_value) / quantity).quantize(_QUANTUM, ROUND_HALF_EVEN)
    # A coarsely rounded average over a large fill can leave nonsense for a small rest.
    return price if price > ZERO else average.quantize(_QUANTUM, ROUND_HALF_EVEN)
