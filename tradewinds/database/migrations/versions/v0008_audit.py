"""The tables of the append-only audit log.

Revision: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

# ENABLE ALWAYS: an ordinary trigger is skipped by a session with session_replication_role = 'replica'.
STATEMENTS = (
    """CREATE TABLE audit_log (
    audit_id BIGSERIAL NOT NULL,
    recorded_at TIMESTAMPTZ DEFAULT clock_timestamp() NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    before JSONB,
    after JSONB,
    source TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_audit_log PRIMARY KEY (audit_id)
)""",
    "CREATE INDEX ix_audit_log_recorded_at ON audit_log (recorded_at)",
    "CREATE INDEX ix_audit_log_subject_type_subject_id_audit_id ON audit_log (subject_type, subject_id, audit_id)",
    """CREATE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Write a new entry that corrects the old one.';
END $$""",
    """CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change()""",
    "ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_append_only",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
