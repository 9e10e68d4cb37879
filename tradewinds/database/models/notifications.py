"""Notifications, their settings, and the outbox of events on their way to the notifier."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

SEVERITIES = ("INFO", "WARNING", "CRITICAL")


class Notification(Base):
    """A persisted notification of one user; a dedupe key is used once per user."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("severity", SEVERITIES),
        Index(
            "uq_notifications_user_id_dedupe_key",
            "user_id",
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key IS NOT NULL"),
        ),
        Index("ix_notifications_user_id_created_at", "user_id", text("created_at DESC")),
    )

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    type: Mapped[str]
    severity: Mapped[str]
    title: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    dedupe_key: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    read_at: Mapped[dt.datetime | None]


class NotificationSettings(Base):
    """What a user does not want to hear about."""

    __tablename__ = "notification_settings"
    __table_args__ = (one_of("minimum_severity", SEVERITIES),)

    user_id: Mapped[str] = mapped_column(primary_key=True)
    muted_types: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    minimum_severity: Mapped[str] = mapped_column(server_default=text("'INFO'"))
    updated_at: Mapped[UpdatedAt]


class OutboxEvent(Base):
    """An event for the notifier, written in the transaction of what it tells, deleted once delivered."""

    __tablename__ = "outbox"

    outbox_id: Mapped[BigInt] = mapped_column(primary_key=True)
    topic: Mapped[str]
    dedupe_key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
