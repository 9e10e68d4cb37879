"""The day's session of an account: its tokens, where they are kept, and who may replace them.

One owner logs in, its successors and the feed reuse the session from `broker_sessions`, sealed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import asyncpg
import msgspec

from engine_server.broker.port import BrokerError
from tradewinds.clock import day_key
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError, LeaseSupersededError
from tradewinds.seal import seal, unseal
from tradewinds.telemetry import get_logger

log = get_logger("broker")


@dataclass(frozen=True)
class SessionTokens:
    """What a login gives, tokens without any `Bearer `; the form that is sealed."""

    jwt: str = field(repr=False)
    refresh_token: str = field(repr=False)
    feed_token: str = field(repr=False)
    client_code: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class BrokerSession:
    """Tokens, and when they were given (real time): they end with that day in India (protocol §2.6)."""

    tokens: SessionTokens
    logged_in_at: datetime

    def is_of_day(self, moment: datetime) -> bool:
        """Whether the session was opened on the same day in India."""
        return day_key(self.logged_in_at) == day_key(moment)


class CurrentSession:
    """The session in use, which a login replaces under the feet of the order stream."""

    def __init__(self) -> None:
        self.value: BrokerSession | None = None
        self._changed = asyncio.Event()

    def set(self, session: BrokerSession) -> None:
        """Use this one from now on, and wake whoever waits for it."""
        self.value = session
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, timeout_seconds: float | None) -> None:
        """Return at the next `set`, or after the time is up."""
        event = self._changed
        try:
            async with asyncio.timeout(timeout_seconds):
                await event.wait()
        except TimeoutError:
            return


class SessionStore(Protocol):
    """Where the session of one account is handed over."""

    async def load(self) -> BrokerSession | None:
        """The last session that was stored, whatever its age."""
        ...

    async def save(self, session: BrokerSession, epoch: int) -> None:
        """Store a new session. Raises `LeaseSupersededError` for an older epoch than the stored one's, `BrokerError`
        where it cannot be stored.
        """
        ...

    async def record_failure(self, epoch: int, client_code: str, error: str) -> None:
        """Note why there is no new session, for people. Never raises for a store that is down."""
        ...


# A frozen owner that thaws must not replace its successor's session: the epoch only grows.
_SAVE = """
INSERT INTO broker_sessions (account_id, client_code, sealed_tokens, epoch, logged_in_at, last_error, updated_at)
VALUES ($1, $2, $3, $4, $5, '', now())
ON CONFLICT (account_id) DO UPDATE SET client_code = excluded.client_code, sealed_tokens = excluded.sealed_tokens,
    epoch = excluded.epoch, logged_in_at = excluded.logged_in_at, last_error = '', updated_at = now()
WHERE broker_sessions.epoch <= excluded.epoch
"""
_RECORD_FAILURE = """
INSERT INTO broker_sessions (account_id, client_code, epoch, last_error, updated_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (account_id) DO UPDATE SET epoch = excluded.epoch, last_error = excluded.last_error, updated_at = now()
WHERE broker_sessions.epoch <= excluded.epoch
"""
_LOAD = "SELECT sealed_tokens, logged_in_at FROM broker_sessions WHERE account_id = $1"


class PostgresSessionStore:
    """The row of one account in `broker_sessions`; a trigger notifies its readers of every write."""

    def __init__(self, database: Database, seal_key: bytes, account_id: str) -> None:
        self._database = database
        self._seal_key = seal_key
        self._account_id = account_id

    @property
    def _purpose(self) -> str:
        return f"session:{self._account_id}"

    async def load(self) -> BrokerSession | None:
        """What cannot be unsealed is as good as no session: the next login replaces it."""
        try:
            row = await self._database.pool.fetchrow(_LOAD, self._account_id)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
            raise BrokerError(f"the stored session of {self._account_id} could not be read: {e}") from e
        if row is None or row["sealed_tokens"] is None or row["logged_in_at"] is None:
            return None
        try:
            plain = unseal(self._seal_key, self._purpose, row["sealed_tokens"])
            return BrokerSession(msgspec.json.decode(plain, type=SessionTokens), row["logged_in_at"])
        except (ConfigurationError, msgspec.MsgspecError):
            log.warning("session.unreadable", account_id=self._account_id)
            return None

    async def save(self, session: BrokerSession, epoch: int) -> None:
        sealed = seal(self._seal_key, self._purpose, msgspec.json.encode(session.tokens))
        client_code = session.tokens.client_code
        try:
            status = await self._database.pool.execute(
                _SAVE, self._account_id, client_code, sealed, epoch, session.logged_in_at
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
            raise BrokerError(
                f"logged in, but the session of {self._account_id} could not be stored: {e}",
                reason="BROKER_SESSION_NOT_STORED",
            ) from e
        if status == "INSERT 0 0":
            raise LeaseSupersededError(
                f"the session of {self._account_id} belongs to an owner newer than epoch {epoch}"
            )

    async def record_failure(self, epoch: int, client_code: str, error: str) -> None:
        try:
            await self._database.pool.execute(_RECORD_FAILURE, self._account_id, client_code, epoch, error)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
            log.warning("session.failure_not_recorded", account_id=self._account_id, error=str(e))
