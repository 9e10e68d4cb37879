"""Who allows a chat, and who forbids it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.phone import pin
from notifier.phone.chat_store import ChatStore, KnownChat, NewChat
from notifier.phone.conversation import LINK_WAIT
from notifier.phone.tokens import ChatTokens
from tradewinds.auth import ADMIN, OPERATOR, Principal
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError

_SHORTEST_TOKEN = timedelta(minutes=10)


@dataclass(frozen=True)
class Credential:
    """The token of a call, which the chat speaks with."""

    token: str
    expires_at: datetime


class PhoneDesk:
    """`source` is from where a call came."""

    def __init__(self, chats: ChatStore, tokens: ChatTokens, clock: Clock) -> None:
        self._chats = chats
        self._tokens = tokens
        self._clock = clock

    async def allow(
        self, caller: Principal, chat_id: int, secret: str, credential: Credential, *, source: str
    ) -> tuple[KnownChat, str]:
        """The chat, and the code that links it (empty where it is linked)."""
        if chat_id <= 0:
            raise InvalidArgumentError.field(
                "chat_id", "is not a private chat's, which is positive; groups give no commands"
            )
        digest = await asyncio.to_thread(pin.hashed, pin.checked(secret))
        code, now = pin.new_code(), self._clock.now()
        if credential.expires_at < now + _SHORTEST_TOKEN:
            raise InvalidArgumentError(
                "the token of this call is over in a moment, and the chat's with it; use one of `tradewinds token --hours`"
            )
        known = await self._chats.allow(
            NewChat(
                chat_id,
                caller.subject,
                digest,
                self._tokens.seal(chat_id, credential.token),
                credential.expires_at,
                pin.code_hash(code),
                now + LINK_WAIT,
            ),
            actor=caller.subject,
            source=source,
        )
        return known, "" if known.chat.linked else code

    async def listed(self, caller: Principal) -> list[KnownChat]:
        """The caller's; for operators and admins everybody's."""
        return await self._chats.listed(caller.subject, everybody=caller.has(OPERATOR, ADMIN))

    async def forbid(self, caller: Principal, chat_id: int, *, source: str) -> None:
        """The caller's; operators and admins anybody's, for a telephone that was lost."""
        await self._chats.forbid(chat_id, caller.subject, everybody=caller.has(OPERATOR, ADMIN), source=source)
