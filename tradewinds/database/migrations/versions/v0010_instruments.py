"""The tables of scrip masters.

Revision: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """CREATE TABLE scrip_masters (
    version TEXT NOT NULL,
    trade_day DATE NOT NULL,
    row_count INTEGER NOT NULL,
    content BYTEA NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_scrip_masters PRIMARY KEY (version)
)""",
    # It is compressed before it comes here.
    "ALTER TABLE scrip_masters ALTER COLUMN content SET STORAGE EXTERNAL",
    "CREATE INDEX ix_scrip_masters_trade_day ON scrip_masters (trade_day)",
    """CREATE TABLE instrument_changes (
    trade_day DATE NOT NULL,
    instrument TEXT NOT NULL,
    kind TEXT NOT NULL,
    before TEXT DEFAULT '' NOT NULL,
    after TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_instrument_changes PRIMARY KEY (trade_day, instrument, kind),
    CONSTRAINT ck_instrument_changes_kind_known CHECK (
        kind IN ('ADDED', 'GONE', 'TOKEN', 'LOT_SIZE', 'TICK_SIZE', 'SERIES', 'SYMBOL')
    )
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
