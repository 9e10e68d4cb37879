"""Who wants which instrument's ticks."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, CreatedAt, one_of

SUBSCRIPTION_MODES = ("LTP", "QUOTE", "SNAP_QUOTE")


class MarketSubscription(Base):
    """One subscriber's wish for one instrument. Every statement that touches the table notifies
    `market_subscriptions` once, with an empty payload: the feed reads the whole table, a thousand rows
    are one wake-up.
    """

    __tablename__ = "market_subscriptions"
    __table_args__ = (one_of("mode", SUBSCRIPTION_MODES),)

    subscriber: Mapped[str] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True, index=True)
    mode: Mapped[str] = mapped_column(server_default=text("'SNAP_QUOTE'"))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    expires_at: Mapped[dt.datetime | None]
    created_at: Mapped[CreatedAt]
