"""Alert templates.

Revision: 0019
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = (
    # What a template says on single channels is made from the template when it is sent.
    "ALTER TABLE notifications DROP COLUMN parts",
    """CREATE TABLE alert_templates (
    owner_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    parameters_schema JSONB DEFAULT '{}'::jsonb NOT NULL,
    contents JSONB NOT NULL,
    deleted BOOLEAN DEFAULT false NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_alert_templates PRIMARY KEY (owner_id, template_id, version)
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
