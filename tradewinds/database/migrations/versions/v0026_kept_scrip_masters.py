"""How many rows of each exchange a kept scrip master has: the next one is held against it.

Revision: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"

STATEMENTS = (
    # Nothing was kept before, but for rows that somebody put there by hand: they are held against nothing.
    """ALTER TABLE scrip_masters ADD COLUMN rows_by_exchange JSONB DEFAULT '{}'::jsonb NOT NULL""",
    "ALTER TABLE scrip_masters ALTER COLUMN rows_by_exchange DROP DEFAULT",
)


def upgrade() -> None:
    """Add the column."""
    for statement in STATEMENTS:
        op.execute(statement)
