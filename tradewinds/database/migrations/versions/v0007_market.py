"""The tables of market data subscriptions.

Revision: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

# Per statement and without a payload: subscribing to a thousand instruments wakes the feed once.
STATEMENTS = (
    """CREATE TABLE market_subscriptions (
    subscriber TEXT NOT NULL,
    instrument TEXT NOT NULL,
    mode TEXT DEFAULT 'SNAP_QUOTE' NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_market_subscriptions PRIMARY KEY (subscriber, instrument),
    CONSTRAINT ck_market_subscriptions_mode_known CHECK (mode IN ('LTP', 'QUOTE', 'SNAP_QUOTE'))
)""",
    "CREATE INDEX ix_market_subscriptions_instrument ON market_subscriptions (instrument)",
    """CREATE FUNCTION notify_market_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('market_subscriptions', '');
    RETURN NULL;
END $$""",
    """CREATE TRIGGER market_subscriptions_notify AFTER INSERT OR UPDATE OR DELETE ON market_subscriptions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_market_subscriptions()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
