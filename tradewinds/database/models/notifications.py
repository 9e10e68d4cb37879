"""Notifications, what is sent of them outside, their settings, and the outbox of events on their way to the notifier."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

SEVERITIES = ("INFO", "WARNING", "CRITICAL")
EXTERNAL_CHANNELS = ("EMAIL", "SMS", "TELEGRAM", "WEB_PUSH", "WEBHOOK", "APPRISE")
DELIVERY_STATES = (
    "PENDING",
    "GATHERING",
    "SENDING",
    "SENT",
    "DELIVERED",
    "MERGED",
    "DEAD",
    "EXPIRED",
    "CANCELLED",
)
ESCALATION_STATES = ("ACTIVE", "ACKNOWLEDGED", "EXHAUSTED")
LAST_RESORT_STATES = ("", "NEAR", "DUE", "DONE")
_TO_BE_SENT = text("state IN ('PENDING', 'SENDING')")


class Notification(Base):
    """A persisted notification of one user. Partitioned by day of `created_at`, so that old ones are dropped, not deleted."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("severity", SEVERITIES),
        Index("ix_notifications_user_id_created_at", "user_id", text("created_at DESC")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[CreatedAt] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    type: Mapped[str]
    severity: Mapped[str]
    title: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    dedupe_key: Mapped[str | None]
    read_at: Mapped[dt.datetime | None]
    must_acknowledge: Mapped[bool] = mapped_column(server_default=text("false"))
    acknowledged_at: Mapped[dt.datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(server_default=text("''"))
    # What was decided for each channel: {"EMAIL": ["DEFER", "QUIET_HOURS", "2026-…"]}; NULL: told live, nowhere else to send.
    decisions: Mapped[dict[str, Any] | None]


class NotificationKey(Base):
    """A dedupe key of a persisted notification, which is used once per user for as long as the notification is kept."""

    __tablename__ = "notification_keys"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(primary_key=True)
    notification_id: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(index=True)


class NotificationDelivery(Base):
    """One notification on its way to one endpoint. Partitioned by day, like the notifications.

    PENDING is tried when `due_at` comes; SENDING belongs to `claim` until `due_at`, and to whoever comes then; GATHERING becomes one
    message with others of its `gather_key` when `due_at` comes; a provider may be asked about SENT then. The rest is over.
    """

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        one_of("channel", EXTERNAL_CHANNELS),
        one_of("state", DELIVERY_STATES),
        Index("ix_notification_deliveries_channel_due_at", "channel", "due_at", postgresql_where=_TO_BE_SENT),
        Index("ix_notification_deliveries_sent", "channel", "due_at", postgresql_where=text("state = 'SENT'")),
        Index(
            "ix_notification_deliveries_endpoint_id_gather_key",
            "endpoint_id",
            "gather_key",
            "due_at",
            postgresql_where=text("state = 'GATHERING'"),
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    guarded_because = "a delivery belongs to the worker that claimed it"

    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[CreatedAt] = mapped_column(primary_key=True)
    notification_id: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[str]
    channel: Mapped[str]
    endpoint_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    gather_key: Mapped[str] = mapped_column(server_default=text("''"))
    due_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    claim: Mapped[str] = mapped_column(server_default=text("''"))
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    provider: Mapped[str] = mapped_column(server_default=text("''"))
    provider_message_id: Mapped[str] = mapped_column(server_default=text("''"))
    merged_into: Mapped[str] = mapped_column(server_default=text("''"))
    # What is said where this message stands for several notifications.
    content: Mapped[dict[str, Any] | None]
    updated_at: Mapped[UpdatedAt]


class NotificationEscalation(Base):
    """How far the escalation of one must-acknowledge notification is: `steps[next_step]` is taken when `due_at` comes. `last_resort` is
    NEAR when everybody on the ladder has been told, DUE when its last step had to be repeated.
    """

    __tablename__ = "notification_escalations"
    __table_args__ = (
        one_of("state", ESCALATION_STATES),
        one_of("last_resort", LAST_RESORT_STATES),
        Index("ix_notification_escalations_due_at", "due_at", postgresql_where=text("state = 'ACTIVE'")),
        Index("ix_notification_escalations_last_resort", "created_at", postgresql_where=text("last_resort = 'DUE'")),
    )

    guarded_because = "a step is taken once, by the transaction that holds the row"

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'ACTIVE'"))
    steps: Mapped[list[Any]] = mapped_column(JSONB)
    next_step: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[dt.datetime]
    last_resort: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
    updated_at: Mapped[UpdatedAt]


class NotificationEndpoint(Base):
    """Where a channel of one user leads to, and whether that is theirs: nothing but its code is sent where `verified_at` is NULL. What
    must stay secret is sealed.
    """

    __tablename__ = "notification_endpoints"
    __table_args__ = (one_of("channel", EXTERNAL_CHANNELS),)

    endpoint_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    channel: Mapped[str]
    address: Mapped[str]
    label: Mapped[str] = mapped_column(server_default=text("''"))
    sealed_secret: Mapped[bytes | None]
    disabled_reason: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[CreatedAt]
    verified_at: Mapped[dt.datetime | None] = mapped_column(server_default=text("now()"))
    code_hash: Mapped[str] = mapped_column(server_default=text("''"))
    code_guesses: Mapped[int] = mapped_column(server_default=text("0"))


class AlertTemplate(Base):
    """One version of a template, which never changes; `owner_id` is empty where everybody may use it."""

    __tablename__ = "alert_templates"

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    template_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    description: Mapped[str] = mapped_column(server_default=text("''"))
    parameters_schema: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    contents: Mapped[list[Any]] = mapped_column(JSONB)
    deleted: Mapped[bool] = mapped_column(server_default=text("false"))
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]


class NotificationSettings(Base):
    """What a user wants to be told, where and when; `preferences` holds what has no column of its own."""

    __tablename__ = "notification_settings"
    __table_args__ = (one_of("minimum_severity", SEVERITIES),)

    user_id: Mapped[str] = mapped_column(primary_key=True)
    muted_types: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    minimum_severity: Mapped[str] = mapped_column(server_default=text("'INFO'"))
    preferences: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    updated_at: Mapped[UpdatedAt]


class OutboxEvent(Base):
    """An event for the notifier, written in the transaction of what it tells, deleted once delivered."""

    __tablename__ = "outbox"

    outbox_id: Mapped[BigInt] = mapped_column(primary_key=True)
    topic: Mapped[str]
    dedupe_key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
