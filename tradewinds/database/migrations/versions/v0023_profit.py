"""What trades cost, and the profit and loss of every day.

Revision: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = (
    """CREATE TABLE trade_charges (
    trade_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    config_id TEXT,
    day DATE NOT NULL,
    amount NUMERIC(18, 4) NOT NULL,
    CONSTRAINT pk_trade_charges PRIMARY KEY (trade_id),
    CONSTRAINT fk_trade_charges_trade_id FOREIGN KEY(trade_id) REFERENCES trades (trade_id)
)""",
    "CREATE INDEX ix_trade_charges_account_id_day ON trade_charges (account_id, day)",
    """CREATE TABLE profit_and_loss (
    account_id TEXT NOT NULL,
    config_id TEXT DEFAULT '' NOT NULL,
    day DATE NOT NULL,
    realised NUMERIC(18, 4) NOT NULL,
    unrealised NUMERIC(18, 4) NOT NULL,
    charges NUMERIC(18, 4) NOT NULL,
    best NUMERIC(18, 4) NOT NULL,
    unpriced INTEGER DEFAULT 0 NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_profit_and_loss PRIMARY KEY (account_id, config_id, day)
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
