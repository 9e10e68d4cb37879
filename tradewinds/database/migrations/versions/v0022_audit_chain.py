"""The audit log as hash chains: every row is linked to the one before it in its stream, in the transaction that writes it.

Revision: 0022
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"

# The link is made at the commit (DEFERRED): a lock on the stream is held for that moment only, and a transaction that holds other
# locks while it works cannot deadlock with another over it. What stops an account is in a stream of its own: it must not wait for the
# account's writer. REVOKE binds whoever is not a superuser, the trigger those too.
STATEMENTS = (
    "ALTER TABLE audit_log ADD COLUMN account_id TEXT DEFAULT '' NOT NULL",
    "CREATE INDEX ix_audit_log_account_id_audit_id ON audit_log (account_id, audit_id)",
    """CREATE TABLE audit_links (
    stream TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    audit_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_links PRIMARY KEY (stream, sequence),
    CONSTRAINT uq_audit_links_audit_id UNIQUE (audit_id)
)""",
    """CREATE FUNCTION link_audit_entry(entry audit_log) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stream_name text := CASE
        WHEN entry.account_id <> '' AND entry.subject_type NOT IN ('kill_switch', 'risk_limit', 'risk_decision')
        THEN 'account:' || entry.account_id ELSE entry.subject_type
    END;
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_links/' || stream_name, 0));
    SELECT l.sequence, l.hash INTO last FROM audit_links l WHERE l.stream = stream_name ORDER BY l.sequence DESC LIMIT 1;
    INSERT INTO audit_links (stream, sequence, audit_id, hash)
    VALUES (
        stream_name, coalesce(last.sequence, 0) + 1, entry.audit_id,
        sha256(coalesce(last.hash, ''::bytea) || convert_to(jsonb_build_array(
            entry.audit_id, (extract(epoch FROM entry.recorded_at) * 1000000)::bigint, entry.actor, entry.action,
            entry.subject_type, entry.subject_id, entry.account_id, entry.reason, entry.before, entry.after, entry.source
        )::text, 'UTF8'))
    );
END $$""",
    """CREATE FUNCTION link_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM link_audit_entry(NEW);
    RETURN NULL;
END $$""",
    "SELECT link_audit_entry(a) FROM (SELECT * FROM audit_log ORDER BY audit_id) a",
    """CREATE CONSTRAINT TRIGGER audit_log_link AFTER INSERT ON audit_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_audit_log()""",
    "ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_link",
    """CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Write a new entry that corrects the old one.';
END $$""",
    """CREATE TRIGGER audit_links_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_links
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change()""",
    "ALTER TABLE audit_links ENABLE ALWAYS TRIGGER audit_links_append_only",
    "REVOKE UPDATE, DELETE, TRUNCATE ON audit_log, audit_links FROM PUBLIC, CURRENT_USER",
)


def upgrade() -> None:
    """Link what is there, and whatever comes."""
    for statement in STATEMENTS:
        op.execute(statement)
