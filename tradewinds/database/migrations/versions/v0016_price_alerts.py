"""The tables of price alerts.

Revision: 0016
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

STATEMENTS = (
    """CREATE TABLE price_alerts (
    alert_id TEXT NOT NULL,
    alert_number BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id TEXT NOT NULL,
    instrument TEXT NOT NULL,
    measure TEXT DEFAULT 'PRICE' NOT NULL,
    condition TEXT NOT NULL,
    lower BIGINT DEFAULT -1 NOT NULL,
    upper BIGINT DEFAULT -1 NOT NULL,
    basis_points INTEGER DEFAULT 0 NOT NULL,
    distance BIGINT DEFAULT 0 NOT NULL,
    hysteresis BIGINT DEFAULT 0 NOT NULL,
    reference TEXT DEFAULT 'NONE' NOT NULL,
    frequency TEXT DEFAULT 'ONCE' NOT NULL,
    cooldown_seconds INTEGER DEFAULT 0 NOT NULL,
    bar_minutes SMALLINT DEFAULT 0 NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    expires_at TIMESTAMPTZ,
    state TEXT DEFAULT 'ACTIVE' NOT NULL,
    generation INTEGER DEFAULT 1 NOT NULL,
    arms SMALLINT DEFAULT 0 NOT NULL,
    mark BIGINT DEFAULT 0 NOT NULL,
    seen BIGINT DEFAULT 0 NOT NULL,
    not_before_ms BIGINT DEFAULT 0 NOT NULL,
    cooling_until TIMESTAMPTZ,
    snoozed_until TIMESTAMPTZ,
    problem TEXT DEFAULT '' NOT NULL,
    fire_count INTEGER DEFAULT 0 NOT NULL,
    last_fired_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_price_alerts PRIMARY KEY (alert_id),
    CONSTRAINT ck_price_alerts_measure_known CHECK (measure IN ('PRICE', 'VOLUME', 'OPEN_INTEREST')),
    CONSTRAINT ck_price_alerts_condition_known CHECK (condition IN (
        'ABOVE', 'BELOW', 'CROSSES_UP', 'CROSSES_DOWN', 'CROSSES', 'RISES_PERCENT', 'FALLS_PERCENT', 'MOVES_PERCENT',
        'FALLS_FROM_HIGH', 'RISES_FROM_LOW', 'ENTERS_CHANNEL', 'LEAVES_CHANNEL'
    )),
    CONSTRAINT ck_price_alerts_reference_known CHECK (reference IN ('NONE', 'GIVEN', 'LAST_PRICE', 'PREVIOUS_CLOSE')),
    CONSTRAINT ck_price_alerts_frequency_known CHECK (frequency IN ('ONCE', 'EVERY_TIME', 'ONCE_A_DAY', 'ONCE_PER_BAR')),
    CONSTRAINT ck_price_alerts_state_known CHECK (state IN ('ACTIVE', 'TRIGGERED', 'EXPIRED')),
    CONSTRAINT uq_price_alerts_alert_number UNIQUE (alert_number)
) WITH (fillfactor = 70)""",
    """CREATE INDEX ix_price_alerts_active_instrument ON price_alerts (instrument)
    WHERE state = 'ACTIVE'""",
    """CREATE INDEX ix_price_alerts_expires_at ON price_alerts (expires_at)
    WHERE state = 'ACTIVE' AND expires_at IS NOT NULL""",
    "CREATE INDEX ix_price_alerts_user_id_created_at ON price_alerts (user_id, created_at DESC, alert_id DESC)",
    """CREATE INDEX ix_price_alerts_with_problem ON price_alerts (instrument)
    WHERE problem <> ''""",
    """CREATE TABLE price_alert_fires (
    fire_number BIGINT GENERATED ALWAYS AS IDENTITY,
    alert_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    instrument TEXT NOT NULL,
    measure TEXT NOT NULL,
    description TEXT NOT NULL,
    note TEXT NOT NULL,
    value BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    level BIGINT NOT NULL,
    direction SMALLINT NOT NULL,
    late BOOLEAN NOT NULL,
    snapshot JSONB NOT NULL,
    grouped BOOLEAN NOT NULL,
    message_key TEXT,
    fired_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    told_at TIMESTAMPTZ,
    CONSTRAINT pk_price_alert_fires PRIMARY KEY (fire_number)
)""",
    """CREATE INDEX ix_price_alert_fires_told_alone ON price_alert_fires (user_id, fired_at DESC)
    WHERE NOT grouped""",
    """CREATE INDEX ix_price_alert_fires_untold ON price_alert_fires (fire_number)
    WHERE told_at IS NULL""",
    "CREATE INDEX ix_price_alert_fires_user_id_fire_number ON price_alert_fires (user_id, fire_number DESC)",
    "CREATE UNIQUE INDEX uq_price_alert_fires_alert_id_generation ON price_alert_fires (alert_id, generation)",
    """CREATE TABLE price_alert_leases (
    lease_name TEXT NOT NULL,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    positions JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_price_alert_leases PRIMARY KEY (lease_name)
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
