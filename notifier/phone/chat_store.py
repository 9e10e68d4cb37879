"""Chats, their commands and the bot's place in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier.phone.commands import Command, Verb
from notifier.phone.conversation import Act, Chat, Intent, Pending, Say, Target
from tradewinds import audit
from tradewinds.database.session import Database
from tradewinds.errors import AlreadyExistsError, NotFoundError

_COLUMNS: Final = (
    "chat_id, user_id, pin_hash, sealed_token, token_expires_at, link_hash, link_expires_at, linked_at, wrong_guesses, locked_until, "
    "pending, created_at"
)
# Somebody else's chat is taken over only where it was never linked and its code is over.
_ALLOW: Final = text(
    f"""
    INSERT INTO phone_chats AS c (chat_id, user_id, pin_hash, sealed_token, token_expires_at, link_hash, link_expires_at)
    VALUES (:chat_id, :user_id, :pin_hash, :sealed_token, :token_expires_at, :link_hash, :link_expires_at)
    ON CONFLICT (chat_id) DO UPDATE SET user_id = excluded.user_id, pin_hash = excluded.pin_hash, sealed_token = excluded.sealed_token,
        token_expires_at = excluded.token_expires_at, wrong_guesses = 0, locked_until = NULL, pending = NULL, updated_at = now(),
        link_hash = CASE WHEN c.linked_at IS NULL THEN excluded.link_hash ELSE '' END,
        link_expires_at = CASE WHEN c.linked_at IS NULL THEN excluded.link_expires_at END
    WHERE c.user_id = excluded.user_id OR (c.linked_at IS NULL AND c.link_expires_at < now())
    RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant
)
_LIST: Final = text(
    f"SELECT {_COLUMNS} FROM phone_chats WHERE user_id = :user_id OR :all ORDER BY created_at, chat_id"  # noqa: S608
)
_FORBID: Final = text(
    "DELETE FROM phone_chats WHERE chat_id = :chat_id AND (user_id = :user_id OR :all) RETURNING user_id"
)
_FIND: Final = text(f"SELECT {_COLUMNS} FROM phone_chats WHERE chat_id = :chat_id")  # noqa: S608
_LOCK: Final = text(f"SELECT {_COLUMNS} FROM phone_chats WHERE chat_id = :chat_id FOR UPDATE")  # noqa: S608
# An update is taken once, whoever is told of it.
_TAKE: Final = text(
    """
    INSERT INTO phone_commands (command_id, bot_id, chat_id, user_id, command, target, state, answer)
    VALUES (:command_id, :bot_id, :chat_id, :user_id, :command, CAST(:target AS jsonb), :state, :answer)
    ON CONFLICT DO NOTHING RETURNING command_id
    """
)
_REMEMBER: Final = text(
    """
    UPDATE phone_chats SET link_hash = :link_hash, link_expires_at = :link_expires_at, wrong_guesses = :wrong, locked_until = :locked_until,
        linked_at = CASE WHEN :linked THEN coalesce(linked_at, now()) END, pending = CAST(:pending AS jsonb), updated_at = now()
    WHERE chat_id = :chat_id
    """
)
_FINISH: Final = """
UPDATE phone_commands SET state = $2, answer = $3, updated_at = now() WHERE command_id = $1 AND state = 'ACCEPTED'
"""
_ACCEPTED: Final = """
SELECT command_id, chat_id, command, target, created_at FROM phone_commands WHERE bot_id = $1 AND state = 'ACCEPTED' ORDER BY created_at
"""
_LEASE: Final = """
INSERT INTO phone_bots AS b (bot_id, holder, lease_until) VALUES ($1, $2, clock_timestamp() + $3)
ON CONFLICT (bot_id) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
WHERE b.holder = excluded.holder OR b.lease_until < clock_timestamp()
RETURNING CASE WHEN heard_at < clock_timestamp() - interval '6 days' THEN 0 ELSE next_update_id END
"""
_ADVANCE: Final = """
UPDATE phone_bots SET next_update_id = $3, heard_at = clock_timestamp() WHERE bot_id = $1 AND holder = $2
"""
_LET_GO: Final = "UPDATE phone_bots SET lease_until = clock_timestamp() WHERE bot_id = $1 AND holder = $2"


