"""The day's session of an account: its tokens, where they are kept, and who may replace them.

One owner logs in, its successors and the feed reuse the session from `broker_sessions`, sealed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Protocol

import asyncpg
import msgspec

from engine_server.broker.port import BrokerError
from tradewinds.clock import IST, Clock, SystemClock, ist
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

    @cached_property
    def ends_at(self) -> datetime:
        """Midnight in India after the login."""
        return datetime.combine(ist(self.logged_in_at).date() + timedelta(days=1), time(), IST).astimezone(UTC)

    def is_of_day(self, moment: datetime) -> bool:
        """Whether the session was opened on the same day in India, or on a later one (by a clock that is ahead)."""
        return moment < self.ends_at


class CurrentSession:
    """The session in use, which a login replaces under the feet of the order stream."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.value: BrokerSession | None = None
        self.disowned_jwt = ""
        self.disowned_at = 0.0  # monotonic
        self._clock = clock or SystemClock()
        self._changed = asyncio.Event()

    def usable(self) -> SessionTokens | None:
        """Its tokens, unless the broker has disowned them or their day in India is over (protocol §2.6)."""
        session = self.value
        if session is None or session.tokens.jwt == self.disowned_jwt or not session.is_of_day(self._clock.now()):
            return None
        return session.tokens

    def disown(self, jwt: str) -> None:
        """The broker does not know this token any more; nothing is sent again because of it."""
        is_current = self.value is not None and self.value.tokens.jwt == jwt
        if (
            is_current and jwt != self.disowned_jwt
        ):  # late answers to requests in an earlier session say nothing of this one
            self.disowned_jwt, self.disowned_at = jwt, self._clock.monotonic()
            log.warning("session.expired")

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
        """Note for people why there is no new session, or what is wrong with it; empty: nothing any more. Never raises for
        a store that is down.
        """
        ...

    async def rival(self, client_code: str) -> str:
        """The enabled account that had this client code first, where that is another one; '' otherwise. Raises `BrokerError`
        where it cannot be told.
        """
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
# One login owner per client code (protocol §2.6): the account that came first keeps it.
_RIVAL = """
SELECT account_id FROM broker_accounts WHERE enabled AND broker = 'ANGEL_ONE' AND upper(client_code) = upper($1)
ORDER BY created_at, account_id LIMIT 1
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

    async def rival(self, client_code: str) -> str:
        try:
            first = await self._database.pool.fetchval(_RIVAL, client_code)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
            raise BrokerError(f"the accounts with client code {client_code} could not be read: {e}") from e
        return "" if first in (None, self._account_id) else str(first)
