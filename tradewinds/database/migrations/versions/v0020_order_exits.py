"""Attempts, origins and stages of orders; lines of an account's log without an order; holds and guards.

Revision: 0020
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = (
    "ALTER TABLE orders ADD COLUMN origin TEXT DEFAULT 'CALLER' NOT NULL",
    "ALTER TABLE orders ADD COLUMN intent_id TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE orders ADD COLUMN attempt INTEGER DEFAULT 1 NOT NULL",
    "ALTER TABLE orders ADD COLUMN is_exit BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE orders ADD COLUMN modify_requested BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE orders ADD COLUMN admitted_us INTEGER",
    "ALTER TABLE orders ADD COLUMN released_us INTEGER",
    "ALTER TABLE orders ADD COLUMN answered_us INTEGER",
    """ALTER TABLE orders ADD CONSTRAINT ck_orders_origin_known
    CHECK (origin IN ('CALLER', 'GUARD', 'EXTERNAL', 'BOOKING'))""",
    "CREATE INDEX ix_orders_intent_id ON orders (intent_id) WHERE attempt > 1",
    "ALTER TABLE order_events ALTER COLUMN order_id DROP NOT NULL",
    "ALTER TABLE order_events ALTER COLUMN state DROP NOT NULL",
    """CREATE TABLE account_holds (
    account_id TEXT NOT NULL,
    instrument TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    message TEXT NOT NULL,
    held_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_account_holds PRIMARY KEY (account_id, instrument, kind, subject_id),
    CONSTRAINT ck_account_holds_kind_known CHECK (kind IN (
        'OVERFILL', 'TAG_DUPLICATED', 'UNATTRIBUTED', 'POSITION_DIFFERENCE'
    )),
    CONSTRAINT fk_account_holds_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id)
)""",
    """CREATE TABLE guards (
    guard_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    config_id TEXT,
    request_key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    instrument TEXT NOT NULL,
    product TEXT NOT NULL,
    side TEXT NOT NULL,
    stop_price NUMERIC(18, 4) NOT NULL,
    target_price NUMERIC(18, 4),
    trail NUMERIC(18, 4),
    state TEXT NOT NULL,
    order_id TEXT,
    attempts INTEGER DEFAULT 0 NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_guards PRIMARY KEY (guard_id),
    CONSTRAINT ck_guards_product_known CHECK (product IN ('MIS', 'NRML', 'CNC')),
    CONSTRAINT ck_guards_side_known CHECK (side IN ('BUY', 'SELL')),
    CONSTRAINT ck_guards_state_known CHECK (state IN ('WAITING', 'ACTIVE', 'EXITING', 'DONE', 'CANCELLED')),
    CONSTRAINT uq_guards_request_key UNIQUE (request_key),
    CONSTRAINT fk_guards_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id)
)""",
    "CREATE INDEX ix_guards_account_id_living ON guards (account_id) WHERE state NOT IN ('DONE', 'CANCELLED')",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
