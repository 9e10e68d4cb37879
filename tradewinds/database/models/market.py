"""Market data: who wants which ticks, the scrip masters that were accepted, bars, and the calendar."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

SUBSCRIPTION_MODES = ("LTP", "QUOTE", "SNAP_QUOTE")
SEGMENTS = ("NSE_CM", "NSE_FO", "BSE_CM", "BSE_FO", "MCX", "CDS")
INSTRUMENT_CHANGES = ("ADDED", "GONE", "TOKEN", "LOT_SIZE", "TICK_SIZE", "SERIES", "SYMBOL")
BAR_SOURCES = ("STREAM", "BROKER")
STORED_BAR_INTERVALS = ("1m", "1d")


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


class FeedLease(Base):
    """Which of the feeds that share a broker's data session streams; the others stand by. Judged by database time."""

    __tablename__ = "feed_leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str]
    instance_id: Mapped[str]
    epoch: Mapped[BigInt]
    expires_at: Mapped[dt.datetime]
    updated_at: Mapped[UpdatedAt]


class ScripMasterCopy(Base):
    """A scrip master that was accepted: the last good one serves when today's cannot be fetched."""

    __tablename__ = "scrip_masters"

    version: Mapped[str] = mapped_column(primary_key=True)
    trade_day: Mapped[dt.date] = mapped_column(index=True)
    row_count: Mapped[int]
    rows_by_exchange: Mapped[dict[str, int]] = mapped_column(JSONB)
    content: Mapped[bytes]
    fetched_at: Mapped[dt.datetime]
    created_at: Mapped[CreatedAt]


class InstrumentChange(Base):
    """What one day's scrip master says differently from the one before, of instruments that somebody uses."""

    __tablename__ = "instrument_changes"
    __table_args__ = (one_of("kind", INSTRUMENT_CHANGES),)

    trade_day: Mapped[dt.date] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[str] = mapped_column(server_default=text("''"))
    after: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[CreatedAt]


class MinuteBar(Base):
    """One minute of one instrument. Prices in ten-thousandths of a rupee: bars are read by the thousand, and the feed builds
    them from integers. Partitioned by month of `started_at` (market time), so that old ones are dropped, not deleted.
    """

    __tablename__ = "minute_bars"
    __table_args__ = (
        one_of("source", BAR_SOURCES),
        {"postgresql_partition_by": "RANGE (started_at)"},
    )

    instrument: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    open_e4: Mapped[BigInt]
    high_e4: Mapped[BigInt]
    low_e4: Mapped[BigInt]
    close_e4: Mapped[BigInt]
    volume: Mapped[BigInt]
    open_interest: Mapped[BigInt] = mapped_column(server_default=text("0"))
    source: Mapped[str] = mapped_column(server_default=text("'STREAM'"))


class DayBar(Base):
    """One trading day of one instrument, as the broker's candle has it. Prices in ten-thousandths of a rupee."""

    __tablename__ = "day_bars"

    instrument: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    open_e4: Mapped[BigInt]
    high_e4: Mapped[BigInt]
    low_e4: Mapped[BigInt]
    close_e4: Mapped[BigInt]
    volume: Mapped[BigInt]
    open_interest: Mapped[BigInt] = mapped_column(server_default=text("0"))


class BarRange(Base):
    """The stretch of market time, [from, until), in which nothing is missing of an instrument's stored bars: what has no bar in
    it had no trade. It grows at both ends, and never has a hole.
    """

    __tablename__ = "bar_ranges"
    __table_args__ = (one_of("bar_interval", STORED_BAR_INTERVALS),)

    instrument: Mapped[str] = mapped_column(primary_key=True)
    bar_interval: Mapped[str] = mapped_column(primary_key=True)
    filled_from: Mapped[dt.datetime]
    filled_until: Mapped[dt.datetime]


class CalendarVersion(Base):
    """One edit of the calendar, or one seeding of it."""

    __tablename__ = "calendar_versions"

    version: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=True)
    author: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[CreatedAt]


class CalendarDay(Base):
    """The phases of one segment, day and instrument class, in one version; the highest version is in force. Every statement
    that touches the table notifies `calendar_days` once, with an empty payload.
    """

    __tablename__ = "calendar_days"
    __table_args__ = (one_of("segment", SEGMENTS),)

    segment: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    instrument_class: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    version: Mapped[BigInt] = mapped_column(ForeignKey("calendar_versions.version"), primary_key=True)
    phases: Mapped[list[list[str]]] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(server_default=text("''"))
