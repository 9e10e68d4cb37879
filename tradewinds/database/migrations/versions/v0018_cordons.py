"""Cordoned runners; who watches strategies is told of their changes.

Revision: 0018
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = (
    """CREATE TABLE runner_cordons (
    runner_id TEXT NOT NULL,
    is_drained BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_runner_cordons PRIMARY KEY (runner_id)
)""",
    """CREATE FUNCTION notify_strategy_configs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('strategy_configs', coalesce(NEW.config_id, OLD.config_id));
    RETURN NULL;
END $$""",
    # Not of heartbeat_at, which is written every second.
    """CREATE TRIGGER strategy_configs_notify
    AFTER INSERT OR DELETE OR UPDATE OF desired_state, state, state_reason, is_paused, config ON strategy_configs
    FOR EACH ROW EXECUTE FUNCTION notify_strategy_configs()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
