"""The broker session that the engine logged in and sealed; the feed only reads it, it never logs in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine_server.feed.database_errors import DATABASE_ERRORS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError
from tradewinds.seal import unseal
from tradewinds.telemetry import get_logger

log = get_logger("feed.session")

CHANNEL = "broker_sessions"
_RETRY_SECONDS = 1.0
_TIMEOUT_SECONDS = 3.0
_READ = """
SELECT session.account_id, session.sealed_tokens, session.epoch
FROM broker_sessions AS session JOIN broker_accounts AS account USING (account_id)
WHERE session.sealed_tokens IS NOT NULL AND account.enabled AND ($1 = '' OR session.account_id = $1)
ORDER BY session.account_id LIMIT 1
"""


@dataclass(frozen=True)
class BrokerSession:
    """Who the socket says it is. Two sessions are the same where nothing of it differs."""

    account_id: str
    client_code: str
    jwt: str = field(repr=False)
    feed_token: str = field(repr=False)
    api_key: str = field(repr=False)


class _Tokens(msgspec.Struct):
    """The JSON that `broker_sessions.sealed_tokens` seals."""

    jwt: str
    feed_token: str
    client_code: str
    api_key: str


class SessionKeeper:
    """The session in force, for any number of users: each waits for the next change by itself."""

    def __init__(self, database: Database, seal_key: bytes, account_id: str) -> None:
        self._database = database
        self._seal_key = seal_key
        self._account_id = account_id
        self.session: BrokerSession | None = None
        self._changed = asyncio.Event()

    def next_change(self) -> Coroutine[Any, Any, object]:
        """Wait until another session than now is in force: than at the call, not than when the waiting begins. A task begins to
        wait a moment after it was made, and the change of that moment would be slept through.
        """
        return self._changed.wait()

    async def follow(self) -> None:
        """Keep `session` as the table has it, for ever; a database that is away changes nothing."""
        heard = asyncio.Event()

        async def hear(_account_id: str | None) -> None:
            heard.set()

        listener = await self._database.listen(CHANNEL, hear)
        try:
            while True:
                await heard.wait()
                heard.clear()
                if not await self._read_again():
                    heard.set()
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            await listener.close()

    async def _read_again(self) -> bool:
        try:
            session = await self._read()
        except DATABASE_ERRORS as e:
            log.warning_throttled("unreadable", error=describe(e))
            return False
        except (ConfigurationError, msgspec.DecodeError) as e:
            # Another login may mend it, and that is heard; trying again does not.
            log.error("unusable", error=str(e), exc_info=True)
            session = None
        if session != self.session:
            self.session = session
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
            log.info("changed", account_id=session.account_id if session else None)
        elif session is None:
            log.info("missing", remedy="the engine logs in and seals a session; the feed waits for it")
        return True

    async def _read(self) -> BrokerSession | None:
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            row = await connection.fetchrow(_READ, self._account_id)
        if row is None:
            return None
        account_id = row["account_id"]
        plain = unseal(self._seal_key, f"session:{account_id}", row["sealed_tokens"])
        tokens = msgspec.json.decode(plain, type=_Tokens)
        return BrokerSession(account_id, tokens.client_code, tokens.jwt, tokens.feed_token, tokens.api_key)
