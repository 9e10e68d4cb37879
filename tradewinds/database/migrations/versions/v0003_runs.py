"""The tables of runs, metrics and checkpoints of strategies.

Revision: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """CREATE TABLE strategy_metrics (
    config_id TEXT NOT NULL,
    name TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_strategy_metrics PRIMARY KEY (config_id, name, recorded_at)
)""",
    """CREATE TABLE strategy_checkpoints (
    config_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    last_event_sequence BIGINT DEFAULT 0 NOT NULL,
    state JSONB NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_strategy_checkpoints PRIMARY KEY (config_id),
    CONSTRAINT fk_strategy_checkpoints_config_id FOREIGN KEY(config_id) REFERENCES strategy_configs (config_id)
)""",
    """CREATE TABLE strategy_runs (
    run_id UUID DEFAULT gen_random_uuid() NOT NULL,
    config_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    runner_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    started_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    ended_at TIMESTAMPTZ,
    outcome TEXT DEFAULT 'RUNNING' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_strategy_runs PRIMARY KEY (run_id),
    CONSTRAINT ck_strategy_runs_outcome_known CHECK (outcome IN ('RUNNING', 'STOPPED', 'CRASHED', 'LOST')),
    CONSTRAINT fk_strategy_runs_config_id FOREIGN KEY(config_id) REFERENCES strategy_configs (config_id)
)""",
    "CREATE INDEX ix_strategy_runs_config_id ON strategy_runs (config_id, started_at DESC)",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
