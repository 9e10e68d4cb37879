"""Price alerts, what they fired, and who judges them.

Levels are integers, in ten-thousandths of a rupee or in units, as ticks have them: alerts are read by the million, straight into the
arrays that judge them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from sqlalchemy import Identity, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, RecordedAt, one_of

ALERT_MEASURES = ("PRICE", "VOLUME", "OPEN_INTEREST")
ALERT_CONDITIONS = (
    "ABOVE",
    "BELOW",
    "CROSSES_UP",
    "CROSSES_DOWN",
    "CROSSES",
    "RISES_PERCENT",
    "FALLS_PERCENT",
    "MOVES_PERCENT",
    "FALLS_FROM_HIGH",
    "RISES_FROM_LOW",
    "ENTERS_CHANNEL",
    "LEAVES_CHANNEL",
)
ALERT_REFERENCES = ("NONE", "GIVEN", "LAST_PRICE", "PREVIOUS_CLOSE")
ALERT_FREQUENCIES = ("ONCE", "EVERY_TIME", "ONCE_A_DAY", "ONCE_PER_BAR")
ALERT_STATES = ("ACTIVE", "TRIGGERED", "EXPIRED")


class PriceAlert(Base):
    """One alert. `alert_number` is its short name in memory; `generation` counts its lives, each of which fires at most once.

    `arms`, `mark`, `seen` and `not_before_ms` are what the evaluator has seen; an evaluator that takes over goes on from there.
    """

    __tablename__ = "price_alerts"
    __table_args__ = (
        one_of("measure", ALERT_MEASURES),
        one_of("condition", ALERT_CONDITIONS),
        one_of("reference", ALERT_REFERENCES),
        one_of("frequency", ALERT_FREQUENCIES),
        one_of("state", ALERT_STATES),
        Index("ix_price_alerts_user_id_created_at", "user_id", text("created_at DESC"), text("alert_id DESC")),
        Index("ix_price_alerts_active_instrument", "instrument", postgresql_where=text("state = 'ACTIVE'")),
        Index("ix_price_alerts_with_problem", "instrument", postgresql_where=text("problem <> ''")),
        Index(
            "ix_price_alerts_expires_at",
            "expires_at",
            postgresql_where=text("state = 'ACTIVE' AND expires_at IS NOT NULL"),
        ),
        # Room for what is seen, which is in no index: the new version of a row stays on its page.
        {"postgresql_with": {"fillfactor": "70"}},
    )
    guarded_because: ClassVar[str | None] = "its transitions carry their generation"

    alert_id: Mapped[str] = mapped_column(primary_key=True)
    alert_number: Mapped[BigInt] = mapped_column(Identity(always=True), unique=True)
    user_id: Mapped[str]
    instrument: Mapped[str]
    measure: Mapped[str] = mapped_column(server_default=text("'PRICE'"))
    condition: Mapped[str]
    lower: Mapped[BigInt] = mapped_column(server_default=text("-1"))
    upper: Mapped[BigInt] = mapped_column(server_default=text("-1"))
    basis_points: Mapped[int] = mapped_column(server_default=text("0"))
    distance: Mapped[BigInt] = mapped_column(server_default=text("0"))
    hysteresis: Mapped[BigInt] = mapped_column(server_default=text("0"))
    reference: Mapped[str] = mapped_column(server_default=text("'NONE'"))
    frequency: Mapped[str] = mapped_column(server_default=text("'ONCE'"))
    cooldown_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    bar_minutes: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    template_id: Mapped[str] = mapped_column(server_default=text("''"))
    expires_at: Mapped[dt.datetime | None]
    state: Mapped[str] = mapped_column(server_default=text("'ACTIVE'"))
    generation: Mapped[int] = mapped_column(server_default=text("1"))
    arms: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    mark: Mapped[BigInt] = mapped_column(server_default=text("0"))
    seen: Mapped[BigInt] = mapped_column(server_default=text("0"))
    not_before_ms: Mapped[BigInt] = mapped_column(server_default=text("0"))
    cooling_until: Mapped[dt.datetime | None]
    snoozed_until: Mapped[dt.datetime | None]
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    fire_count: Mapped[int] = mapped_column(server_default=text("0"))
    last_fired_at: Mapped[dt.datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class PriceAlertFire(Base):
    """One fire, written by the statement that made it; `told_at` is null until its notification has been handed on.

    `message_key` is the dedupe key that it is told under: its own, or that of the group in which a storm is told.
    """

    __tablename__ = "price_alert_fires"
    __table_args__ = (
        Index("uq_price_alert_fires_alert_id_generation", "alert_id", "generation", unique=True),
        Index("ix_price_alert_fires_user_id_fire_number", "user_id", text("fire_number DESC")),
        # What the storm budget counts.
        Index(
            "ix_price_alert_fires_told_alone", "user_id", text("fired_at DESC"), postgresql_where=text("NOT grouped")
        ),
        Index("ix_price_alert_fires_untold", "fire_number", postgresql_where=text("told_at IS NULL")),
    )

    fire_number: Mapped[BigInt] = mapped_column(Identity(always=True), primary_key=True)
    alert_id: Mapped[str]
    generation: Mapped[int]
    user_id: Mapped[str]
    instrument: Mapped[str]
    measure: Mapped[str]
    description: Mapped[str]
    note: Mapped[str]
    template_id: Mapped[str] = mapped_column(server_default=text("''"))
    value: Mapped[BigInt]
    previous: Mapped[BigInt]
    level: Mapped[BigInt]
    direction: Mapped[int] = mapped_column(SmallInteger)
    late: Mapped[bool]
    snapshot: Mapped[dict[str, Any]]
    grouped: Mapped[bool]
    message_key: Mapped[str | None]
    fired_at: Mapped[RecordedAt]
    told_at: Mapped[dt.datetime | None]


class PriceAlertLease(Base):
    """Who judges the alerts: one replica, until `expires_at` of the database's clock. `positions` are the stream entries up to which
    everything that was seen has been kept.
    """

    __tablename__ = "price_alert_leases"
    guarded_because: ClassVar[str | None] = "it carries an epoch"

    lease_name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    epoch: Mapped[BigInt]
    expires_at: Mapped[dt.datetime]
    positions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
