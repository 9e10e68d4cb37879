"""What of an order's life its owner is told (outbox topics = notification types), and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine_server.oms.domain.states import OrderState
from engine_server.oms.events import EventKind
from engine_server.oms.records import OrderRecord, TradeRecord
from tradewinds.money import in_rupees

_TYPES: Final[Mapping[EventKind, str]] = {
    EventKind.DENIED: "ORDER_DENIED",
    EventKind.REJECTED: "ORDER_REJECTED",
    EventKind.NOT_SENT: "ORDER_NOT_PLACED",
    EventKind.NOT_FOUND: "ORDER_NOT_PLACED",
    EventKind.HANDED_BACK: "ORDER_NOT_PLACED",
    EventKind.STILL_UNKNOWN: "ORDER_UNKNOWN",
    EventKind.RESURFACED: "ORDER_UNKNOWN",
    EventKind.OVERFILLED: "ORDER_OVERFILLED",
    EventKind.WITHDRAWN: "ORDER_CANCELLED",
    EventKind.DAY_ENDED: "ORDER_CANCELLED",
}
_STATE_TYPES: Final[Mapping[OrderState, str]] = {
    OrderState.REJECTED: "ORDER_REJECTED",
    OrderState.CANCELLED: "ORDER_CANCELLED",
    OrderState.FILLED: "ORDER_EXECUTED",
}


@dataclass(frozen=True)
class Notice:
    """One event for the notifier."""

    type: str
    title: str
    message: str
    dedupe_key: str

    def payload(self, order: OrderRecord) -> dict[str, Any]:
        """The outbox payload."""
        return {
            "user_id": order.user_id,
            "type": self.type,
            "title": self.title,
            "message": self.message,
            "data": {
                "order_id": order.order_id,
                "account_id": order.account_id,
                "config_id": order.config_id or "",
                "instrument": order.instrument,
                "state": order.state,
                "filled_quantity": order.filled_quantity,
                "reason": order.reason,
            },
        }


def notice_of(kind: EventKind, order: OrderRecord, trade: TradeRecord | None) -> Notice | None:
    """What to tell of an event; None for what is only flow."""
    type_ = _type_of(kind, order, trade)
    if type_ is None:
        return None
    return Notice(
        type_,
        _title(type_, order),
        _message(kind, order, trade),
        f"{order.order_id}:{kind}:{order.state}:{order.filled_quantity}",
    )


def _type_of(kind: EventKind, order: OrderRecord, trade: TradeRecord | None) -> str | None:
    if order.origin == "BOOKING":
        return None
    if kind in _TYPES:
        return _TYPES[kind]
    if trade is not None:
        return _STATE_TYPES.get(order.state, "ORDER_PARTIALLY_FILLED")
    return _STATE_TYPES.get(order.state) if kind is EventKind.REPORTED else None


def _title(type_: str, order: OrderRecord) -> str:
    what = "fate unknown" if type_ == "ORDER_UNKNOWN" else type_.removeprefix("ORDER_").replace("_", " ").lower()
    where = " (not placed here)" if order.origin == "EXTERNAL" else ""
    return f"{order.side} {order.quantity} {order.instrument}: {what}{where}"


def _message(kind: EventKind, order: OrderRecord, trade: TradeRecord | None) -> str:
    parts = []
    if trade is not None:
        verb = "bought" if trade.side == "BUY" else "sold"
        parts.append(
            f"{verb} {trade.quantity} at {in_rupees(trade.price)}, {order.filled_quantity} of {order.quantity} in all"
        )
    if kind is EventKind.LATE_FILL:
        parts.append("the fill came after the order had ended")
    if kind is EventKind.OVERFILLED:
        parts.append("MORE THAN ORDERED: check the account with the broker")
    if order.message:
        parts.append(order.message)
    return "; ".join(parts) or f"the order is {order.state.replace('_', ' ').lower()}"
