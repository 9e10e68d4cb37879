"""The tables of the calendar.

Revision: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

# Per statement and without a payload: seeding years of days wakes its readers once.
STATEMENTS = (
    """CREATE TABLE calendar_versions (
    version BIGSERIAL NOT NULL,
    author TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_calendar_versions PRIMARY KEY (version)
)""",
    """CREATE TABLE calendar_days (
    segment TEXT NOT NULL,
    day DATE NOT NULL,
    instrument_class TEXT DEFAULT '' NOT NULL,
    version BIGINT NOT NULL,
    phases JSONB NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_calendar_days PRIMARY KEY (segment, day, instrument_class, version),
    CONSTRAINT ck_calendar_days_segment_known CHECK (segment IN ('NSE_CM', 'NSE_FO', 'BSE_CM', 'BSE_FO', 'MCX', 'CDS')),
    CONSTRAINT fk_calendar_days_version FOREIGN KEY (version) REFERENCES calendar_versions (version)
)""",
    """CREATE FUNCTION notify_calendar_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('calendar_days', '');
    RETURN NULL;
END $$""",
    """CREATE TRIGGER calendar_days_notify AFTER INSERT OR UPDATE OR DELETE ON calendar_days
    FOR EACH STATEMENT EXECUTE FUNCTION notify_calendar_days()""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