@dataclass(frozen=True)
class KnownChat:
    """A chat with what is kept of its secrets."""

    chat: Chat
    pin_hash: bytes
    sealed_token: bytes
    linked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class NewChat:
    """What somebody allows."""

    chat_id: int
    user_id: str
    pin_hash: bytes
    sealed_token: bytes
    token_expires_at: datetime
    link_hash: str
    link_expires_at: datetime


@dataclass(frozen=True)
class Accepted:
    """A command that is to be done."""

    command_id: str
    chat_id: int
    act: Act
    created_at: datetime


class ChatStore:
    """Errors of PostgreSQL pass through."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def allow(self, new: NewChat, *, actor: str, source: str) -> KnownChat:
        """Add the chat, or give it a new PIN and token; raises `AlreadyExistsError` where it is somebody else's."""
        async with self._database.session() as session:
            row = (await session.execute(_ALLOW, vars(new))).mappings().one_or_none()
            if row is None:
                raise AlreadyExistsError(f"chat {new.chat_id} is another user's; they can forbid it")
            await _audit(session, new.chat_id, new.user_id, "allow", actor=actor, source=source)
            await session.commit()
        return _known(row)

    async def listed(self, user_id: str, *, everybody: bool) -> list[KnownChat]:
        """One user's, or all."""
        async with self._database.session() as session:
            rows = (await session.execute(_LIST, {"user_id": user_id, "all": everybody})).mappings().all()
        return [_known(row) for row in rows]

    async def forbid(self, chat_id: int, user_id: str, *, everybody: bool, source: str) -> None:
        """Remove it; raises `NotFoundError`."""
        async with self._database.session() as session:
            key = {"chat_id": chat_id, "user_id": user_id, "all": everybody}
            row = (await session.execute(_FORBID, key)).one_or_none()
            if row is None:
                raise NotFoundError(f"chat {chat_id} is not allowed anything, or it is another user's")
            await _audit(session, chat_id, row.user_id, "forbid", actor=user_id, source=source)
            await session.commit()

    async def find(self, chat_id: int) -> KnownChat | None:
        """None for a chat that nobody has allowed."""
        async with self._database.session() as session:
            row = (await session.execute(_FIND, {"chat_id": chat_id})).mappings().one_or_none()
        return _known(row) if row is not None else None

    async def take(
        self, command_id: str, bot_id: str, before: KnownChat, after: Chat, said: str, intent: Intent, answer: str
    ) -> bool:
        """What was said, what the chat becomes and the audit record are one transaction. False where the update was taken before, or the
        chat is not what it was when that was decided.
        """
        async with self._database.session() as session:
            row = (await session.execute(_LOCK, {"chat_id": after.chat_id})).mappings().one_or_none()
            if row is None or _known(row) != before:
                return False
            values = _command_row(command_id, bot_id, after, said, intent, answer)
            if (await session.execute(_TAKE, values)).one_or_none() is None:
                return False
            await session.execute(_REMEMBER, _chat_row(after))
            await _audit_intent(session, after, intent)
            await session.commit()
        return True

    async def finish(self, command_id: str, answer: str, *, interrupted: bool = False) -> None:
        """It is done."""
        await self._database.pool.execute(_FINISH, command_id, "INTERRUPTED" if interrupted else "DONE", answer)

    async def accepted(self, bot_id: str) -> list[Accepted]:
        """What a notifier took and did not finish."""
        rows = await self._database.pool.fetch(_ACCEPTED, bot_id)
        return [
            Accepted(
                row["command_id"],
                row["chat_id"],
                Act(_command(row["command"]), _target(row["target"])),
                row["created_at"],
            )
            for row in rows
        ]

    async def lease(self, bot_id: str, holder: str, ttl: Any) -> int | None:
        """The next update's id while we are the one who listens (0: whatever there is); None while another is."""
        next_update_id: int | None = await self._database.pool.fetchval(_LEASE, bot_id, holder, ttl)
        return next_update_id

    async def advance(self, bot_id: str, holder: str, next_update_id: int) -> None:
        """What came before is dealt with."""
        await self._database.pool.execute(_ADVANCE, bot_id, holder, next_update_id)

    async def let_go(self, bot_id: str, holder: str) -> None:
        """Another may listen at once."""
        await self._database.pool.execute(_LET_GO, bot_id, holder)


