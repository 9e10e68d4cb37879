"""Schedules of strategies, and positions that are to be closed for them.

Revision: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"

STATEMENTS = (
    """ALTER TABLE strategy_configs
    ADD COLUMN schedule JSONB,
    ADD COLUMN is_off_schedule BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN flatten_because TEXT DEFAULT '' NOT NULL,
    DROP CONSTRAINT ck_strategy_configs_state_known,
    ADD CONSTRAINT ck_strategy_configs_state_known CHECK (state IN (
        'STOPPED', 'PENDING', 'STARTING', 'RUNNING', 'STOPPING', 'BACKOFF', 'FAILED', 'QUARANTINED', 'SCHEDULED'
    ))""",
    """ALTER TABLE strategy_configs
    ADD COLUMN is_wanted BOOLEAN GENERATED ALWAYS AS (
        desired_state = 'RUNNING' AND state NOT IN ('FAILED', 'QUARANTINED') AND NOT is_off_schedule AND flatten_because = ''
    ) STORED NOT NULL""",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
