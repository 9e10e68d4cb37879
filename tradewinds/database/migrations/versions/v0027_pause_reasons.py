"""Why a strategy is paused.

Revision: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"

STATEMENTS = ("ALTER TABLE strategy_configs ADD COLUMN pause_reason TEXT DEFAULT '' NOT NULL",)


def upgrade() -> None:
    """Add the column."""
    for statement in STATEMENTS:
        op.execute(statement)
