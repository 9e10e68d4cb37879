"""Orders and their life: one table of transitions, one function that applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sandbox.universe import InstrumentKey


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class OrderState(StrEnum):
    """The values are the broker's own words."""

    AFTER_MARKET = "AMO SUBMITTED"
    AFTER_MARKET_SENT = "after market order req received"
    VALIDATION_PENDING = "validation pending"
    OPEN_PENDING = "open pending"
    OPEN = "open"
    TRIGGER_PENDING = "trigger pending"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


class OrderEvent(StrEnum):
    """What happens to an order."""

    RECEIVED = "received"
    RECEIVED_AFTER_HOURS = "received_after_hours"
    AFTER_HOURS_SENT = "after_hours_sent"
    AFTER_HOURS_MODIFIED = "after_hours_modified"
    AFTER_HOURS_CANCELLED = "after_hours_cancelled"
    SENT_TO_EXCHANGE = "sent_to_exchange"
    ACCEPTED = "accepted"
    ARMED = "armed"
    TRIGGERED = "triggered"
    REJECTED = "rejected"
    MODIFY_REQUESTED = "modify_requested"
    MODIFIED = "modified"
    MODIFY_REFUSED = "modify_refused"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    FILLED_AFTER_CANCEL = "filled_after_cancel"
    OVERFILLED = "overfilled"


_TERMINAL = frozenset({OrderState.COMPLETE, OrderState.CANCELLED, OrderState.REJECTED})
_WORKING = (OrderState.OPEN, OrderState.TRIGGER_PENDING)
_AT_BROKER = (OrderState.VALIDATION_PENDING, OrderState.AFTER_MARKET_SENT)
_LIVE = (OrderState.AFTER_MARKET, *_AT_BROKER, OrderState.OPEN_PENDING, *_WORKING)
_STAYS = {state: state for state in _LIVE}

TRANSITIONS: Mapping[OrderEvent, Mapping[OrderState, OrderState]] = {
    OrderEvent.RECEIVED: {OrderState.VALIDATION_PENDING: OrderState.VALIDATION_PENDING},
    OrderEvent.RECEIVED_AFTER_HOURS: {OrderState.AFTER_MARKET: OrderState.AFTER_MARKET},
    OrderEvent.AFTER_HOURS_SENT: {OrderState.AFTER_MARKET: OrderState.AFTER_MARKET_SENT},
    OrderEvent.AFTER_HOURS_MODIFIED: {OrderState.AFTER_MARKET: OrderState.AFTER_MARKET},
    OrderEvent.AFTER_HOURS_CANCELLED: {OrderState.AFTER_MARKET: OrderState.CANCELLED},
    OrderEvent.SENT_TO_EXCHANGE: dict.fromkeys(_AT_BROKER, OrderState.OPEN_PENDING),
    OrderEvent.ACCEPTED: {OrderState.OPEN_PENDING: OrderState.OPEN},
    OrderEvent.ARMED: {OrderState.OPEN_PENDING: OrderState.TRIGGER_PENDING},
    OrderEvent.TRIGGERED: {OrderState.TRIGGER_PENDING: OrderState.OPEN},
    OrderEvent.REJECTED: {OrderState.OPEN_PENDING: OrderState.REJECTED},
    OrderEvent.MODIFY_REQUESTED: _STAYS,
    OrderEvent.MODIFIED: {state: state for state in _WORKING},
    OrderEvent.MODIFY_REFUSED: {state: state for state in _WORKING},
    OrderEvent.CANCEL_REQUESTED: _STAYS,
    OrderEvent.CANCELLED: dict.fromkeys(_WORKING, OrderState.CANCELLED),
    OrderEvent.EXPIRED: dict.fromkeys(_LIVE, OrderState.CANCELLED),
    OrderEvent.PARTLY_FILLED: {OrderState.OPEN: OrderState.OPEN},
    OrderEvent.FILLED: {OrderState.OPEN: OrderState.COMPLETE},
    OrderEvent.FILLED_AFTER_CANCEL: {OrderState.CANCELLED: OrderState.CANCELLED},
    OrderEvent.OVERFILLED: {OrderState.COMPLETE: OrderState.COMPLETE},
}


class Origin(StrEnum):
    """Who placed an order; the broker shows no such column."""

    API = "api"
    APP = "app"
    GTT = "gtt"
    RMS = "rms"


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A modify or cancel that the broker has accepted and the exchange has not acted on. Prices in paise."""

    kind: str  # "modify" or "cancel"
    order_type: str = ""
    price: int = 0
    trigger_price: int = 0
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Prices and `fill_value` (sum of price x quantity) in paise; times are market milliseconds, 0 = not yet."""

    order_id: str
    unique_order_id: str
    variety: str
    order_type: str
    product: str
    side: Side
    exchange: str
    token: str
    symbol: str
    price: int
    trigger_price: int
    quantity: int
    received_ms: int
    updated_ms: int
    duration: str = "DAY"
    disclosed_quantity: int = 0
    tag: str = ""
    lot: int = 1
    state: OrderState = OrderState.VALIDATION_PENDING
    filled: int = 0
    fill_value: int = 0
    text: str = ""
    exchange_ms: int = 0
    exchange_order_id: str = ""
    pending: tuple[PendingChange, ...] = ()
    origin: Origin = Origin.API

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def open_quantity(self) -> int:
        """What may still be filled."""
        return 0 if self.state.is_terminal else self.quantity - self.filled

    @property
    def cancelled_quantity(self) -> int:
        return self.quantity - self.filled if self.state is OrderState.CANCELLED else 0

    @property
    def is_stop(self) -> bool:
        return self.order_type == "STOPLOSS_LIMIT"

    @property
    def shown_status(self) -> str:
        """The state, or the change that is under way."""
        if self.pending and not self.state.is_terminal:
            return f"{self.pending[-1].kind} pending"
        return self.state.value

    def snapshot(self) -> dict[str, Any]:
        """As JSON for the truth log; `restored` is its inverse."""
        return asdict(self)


class IllegalTransitionError(Exception):
    """An event came to an order in a state that does not know it: a defect of the sandbox."""


def advance(order: Order, event: OrderEvent, at_ms: int, **changes: Any) -> Order:
    """The order after the event. Raises IllegalTransitionError where the table has no entry."""
    state = TRANSITIONS[event].get(order.state)
    if state is None:
        raise IllegalTransitionError(f"order {order.order_id} is {order.state.value!r} and cannot be {event.value}")
    if state.is_terminal:
        changes.setdefault("pending", ())
    return replace(order, state=state, updated_ms=at_ms, **changes)


def restored(snapshot: Mapping[str, Any]) -> Order:
    """An order from its snapshot."""
    fields = dict(snapshot)
    fields["side"] = Side(fields["side"])
    fields["state"] = OrderState(fields["state"])
    fields["origin"] = Origin(fields.get("origin", Origin.API))
    fields["pending"] = tuple(PendingChange(**change) for change in fields["pending"])
    return Order(**fields)
