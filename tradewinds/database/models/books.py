"""What the fills add up to: trades, and positions per account and per strategy book."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, RecordedAt, UpdatedAt, one_of
from tradewinds.database.models.orders import PRODUCTS, SIDES


class Trade(Base):
    """One fill. `traded_at` is the broker's time."""

    __tablename__ = "trades"
    __table_args__ = (
        one_of("side", SIDES),
        one_of("product", PRODUCTS),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        Index("ix_trades_account_id_traded_at", "account_id", text("traded_at DESC")),
        Index("ix_trades_config_id_traded_at", "config_id", text("traded_at DESC")),
    )

    trade_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), index=True)
    account_id: Mapped[str]
    config_id: Mapped[str | None]
    instrument: Mapped[str]
    product: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[int]
    price: Mapped[Decimal]
    traded_at: Mapped[dt.datetime]
    recorded_at: Mapped[RecordedAt]


class Position(Base):
    """A book's line. `config_id` '' is the account's own total, anything else a strategy's book."""

    __tablename__ = "positions"
    __table_args__ = (one_of("product", PRODUCTS),)

    account_id: Mapped[str] = mapped_column(primary_key=True)
    config_id: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    instrument: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[str] = mapped_column(primary_key=True)
    buy_quantity: Mapped[BigInt] = mapped_column(server_default=text("0"))
    sell_quantity: Mapped[BigInt] = mapped_column(server_default=text("0"))
    buy_value: Mapped[Decimal] = mapped_column(server_default=text("0"))
    sell_value: Mapped[Decimal] = mapped_column(server_default=text("0"))
    net_quantity: Mapped[BigInt] = mapped_column(server_default=text("0"))
    average_price: Mapped[Decimal | None]
    realised_pnl: Mapped[Decimal] = mapped_column(server_default=text("0"))
    updated_at: Mapped[UpdatedAt]
