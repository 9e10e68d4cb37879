"""What trades cost by the broker's estimate, and the profit and loss of every market day."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, UpdatedAt


class TradeCharge(Base):
    """Brokerage, fees and taxes of one trade, as the broker estimates them."""

    __tablename__ = "trade_charges"
    __table_args__ = (Index(None, "account_id", "day"),)

    trade_id: Mapped[str] = mapped_column(ForeignKey("trades.trade_id"), primary_key=True)
    account_id: Mapped[str]
    config_id: Mapped[str | None]
    day: Mapped[dt.date]
    amount: Mapped[Decimal]


class ProfitAndLoss(Base):
    """One market day of an account ('' as config_id) or of a strategy's book; the last of a day stays. `best` is the day's highest
    net result, `unpriced` how many open lines had no price.
    """

    __tablename__ = "profit_and_loss"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    config_id: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    realised: Mapped[Decimal]
    unrealised: Mapped[Decimal]
    charges: Mapped[Decimal]
    best: Mapped[Decimal]
    unpriced: Mapped[int] = mapped_column(server_default=text("0"))
    updated_at: Mapped[UpdatedAt]
