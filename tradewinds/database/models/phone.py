"""Commands from a telephone: the chats that may give them, what they said, and who listens to the bot."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

PHONE_COMMAND_STATES = ("ACCEPTED", "DONE", "ANSWERED", "INTERRUPTED")


class PhoneChat(Base):
    """A private Telegram chat that speaks for `user_id` once it has been linked. Kept are the PIN's hash and the sealed token whose
    roles its commands have; `pending` is the command that waits for the PIN.
    """

    __tablename__ = "phone_chats"

    guarded_because = "what a chat may do is decided by the conversation, under the row's lock"

    chat_id: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[str] = mapped_column(index=True)
    pin_hash: Mapped[bytes]
    sealed_token: Mapped[bytes]
    token_expires_at: Mapped[dt.datetime]
    link_hash: Mapped[str] = mapped_column(server_default=text("''"))
    link_expires_at: Mapped[dt.datetime | None]
    linked_at: Mapped[dt.datetime | None]
    wrong_guesses: Mapped[int] = mapped_column(server_default=text("0"))
    locked_until: Mapped[dt.datetime | None]
    pending: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class PhoneCommand(Base):
    """What a chat said, once for each update of the bot. ACCEPTED is done under the row's id until it is DONE; ANSWERED needed nothing;
    INTERRUPTED could not be finished in time by anybody.
    """

    __tablename__ = "phone_commands"
    __table_args__ = (
        one_of("state", PHONE_COMMAND_STATES),
        Index("ix_phone_commands_accepted", "bot_id", postgresql_where=text("state = 'ACCEPTED'")),
    )

    guarded_because = "an update of the bot is taken once"

    command_id: Mapped[str] = mapped_column(primary_key=True)
    bot_id: Mapped[str]
    chat_id: Mapped[BigInt]
    user_id: Mapped[str]
    command: Mapped[str]
    target: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    answer: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class PhoneBot(Base):
    """Which notifier listens to a bot, and what comes next from it."""

    __tablename__ = "phone_bots"

    guarded_because = "the lease is one statement"

    bot_id: Mapped[str] = mapped_column(primary_key=True)
    next_update_id: Mapped[BigInt] = mapped_column(server_default=text("0"))
    heard_at: Mapped[CreatedAt]
    holder: Mapped[str]
    lease_until: Mapped[dt.datetime]
