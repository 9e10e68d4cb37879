"""The tables of notifications, their settings and the outbox.

Revision: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """CREATE TABLE notification_settings (
    user_id TEXT NOT NULL,
    muted_types TEXT[] DEFAULT '{}'::text[] NOT NULL,
    minimum_severity TEXT DEFAULT 'INFO' NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_notification_settings PRIMARY KEY (user_id),
    CONSTRAINT ck_notification_settings_minimum_severity_known CHECK (minimum_severity IN (
        'INFO', 'WARNING', 'CRITICAL'
    ))
)""",
    """CREATE TABLE notifications (
    notification_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    data JSONB DEFAULT '{}'::jsonb NOT NULL,
    dedupe_key TEXT,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    read_at TIMESTAMPTZ,
    CONSTRAINT pk_notifications PRIMARY KEY (notification_id),
    CONSTRAINT ck_notifications_severity_known CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL'))
)""",
    "CREATE INDEX ix_notifications_user_id_created_at ON notifications (user_id, created_at DESC)",
    """CREATE UNIQUE INDEX uq_notifications_user_id_dedupe_key ON notifications (user_id, dedupe_key)
    WHERE dedupe_key IS NOT NULL""",
    """CREATE TABLE outbox (
    outbox_id BIGSERIAL NOT NULL,
    topic TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (outbox_id)
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
