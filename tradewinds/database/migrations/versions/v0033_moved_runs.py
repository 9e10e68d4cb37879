"""A run that ended because its runner left has an outcome of its own: MOVED. Until now the words of its detail said so.

Revision: 0033
"""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"

STATEMENTS = (
    "ALTER TABLE strategy_runs DROP CONSTRAINT ck_strategy_runs_outcome_known",
    """ALTER TABLE strategy_runs ADD CONSTRAINT ck_strategy_runs_outcome_known
    CHECK (outcome IN ('RUNNING', 'STOPPED', 'MOVED', 'CRASHED', 'LOST'))""",
    """UPDATE strategy_runs SET outcome = 'MOVED'
    WHERE outcome = 'STOPPED' AND (detail LIKE 'MOVE: %' OR detail LIKE 'runner % has left: %')""",
)


def upgrade() -> None:
    """Allow it, and give it to those that had the words."""
    for statement in STATEMENTS:
        op.execute(statement)
