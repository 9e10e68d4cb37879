"""What the OMS knows, as immutable records. They are written to PostgreSQL as they are here: fields are columns.

Money is `Decimal` rupees. `created_at` and `updated_at` are real time; `submitted_at` and `traded_at` are market time
(the broker's day is told by them).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine_server.oms.domain.states import OrderState

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """One intent and how far it got: a row of `orders`."""

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
    """One line of an account's log: the order as it was right after, and the trade where the event was a fill."""

    account_id: str
    sequence: int
    config_id: str | None
    config_sequence: int | None
    kind: str
    order: OrderRecord
    trade: TradeRecord | None = None
