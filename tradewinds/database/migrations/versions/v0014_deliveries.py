"""Notifications in daily partitions, their dedupe keys, deliveries, escalations and endpoints; settings in full.

Revision: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    "ALTER TABLE notification_settings ADD COLUMN preferences JSONB DEFAULT '{}'::jsonb NOT NULL",
    # Copied and dropped, not renamed: the names of its constraints are wanted.
    "CREATE TABLE unpartitioned_notifications AS SELECT * FROM notifications",
    "DROP TABLE notifications",
    """CREATE TABLE notifications (
    notification_id TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    user_id TEXT NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    data JSONB DEFAULT '{}'::jsonb NOT NULL,
    dedupe_key TEXT,
    read_at TIMESTAMPTZ,
    must_acknowledge BOOLEAN DEFAULT false NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    acknowledged_by TEXT DEFAULT '' NOT NULL,
    decisions JSONB,
    parts JSONB,
    CONSTRAINT pk_notifications PRIMARY KEY (notification_id, created_at),
    CONSTRAINT ck_notifications_severity_known CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL'))
) PARTITION BY RANGE (created_at)""",
    "CREATE INDEX ix_notifications_user_id_created_at ON notifications (user_id, created_at DESC)",
    """CREATE TABLE notification_keys (
    user_id TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_notification_keys PRIMARY KEY (user_id, dedupe_key)
)""",
    "CREATE INDEX ix_notification_keys_created_at ON notification_keys (created_at)",
    """CREATE TABLE notification_deliveries (
    delivery_id TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    notification_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    state TEXT DEFAULT 'PENDING' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    gather_key TEXT DEFAULT '' NOT NULL,
    due_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    claim TEXT DEFAULT '' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    provider TEXT DEFAULT '' NOT NULL,
    provider_message_id TEXT DEFAULT '' NOT NULL,
    merged_into TEXT DEFAULT '' NOT NULL,
    content JSONB,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_notification_deliveries PRIMARY KEY (delivery_id, created_at),
    CONSTRAINT ck_notification_deliveries_channel_known CHECK (channel IN (
        'EMAIL', 'SMS', 'TELEGRAM', 'WEB_PUSH', 'WEBHOOK', 'APPRISE'
    )),
    CONSTRAINT ck_notification_deliveries_state_known CHECK (state IN (
        'PENDING', 'GATHERING', 'SENDING', 'SENT', 'DELIVERED', 'MERGED', 'DEAD', 'EXPIRED', 'CANCELLED'
    ))
) PARTITION BY RANGE (created_at)""",
    "CREATE INDEX ix_notification_deliveries_notification_id ON notification_deliveries (notification_id)",
    """CREATE INDEX ix_notification_deliveries_channel_due_at ON notification_deliveries (channel, due_at)
    WHERE state IN ('PENDING', 'SENDING')""",
    """CREATE INDEX ix_notification_deliveries_endpoint_id_gather_key
    ON notification_deliveries (endpoint_id, gather_key, due_at) WHERE state = 'GATHERING'""",
    """CREATE TABLE notification_escalations (
    notification_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    state TEXT DEFAULT 'ACTIVE' NOT NULL,
    steps JSONB NOT NULL,
    next_step INTEGER DEFAULT 0 NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_notification_escalations PRIMARY KEY (notification_id),
    CONSTRAINT ck_notification_escalations_state_known CHECK (state IN ('ACTIVE', 'ACKNOWLEDGED', 'EXHAUSTED'))
)""",
    "CREATE INDEX ix_notification_escalations_due_at ON notification_escalations (due_at) WHERE state = 'ACTIVE'",
    "CREATE INDEX ix_notification_escalations_created_at ON notification_escalations (created_at)",
    """CREATE TABLE notification_endpoints (
    endpoint_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    label TEXT DEFAULT '' NOT NULL,
    sealed_secret BYTEA,
    disabled_reason TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_notification_endpoints PRIMARY KEY (endpoint_id),
    CONSTRAINT ck_notification_endpoints_channel_known CHECK (channel IN (
        'EMAIL', 'SMS', 'TELEGRAM', 'WEB_PUSH', 'WEBHOOK', 'APPRISE'
    ))
)""",
    "CREATE INDEX ix_notification_endpoints_user_id ON notification_endpoints (user_id)",
    # What was kept so far moves into partitions of its own days.
    """DO $$
DECLARE kept DATE;
BEGIN
    FOR kept IN SELECT DISTINCT (created_at AT TIME ZONE 'UTC')::date FROM unpartitioned_notifications LOOP
        EXECUTE format(
            'CREATE TABLE notifications_%s PARTITION OF notifications FOR VALUES FROM (%L) TO (%L)',
            to_char(kept, 'YYYY_MM_DD'), kept::text || ' 00:00+00', (kept + 1)::text || ' 00:00+00'
        );
    END LOOP;
END $$""",
    """INSERT INTO notifications (notification_id, created_at, user_id, type, severity, title, message, data, dedupe_key, read_at)
SELECT notification_id, created_at, user_id, type, severity, title, message, data, dedupe_key, read_at
FROM unpartitioned_notifications""",
    """INSERT INTO notification_keys (user_id, dedupe_key, notification_id, created_at)
SELECT user_id, dedupe_key, notification_id, created_at FROM unpartitioned_notifications WHERE dedupe_key IS NOT NULL""",
    "DROP TABLE unpartitioned_notifications",
)


def upgrade() -> None:
    """Create them, and move what there is."""
    for statement in STATEMENTS:
        op.execute(statement)
