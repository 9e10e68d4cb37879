"""The tables of bars; the monthly partitions of minutes are made by whoever writes them.

Revision: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    """CREATE TABLE minute_bars (
    instrument TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    open_e4 BIGINT NOT NULL,
    high_e4 BIGINT NOT NULL,
    low_e4 BIGINT NOT NULL,
    close_e4 BIGINT NOT NULL,
    volume BIGINT NOT NULL,
    open_interest BIGINT DEFAULT 0 NOT NULL,
    source TEXT DEFAULT 'STREAM' NOT NULL,
    CONSTRAINT pk_minute_bars PRIMARY KEY (instrument, started_at),
    CONSTRAINT ck_minute_bars_source_known CHECK (source IN ('STREAM', 'BROKER'))
) PARTITION BY RANGE (started_at)""",
    """CREATE TABLE day_bars (
    instrument TEXT NOT NULL,
    day DATE NOT NULL,
    open_e4 BIGINT NOT NULL,
    high_e4 BIGINT NOT NULL,
    low_e4 BIGINT NOT NULL,
    close_e4 BIGINT NOT NULL,
    volume BIGINT NOT NULL,
    open_interest BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_day_bars PRIMARY KEY (instrument, day)
)""",
    """CREATE TABLE bar_ranges (
    instrument TEXT NOT NULL,
    bar_interval TEXT NOT NULL,
    filled_from TIMESTAMPTZ NOT NULL,
    filled_until TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_bar_ranges PRIMARY KEY (instrument, bar_interval),
    CONSTRAINT ck_bar_ranges_bar_interval_known CHECK (bar_interval IN ('1m', '1d'))
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
