"""The tables of users, broker accounts, their sealed sessions and leases.

Revision: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE users (
    user_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (user_id)
)""",
    """CREATE TABLE broker_accounts (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    broker TEXT DEFAULT 'ANGEL_ONE' NOT NULL,
    client_code TEXT NOT NULL,
    sealed_credentials BYTEA NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_broker_accounts PRIMARY KEY (account_id),
    CONSTRAINT fk_broker_accounts_user_id FOREIGN KEY(user_id) REFERENCES users (user_id)
)""",
    "CREATE INDEX ix_broker_accounts_user_id ON broker_accounts (user_id)",
    """CREATE TABLE account_leases (
    account_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    owner_address TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    gate TEXT DEFAULT 'CLOSED' NOT NULL,
    gate_reason TEXT DEFAULT '' NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_account_leases PRIMARY KEY (account_id),
    CONSTRAINT ck_account_leases_gate_known CHECK (gate IN ('OPEN', 'CLOSED')),
    CONSTRAINT fk_account_leases_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id)
)""",
    """CREATE TABLE broker_sessions (
    account_id TEXT NOT NULL,
    client_code TEXT NOT NULL,
    sealed_tokens BYTEA,
    epoch BIGINT NOT NULL,
    logged_in_at TIMESTAMPTZ,
    last_error TEXT DEFAULT '' NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_broker_sessions PRIMARY KEY (account_id),
    CONSTRAINT fk_broker_sessions_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id)
)""",
    """CREATE FUNCTION notify_broker_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('broker_sessions', NEW.account_id);
    RETURN NULL;
END $$""",
    """CREATE TRIGGER broker_sessions_notify AFTER INSERT OR UPDATE ON broker_sessions
    FOR EACH ROW EXECUTE FUNCTION notify_broker_sessions()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