def _known(row: Mapping[Any, Any]) -> KnownChat:
    pending = row["pending"]
    chat = Chat(
        chat_id=row["chat_id"],
        user_id=row["user_id"],
        linked=row["linked_at"] is not None,
        token_expires_at=row["token_expires_at"],
        link_hash=row["link_hash"],
        link_expires_at=row["link_expires_at"],
        wrong=row["wrong_guesses"],
        locked_until=row["locked_until"],
        pending=None
        if pending is None
        else Pending(
            _command(pending["command"]), _target(pending["target"]), datetime.fromisoformat(pending["until"])
        ),
    )
    return KnownChat(chat, row["pin_hash"], row["sealed_token"], row["linked_at"], row["created_at"])


def _command(text_: str) -> Command:
    verb, _, argument = text_.removeprefix("/").partition(" ")
    return Command(Verb(verb), argument)


def _target(value: Mapping[str, str]) -> Target:
    return Target(value["scope"], value["subject_id"])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _command_row(command_id: str, bot_id: str, chat: Chat, said: str, intent: Intent, answer: str) -> dict[str, object]:
    acts = isinstance(intent, Act)
    return {
        "command_id": command_id,
        "bot_id": bot_id,
        "chat_id": chat.chat_id,
        "user_id": chat.user_id,
        "command": str(intent.command) if isinstance(intent, Act) else said,
        "target": _json(intent.target) if isinstance(intent, Act) else None,
        "state": "ACCEPTED" if acts else "ANSWERED",
        "answer": answer,
    }


def _chat_row(chat: Chat) -> dict[str, object]:
    pending = chat.pending
    return {
        "chat_id": chat.chat_id,
        "linked": chat.linked,
        "link_hash": chat.link_hash,
        "link_expires_at": chat.link_expires_at,
        "wrong": chat.wrong,
        "locked_until": chat.locked_until,
        "pending": None
        if pending is None
        else _json({"command": str(pending.command), "target": pending.target, "until": pending.until.isoformat()}),
    }


async def _audit_intent(session: AsyncSession, chat: Chat, intent: Intent) -> None:
    source = source_of(chat.chat_id)
    if isinstance(intent, Act):
        target = intent.target
        await audit.record(
            session,
            actor=chat.user_id,
            action=f"phone.{intent.command.verb}",
            subject=(target.scope.lower(), target.subject_id),
            reason=str(intent.command),
            source=source,
            account_id=target.subject_id if target.scope == "ACCOUNT" else "",
        )
    elif isinstance(intent, Say) and intent.event:
        await _audit(session, chat.chat_id, chat.user_id, intent.event, actor=chat.user_id, source=source)


async def _audit(session: AsyncSession, chat_id: int, user_id: str, what: str, *, actor: str, source: str) -> None:
    await audit.record(
        session,
        actor=actor,
        action=f"phone_chat.{what}",
        subject=("phone_chat", str(chat_id)),
        after={"user_id": user_id},
        source=source,
    )


def source_of(chat_id: int) -> str:
    """From where a chat's commands come, as the audit log says it."""
    return f"telegram chat {chat_id}"
