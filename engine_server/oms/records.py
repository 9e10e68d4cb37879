"""What the OMS knows, as immutable records. They are written to PostgreSQL as they are here: fields are columns.

Money is `Decimal` rupees. `created_at` and `updated_at` are real time; `submitted_at` and `traded_at` are market time
(the broker's day is told by them).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from engine_server.oms.domain.states import OrderState

ZERO = Decimal(0)


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at an intent and how far it got: a row of `orders`. A struct: each step of an order is a new copy of all of it, and
    every microsecond of that is in front of a commit.

    `origin` says who made it: a CALLER (strategy or person), a GUARD, somebody else at the broker (EXTERNAL), or a BOOKING that
    no broker has seen. `intent_id` is the order id of the first attempt.
    """

    order_id: str
    account_id: str
    user_id: str
    config_id: str | None
    epoch: int | None
    request_key: str
    request_id: str
    body_sha256: str
    instrument: str
    side: str
    quantity: int
    order_type: str
    product: str
    price: Decimal | None
    trigger_price: Decimal | None
    state: OrderState
    tag: str
    created_at: datetime
    updated_at: datetime
    filled_quantity: int = 0
    average_price: Decimal | None = None
    reason: str = ""
    message: str = ""
    broker_order_id: str | None = None
    unique_order_id: str | None = None
    cancel_requested: bool = False
    submitted_at: datetime | None = None
    origin: str = "CALLER"
    intent_id: str = ""
    attempt: int = 1
    is_exit: bool = False
    modify_requested: bool = False
    admitted_us: int | None = None
    released_us: int | None = None
    answered_us: int | None = None

    @property
    def remaining(self) -> int:
        """Units that may still be filled while it works."""
        return max(0, self.quantity - self.filled_quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """One fill, derived from the growth of an order's cumulative fill: a row of `trades`."""

    trade_id: str
    order_id: str
    account_id: str
    config_id: str | None
    instrument: str
    product: str
    side: str
    quantity: int
    price: Decimal
    traded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRecord:
    """A line of a book: a row of `positions`. `config_id` '' is the account's own total."""

    account_id: str
    config_id: str
    instrument: str
    product: str
    buy_quantity: int = 0
    sell_quantity: int = 0
    buy_value: Decimal = ZERO
    sell_value: Decimal = ZERO
    net_quantity: int = 0
    average_price: Decimal | None = None
    realised_pnl: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEventRecord:
    """One line of an account's log: the order as it was right after, and the trade where the event was a fill. A line about a
    hold or a guard has no order but a `note`, and no strategy's sequence; the note of an order's says from where it is known."""

    account_id: str
    sequence: int
    config_id: str | None
    config_sequence: int | None
    kind: str
    order: OrderRecord | None
    trade: TradeRecord | None = None
    note: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRecord:
    """A guard of the OMS over what is open: a row of `guards`. `order_id` is the exit that it keeps at the broker now."""

    guard_id: str
    account_id: str
    user_id: str
    config_id: str | None
    request_key: str
    body_sha256: str
    instrument: str
    product: str
    side: str
    stop_price: Decimal
    target_price: Decimal | None
    trail: Decimal | None
    state: str
    created_at: datetime
    updated_at: datetime
    order_id: str | None = None
    attempts: int = 0
    message: str = ""
