"""How near an escalation is to its last resort.

Revision: 0031
"""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"

STATEMENTS = (
    """ALTER TABLE notification_escalations
    ADD COLUMN last_resort TEXT DEFAULT '' NOT NULL,
    ADD CONSTRAINT ck_notification_escalations_last_resort_known CHECK (last_resort IN ('', 'NEAR', 'DUE', 'DONE'))""",
    """CREATE INDEX ix_notification_escalations_last_resort ON notification_escalations (created_at)
    WHERE last_resort = 'DUE'""",
)


def upgrade() -> None:
    """Add it."""
    for statement in STATEMENTS:
        op.execute(statement)
