"""Holds for what the broker's trade book and our own tags say: fills that differ, orders that were never entered here.

Revision: 0029
"""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"

STATEMENTS = (
    """ALTER TABLE account_holds
    DROP CONSTRAINT ck_account_holds_kind_known,
    ADD CONSTRAINT ck_account_holds_kind_known CHECK (kind IN (
        'OVERFILL', 'TAG_DUPLICATED', 'UNATTRIBUTED', 'POSITION_DIFFERENCE', 'TRADE_DIFFERENCE', 'NOT_ENTERED'
    ))""",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
