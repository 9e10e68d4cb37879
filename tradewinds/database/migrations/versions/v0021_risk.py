"""Risk limits, kill switches with their progress by account, and decisions that wait for approval and time.

Revision: 0021
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

# Per statement and without a payload: a hint to read both tables.
STATEMENTS = (
    """CREATE TABLE risk_limits (
    scope TEXT NOT NULL,
    subject_id TEXT DEFAULT '' NOT NULL,
    name TEXT NOT NULL,
    value NUMERIC(18, 4) NOT NULL,
    updated_by TEXT DEFAULT CURRENT_USER NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_risk_limits PRIMARY KEY (scope, subject_id, name),
    CONSTRAINT ck_risk_limits_scope_known CHECK (scope IN ('GLOBAL', 'ACCOUNT', 'STRATEGY')),
    CONSTRAINT ck_risk_limits_subject_given CHECK ((scope = 'GLOBAL') = (subject_id = '')),
    CONSTRAINT ck_risk_limits_value_not_negative CHECK (value >= 0)
)""",
    """CREATE TABLE kill_switches (
    kill_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    subject_id TEXT DEFAULT '' NOT NULL,
    account_id TEXT DEFAULT '' NOT NULL,
    action TEXT NOT NULL,
    include_holdings BOOLEAN DEFAULT false NOT NULL,
    reason TEXT NOT NULL,
    engaged_by TEXT DEFAULT CURRENT_USER NOT NULL,
    engaged_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    released_by TEXT DEFAULT '' NOT NULL,
    release_reason TEXT DEFAULT '' NOT NULL,
    released_at TIMESTAMPTZ,
    CONSTRAINT pk_kill_switches PRIMARY KEY (kill_id),
    CONSTRAINT ck_kill_switches_scope_known CHECK (scope IN ('GLOBAL', 'ACCOUNT', 'STRATEGY')),
    CONSTRAINT ck_kill_switches_action_known CHECK (action IN ('REDUCE_ONLY', 'HALT', 'CANCEL_ALL', 'SQUARE_OFF')),
    CONSTRAINT ck_kill_switches_subject_given CHECK (
        (scope = 'GLOBAL') = (subject_id = '') AND (scope = 'GLOBAL') = (account_id = '')
    ),
    CONSTRAINT ck_kill_switches_reason_given CHECK (reason <> '')
)""",
    "CREATE INDEX ix_kill_switches_engaged ON kill_switches (scope, subject_id) WHERE released_at IS NULL",
    "CREATE INDEX ix_kill_switches_engaged_at ON kill_switches (engaged_at DESC)",
    """CREATE TABLE kill_progress (
    kill_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    owner_id TEXT DEFAULT '' NOT NULL,
    epoch BIGINT DEFAULT 0 NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    fenced_at TIMESTAMPTZ,
    open_orders INTEGER DEFAULT 0 NOT NULL,
    open_positions INTEGER DEFAULT 0 NOT NULL,
    proven_at TIMESTAMPTZ,
    problem TEXT DEFAULT '' NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_kill_progress PRIMARY KEY (kill_id, account_id),
    CONSTRAINT fk_kill_progress_kill_id FOREIGN KEY(kill_id) REFERENCES kill_switches (kill_id)
)""",
    """CREATE TABLE risk_decisions (
    decision_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    subject_id TEXT DEFAULT '' NOT NULL,
    changes JSONB NOT NULL,
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    approvals TEXT[] NOT NULL,
    approvals_needed INTEGER NOT NULL,
    applies_at TIMESTAMPTZ NOT NULL,
    state TEXT DEFAULT 'PENDING' NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_risk_decisions PRIMARY KEY (decision_id),
    CONSTRAINT ck_risk_decisions_kind_known CHECK (kind IN ('LOOSEN_LIMITS', 'RELEASE_KILL_SWITCH')),
    CONSTRAINT ck_risk_decisions_state_known CHECK (state IN ('PENDING', 'APPLIED', 'WITHDRAWN')),
    CONSTRAINT ck_risk_decisions_reason_given CHECK (reason <> ''),
    CONSTRAINT ck_risk_decisions_approvals_positive CHECK (approvals_needed > 0)
)""",
    "CREATE INDEX ix_risk_decisions_requested_at ON risk_decisions (requested_at DESC)",
    "CREATE INDEX ix_risk_decisions_pending ON risk_decisions (applies_at) WHERE state = 'PENDING'",
    """CREATE FUNCTION notify_risk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('risk', '');
    RETURN NULL;
END $$""",
    """CREATE TRIGGER risk_limits_notify AFTER INSERT OR UPDATE OR DELETE ON risk_limits
    FOR EACH STATEMENT EXECUTE FUNCTION notify_risk()""",
    """CREATE TRIGGER kill_switches_notify AFTER INSERT OR UPDATE OR DELETE ON kill_switches
    FOR EACH STATEMENT EXECUTE FUNCTION notify_risk()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
