"""The health of what an engine stands on: every piece asked at once, within a second, never failing as a whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.database.session import Database

_PIECE_SECONDS = 1.0
_FEED_SILENT_MS = 15_000

_RUNNERS = "SELECT count(*) FROM runner_leases WHERE expires_at > clock_timestamp()"
_CLOSED_GATES = """
SELECT a.account_id, coalesce(nullif(l.gate_reason, ''), 'no engine owns it') AS reason
FROM broker_accounts a LEFT JOIN account_leases l USING (account_id)
WHERE a.enabled AND (l.gate IS DISTINCT FROM 'OPEN' OR l.expires_at <= clock_timestamp())
ORDER BY a.account_id
"""


@dataclass(frozen=True)
class Health:
    """True means well; `problems` says what is not, for a person."""

    database: bool
    redis: bool
    feed: bool
    runners: bool
    accounts: bool
    instruments: bool
    problems: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Everything is well."""
        return not self.problems


class HealthCheck:
    """Asks PostgreSQL and Redis what they know. `master_problem` says why the day's scrip master is not in, or nothing."""

    def __init__(self, database: Database, redis: Redis, master_problem: Callable[[], str]) -> None:
        self._database = database
        self._redis = redis
        self._master_problem = master_problem

    async def look(self) -> Health:
        """The health now."""
        database, redis, feed, runners, accounts = await asyncio.gather(
            _piece("PostgreSQL", self._database_problem()),
            _piece("Redis", self._redis_problem()),
            _piece("the feed", self._feed_problem()),
            _piece("runners", self._runners_problem()),
            _piece("broker accounts", self._accounts_problem()),
        )
        instruments = self._master_problem()
        problems = tuple(filter(None, (database, redis, feed, runners, accounts, instruments)))
        return Health(not database, not redis, not feed, not runners, not accounts, not instruments, problems)

    async def _database_problem(self) -> str:
        async with self._database.pool.acquire(timeout=_PIECE_SECONDS) as connection:
            await connection.fetchval("SELECT 1")
        return ""

    async def _redis_problem(self) -> str:
        await self._redis.get(redis_keys.MARKET_CLOCK)  # any read proves that it answers
        return ""

    async def _feed_problem(self) -> str:
        state = await self._redis.hgetall(redis_keys.FEED_STATE)
        values = {_text(key): _text(value) for key, value in state.items()}
        if not values:
            return "the feed has not reported; is it running?"
        if values.get("connected") != "1":
            return f"the feed is not connected to the broker's ticks: {values.get('reason') or 'connecting'}"
        silent_ms = time.time() * 1000 - int(values.get("updated_ms", "0"))
        return f"the feed has been silent for {silent_ms / 1000:.0f} s" if silent_ms > _FEED_SILENT_MS else ""

    async def _runners_problem(self) -> str:
        async with self._database.pool.acquire(timeout=_PIECE_SECONDS) as connection:
            count = await connection.fetchval(_RUNNERS)
        return "" if count else "no runner is connected: strategies cannot run"

    async def _accounts_problem(self) -> str:
        async with self._database.pool.acquire(timeout=_PIECE_SECONDS) as connection:
            rows = await connection.fetch(_CLOSED_GATES)
        return "; ".join(f"account {row['account_id']}: {row['reason']}" for row in rows)


async def _piece(name: str, question: Awaitable[str]) -> str:
    """The problem that `question` finds, or that it cannot be asked."""
    try:
        async with asyncio.timeout(_PIECE_SECONDS):
            return await question
    except TimeoutError:
        return f"{name}: no answer within {_PIECE_SECONDS:.0f} s"
    except (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as e:
        return f"{name}: {e}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
