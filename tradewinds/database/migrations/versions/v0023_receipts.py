"""Which sent messages a provider is asked about.

Revision: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Index them."""
    op.execute(
        "CREATE INDEX ix_notification_deliveries_sent ON notification_deliveries (channel, due_at) WHERE state = 'SENT'"
    )
