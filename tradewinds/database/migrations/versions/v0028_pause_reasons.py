"""Why a strategy is paused.

Revision: 0028
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"

STATEMENTS = ("ALTER TABLE strategy_configs ADD COLUMN pause_reason TEXT DEFAULT '' NOT NULL",)


def upgrade() -> None:
    """Add the column."""
    for statement in STATEMENTS:
        op.execute(statement)
