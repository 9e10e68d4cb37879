"""Orders and the event log of each account: what was meant, what was sent, what the broker said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradewinds.database.models.base import Base, BigInt, CreatedAt, RecordedAt, UpdatedAt, one_of

SIDES = ("BUY", "SELL")
ORDER_TYPES = ("LIMIT", "SL", "MARKET")
PRODUCTS = ("MIS", "NRML", "CNC")
TERMINAL_ORDER_STATES = ("FILLED", "CANCELLED", "REJECTED", "EXPIRED", "NOT_PLACED", "DENIED")
WORKING_ORDER_STATES = ("PENDING_SUBMIT", "SUBMITTING", "UNKNOWN", "OPEN", "PARTIALLY_FILLED")
ORDER_STATES = WORKING_ORDER_STATES + TERMINAL_ORDER_STATES

ORDER_ORIGINS = ("CALLER", "GUARD", "EXTERNAL", "BOOKING")

_IS_WORKING = text(f"state NOT IN ({', '.join(repr(state) for state in TERMINAL_ORDER_STATES)})")


class Order(Base):
    """One attempt at an intent. `tag` is what the broker carries back; `request_key` makes a repeated request the
    same order. `body_sha256` is lower-case hex. `admitted_us`, `released_us` and `answered_us` are how long it took
    from the request to the committed intent, from there to the call of the broker, and from there to its answer.
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("side", SIDES),
        one_of("order_type", ORDER_TYPES),
        one_of("product", PRODUCTS),
        one_of("state", ORDER_STATES),
        one_of("origin", ORDER_ORIGINS),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        UniqueConstraint("account_id", "tag"),
        Index("ix_orders_account_id_working", "account_id", postgresql_where=_IS_WORKING),
        Index("ix_orders_account_id_created_at", "account_id", text("created_at DESC")),
        Index("ix_orders_config_id_created_at", "config_id", text("created_at DESC")),
        Index("ix_orders_intent_id", "intent_id", postgresql_where=text("attempt > 1")),
    )
    guarded_because: ClassVar[str | None] = (
        "an order is written only by its account's OMS, in statements that carry the epoch guard"
    )

    order_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"))
    user_id: Mapped[str]
    config_id: Mapped[str | None]
    epoch: Mapped[BigInt | None]
    request_key: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str]
    body_sha256: Mapped[str]
    instrument: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[int]
    filled_quantity: Mapped[int] = mapped_column(server_default=text("0"))
    order_type: Mapped[str]
    product: Mapped[str]
    price: Mapped[Decimal | None]
    trigger_price: Mapped[Decimal | None]
    average_price: Mapped[Decimal | None]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    message: Mapped[str] = mapped_column(server_default=text("''"))
    tag: Mapped[str]
    broker_order_id: Mapped[str | None]
    unique_order_id: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    submitted_at: Mapped[dt.datetime | None]
    origin: Mapped[str] = mapped_column(server_default=text("'CALLER'"))
    intent_id: Mapped[str] = mapped_column(server_default=text("''"))
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    is_exit: Mapped[bool] = mapped_column(server_default=text("false"))
    modify_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    admitted_us: Mapped[int | None]
    released_us: Mapped[int | None]
    answered_us: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    events: Mapped[list[OrderEvent]] = relationship(
        back_populates="order", order_by="OrderEvent.sequence", lazy="raise", viewonly=True
    )


class OrderEvent(Base):
    """One line of an account's log, numbered without gaps by its single writer; `config_sequence` numbers
    a strategy's own events for replay to it. Lines that are about no order (a hold, a guard) have no `order_id`.
    """

    __tablename__ = "order_events"
    __table_args__ = (
        one_of("state", ORDER_STATES),
        Index(
            "uq_order_events_config_id_config_sequence",
            "config_id",
            "config_sequence",
            unique=True,
            postgresql_where=text("config_id IS NOT NULL"),
        ),
        Index(None, "order_id", "sequence"),
    )
    guarded_because: ClassVar[str | None] = (
        "the event log is numbered and appended by the statement that changes the order"
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.order_id"))
    config_id: Mapped[str | None]
    config_sequence: Mapped[BigInt | None]
    kind: Mapped[str]
    state: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    recorded_at: Mapped[RecordedAt]

    order: Mapped[Order | None] = relationship(back_populates="events", lazy="raise", viewonly=True)
