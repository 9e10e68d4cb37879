"""Which sent messages a provider is asked about.

Revision: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Index them."""
    op.execute(
        "CREATE INDEX ix_notification_deliveries_sent ON notification_deliveries (channel, due_at) WHERE state = 'SENT'"
    )
