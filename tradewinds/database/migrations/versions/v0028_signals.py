"""Signals: what a strategy is told from outside, as a command.

Revision: 0028
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"

STATEMENTS = (
    """ALTER TABLE strategy_commands
    DROP CONSTRAINT ck_strategy_commands_verb_known,
    ADD CONSTRAINT ck_strategy_commands_verb_known CHECK (verb IN (
        'START', 'STOP', 'RESTART', 'PAUSE', 'RESUME', 'UPDATE_CONFIG', 'KILL', 'RELEASE', 'SIGNAL'
    ))""",
)


def upgrade() -> None:
    """Allow the verb."""
    for statement in STATEMENTS:
        op.execute(statement)
