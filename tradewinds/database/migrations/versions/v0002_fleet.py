"""The tables of strategies, configurations, commands, runner leases and assignments.

Revision: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """CREATE TABLE runner_leases (
    runner_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    engine_id TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    running INTEGER DEFAULT 0 NOT NULL,
    build TEXT NOT NULL,
    registered_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    heartbeat_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    draining BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_runner_leases PRIMARY KEY (runner_id)
)""",
    """CREATE TABLE strategies (
    module_path TEXT NOT NULL,
    class_name TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    params_schema JSONB NOT NULL,
    description TEXT NOT NULL,
    registered_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_strategies PRIMARY KEY (module_path, class_name)
)""",
    """CREATE TABLE strategy_configs (
    config_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    module_path TEXT NOT NULL,
    class_name TEXT NOT NULL,
    config JSONB NOT NULL,
    desired_state TEXT DEFAULT 'STOPPED' NOT NULL,
    state TEXT DEFAULT 'STOPPED' NOT NULL,
    state_reason TEXT DEFAULT '' NOT NULL,
    generation BIGINT DEFAULT 0 NOT NULL,
    heartbeat_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_strategy_configs PRIMARY KEY (config_id),
    CONSTRAINT ck_strategy_configs_desired_state_known CHECK (desired_state IN ('STOPPED', 'RUNNING')),
    CONSTRAINT ck_strategy_configs_state_known CHECK (state IN (
        'STOPPED', 'PENDING', 'STARTING', 'RUNNING', 'STOPPING', 'BACKOFF', 'FAILED'
    )),
    CONSTRAINT fk_strategy_configs_user_id FOREIGN KEY(user_id) REFERENCES users (user_id),
    CONSTRAINT fk_strategy_configs_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id)
)""",
    "CREATE INDEX ix_strategy_configs_account_id ON strategy_configs (account_id)",
    "CREATE INDEX ix_strategy_configs_user_id ON strategy_configs (user_id)",
    """CREATE TABLE assignments (
    config_id TEXT NOT NULL,
    runner_id TEXT,
    instance_id TEXT,
    epoch BIGINT DEFAULT 0 NOT NULL,
    generation BIGINT DEFAULT 0 NOT NULL,
    assigned_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_assignments PRIMARY KEY (config_id),
    CONSTRAINT fk_assignments_config_id FOREIGN KEY(config_id) REFERENCES strategy_configs (config_id)
)""",
    "CREATE INDEX ix_assignments_instance_id ON assignments (instance_id)",
    """CREATE TABLE strategy_commands (
    command_id UUID DEFAULT gen_random_uuid() NOT NULL,
    config_id TEXT NOT NULL,
    verb TEXT NOT NULL,
    issuer TEXT DEFAULT CURRENT_USER NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    status TEXT DEFAULT 'PENDING' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    expires_at TIMESTAMPTZ DEFAULT (now() + '00:05:00'::interval) NOT NULL,
    claimed_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    result TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_strategy_commands PRIMARY KEY (command_id),
    CONSTRAINT ck_strategy_commands_verb_known CHECK (verb IN (
        'START', 'STOP', 'RESTART', 'PAUSE', 'RESUME', 'UPDATE_CONFIG', 'KILL'
    )),
    CONSTRAINT ck_strategy_commands_status_known CHECK (status IN (
        'PENDING', 'CLAIMED', 'DONE', 'FAILED', 'EXPIRED'
    )),
    CONSTRAINT fk_strategy_commands_config_id FOREIGN KEY(config_id) REFERENCES strategy_configs (config_id)
)""",
    "CREATE INDEX ix_strategy_commands_config_id ON strategy_commands (config_id)",
    "CREATE INDEX ix_strategy_commands_status_created_at ON strategy_commands (status, created_at)",
    """CREATE FUNCTION notify_strategy_commands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('strategy_commands', NEW.command_id::text);
    RETURN NULL;
END $$""",
    """CREATE TRIGGER strategy_commands_notify AFTER INSERT ON strategy_commands
    FOR EACH ROW EXECUTE FUNCTION notify_strategy_commands()""",
    """CREATE FUNCTION notify_assignments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('assignments', NEW.config_id);
    RETURN NULL;
END $$""",
    """CREATE TRIGGER assignments_notify AFTER INSERT OR UPDATE ON assignments
    FOR EACH ROW EXECUTE FUNCTION notify_assignments()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
