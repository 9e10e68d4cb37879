"""Telegram chats that may give commands, what they said, and who listens to the bot.

Revision: 0030
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"

STATEMENTS = (
    """CREATE TABLE phone_chats (
    chat_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    pin_hash BYTEA NOT NULL,
    sealed_token BYTEA NOT NULL,
    token_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    link_hash TEXT DEFAULT '' NOT NULL,
    link_expires_at TIMESTAMP WITH TIME ZONE,
    linked_at TIMESTAMP WITH TIME ZONE,
    wrong_guesses INTEGER DEFAULT 0 NOT NULL,
    locked_until TIMESTAMP WITH TIME ZONE,
    pending JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_phone_chats PRIMARY KEY (chat_id)
)""",
    "CREATE INDEX ix_phone_chats_user_id ON phone_chats (user_id)",
    """CREATE TABLE phone_commands (
    command_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    command TEXT NOT NULL,
    target JSONB,
    state TEXT NOT NULL,
    answer TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_phone_commands PRIMARY KEY (command_id),
    CONSTRAINT ck_phone_commands_state_known CHECK (state IN ('ACCEPTED', 'DONE', 'ANSWERED', 'INTERRUPTED'))
)""",
    "CREATE INDEX ix_phone_commands_accepted ON phone_commands (bot_id) WHERE state = 'ACCEPTED'",
    """CREATE TABLE phone_bots (
    bot_id TEXT NOT NULL,
    next_update_id BIGINT DEFAULT 0 NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    holder TEXT NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_phone_bots PRIMARY KEY (bot_id)
)""",
)


def upgrade() -> None:
    """Create them."""
    for statement in STATEMENTS:
        op.execute(statement)
