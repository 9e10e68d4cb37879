"""Endpoints that are their owner's, and alerts in the words of a template. An endpoint that an operator inserts, or that was there before,
counts as verified.

Revision: 0032
"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"

STATEMENTS = (
    """ALTER TABLE notification_endpoints
    ADD COLUMN verified_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
    ADD COLUMN code_hash TEXT DEFAULT '' NOT NULL,
    ADD COLUMN code_guesses INTEGER DEFAULT 0 NOT NULL""",
    "ALTER TABLE price_alerts ADD COLUMN template_id TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE price_alert_fires ADD COLUMN template_id TEXT DEFAULT '' NOT NULL",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
