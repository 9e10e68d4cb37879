"""The tables of orders and their event log.

Revision: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """CREATE TABLE orders (
    order_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    config_id TEXT,
    epoch BIGINT,
    request_key TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    instrument TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    filled_quantity INTEGER DEFAULT 0 NOT NULL,
    order_type TEXT NOT NULL,
    product TEXT NOT NULL,
    price NUMERIC(18, 4),
    trigger_price NUMERIC(18, 4),
    average_price NUMERIC(18, 4),
    state TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    tag TEXT NOT NULL,
    broker_order_id TEXT,
    unique_order_id TEXT,
    cancel_requested BOOLEAN DEFAULT false NOT NULL,
    submitted_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY (order_id),
    CONSTRAINT ck_orders_side_known CHECK (side IN ('BUY', 'SELL')),
    CONSTRAINT ck_orders_order_type_known CHECK (order_type IN ('LIMIT', 'SL', 'MARKET')),
    CONSTRAINT ck_orders_product_known CHECK (product IN ('MIS', 'NRML', 'CNC')),
    CONSTRAINT ck_orders_state_known CHECK (state IN (
        'PENDING_SUBMIT', 'SUBMITTING', 'UNKNOWN', 'OPEN', 'PARTIALLY_FILLED', 'FILLED',
        'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_PLACED', 'DENIED'
    )),
    CONSTRAINT ck_orders_quantity_positive CHECK (quantity > 0),
    CONSTRAINT uq_orders_account_id_tag UNIQUE (account_id, tag),
    CONSTRAINT fk_orders_account_id FOREIGN KEY(account_id) REFERENCES broker_accounts (account_id),
    CONSTRAINT uq_orders_request_key UNIQUE (request_key)
)""",
    "CREATE INDEX ix_orders_account_id_created_at ON orders (account_id, created_at DESC)",
    """CREATE INDEX ix_orders_account_id_working ON orders (account_id)
    WHERE state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_PLACED', 'DENIED')""",
    "CREATE INDEX ix_orders_config_id_created_at ON orders (config_id, created_at DESC)",
    """CREATE TABLE order_events (
    account_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    order_id TEXT NOT NULL,
    config_id TEXT,
    config_sequence BIGINT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    payload JSONB NOT NULL,
    recorded_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_order_events PRIMARY KEY (account_id, sequence),
    CONSTRAINT ck_order_events_state_known CHECK (state IN (
        'PENDING_SUBMIT', 'SUBMITTING', 'UNKNOWN', 'OPEN', 'PARTIALLY_FILLED', 'FILLED',
        'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_PLACED', 'DENIED'
    )),
    CONSTRAINT fk_order_events_order_id FOREIGN KEY(order_id) REFERENCES orders (order_id)
)""",
    "CREATE INDEX ix_order_events_order_id_sequence ON order_events (order_id, sequence)",
    """CREATE UNIQUE INDEX uq_order_events_config_id_config_sequence ON order_events (config_id, config_sequence)
    WHERE config_id IS NOT NULL""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
