"""Paused, killed and quarantined strategies; commands that carry parameters.

Revision: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    """ALTER TABLE strategy_configs
    ADD COLUMN process_generation BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN is_paused BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN is_killed BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN on_crash TEXT DEFAULT 'RESUME' NOT NULL,
    ADD CONSTRAINT ck_strategy_configs_on_crash_known CHECK (on_crash IN ('RESUME', 'LEAVE_OPEN', 'SQUARE_OFF')),
    DROP CONSTRAINT ck_strategy_configs_state_known,
    ADD CONSTRAINT ck_strategy_configs_state_known CHECK (state IN (
        'STOPPED', 'PENDING', 'STARTING', 'RUNNING', 'STOPPING', 'BACKOFF', 'FAILED', 'QUARANTINED'
    ))""",
    # Every generation so far asked for a new process.
    "UPDATE strategy_configs SET process_generation = generation",
    """ALTER TABLE strategy_commands
    ADD COLUMN payload JSONB DEFAULT '{}'::jsonb NOT NULL,
    DROP CONSTRAINT ck_strategy_commands_verb_known,
    ADD CONSTRAINT ck_strategy_commands_verb_known CHECK (verb IN (
        'START', 'STOP', 'RESTART', 'PAUSE', 'RESUME', 'UPDATE_CONFIG', 'KILL', 'RELEASE'
    ))""",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
