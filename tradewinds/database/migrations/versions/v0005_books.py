"""The tables of trades and positions.

Revision: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """CREATE TABLE positions (
    account_id TEXT NOT NULL,
    config_id TEXT DEFAULT '' NOT NULL,
    instrument TEXT NOT NULL,
    product TEXT NOT NULL,
    buy_quantity BIGINT DEFAULT 0 NOT NULL,
    sell_quantity BIGINT DEFAULT 0 NOT NULL,
    buy_value NUMERIC(18, 4) DEFAULT 0 NOT NULL,
    sell_value NUMERIC(18, 4) DEFAULT 0 NOT NULL,
    net_quantity BIGINT DEFAULT 0 NOT NULL,
    average_price NUMERIC(18, 4),
    realised_pnl NUMERIC(18, 4) DEFAULT 0 NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_positions PRIMARY KEY (account_id, config_id, instrument, product),
    CONSTRAINT ck_positions_product_known CHECK (product IN ('MIS', 'NRML', 'CNC'))
)""",
    """CREATE TABLE trades (
    trade_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    config_id TEXT,
    instrument TEXT NOT NULL,
    product TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price NUMERIC(18, 4) NOT NULL,
    traded_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_trades PRIMARY KEY (trade_id),
    CONSTRAINT ck_trades_side_known CHECK (side IN ('BUY', 'SELL')),
    CONSTRAINT ck_trades_product_known CHECK (product IN ('MIS', 'NRML', 'CNC')),
    CONSTRAINT ck_trades_quantity_positive CHECK (quantity > 0),
    CONSTRAINT fk_trades_order_id FOREIGN KEY(order_id) REFERENCES orders (order_id)
)""",
    "CREATE INDEX ix_trades_account_id_traded_at ON trades (account_id, traded_at DESC)",
    "CREATE INDEX ix_trades_config_id_traded_at ON trades (config_id, traded_at DESC)",
    "CREATE INDEX ix_trades_order_id ON trades (order_id)",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
