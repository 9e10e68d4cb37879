"""Both datastores of a process under one roof, and the one that scripts share."""

from __future__ import annotations

import asyncio

from tradewinds.config import DatabaseSettings, RedisSettings, load
from tradewinds.database.reconnecting import describe
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("database")

_HEALTH_SECONDS = 1.0
_HEALTH_CONNECT_SECONDS = 0.8  # less, so that the reason of the failure is known and logged


class DatabaseManager:
    """Connects PostgreSQL and Redis, each when it is first needed. Settings default to the environment (DATABASE_URL, REDIS_URL),
    read at the first use, so that importing never fails.

    It belongs to one event loop at a time: a script that calls `asyncio.run` again gets new connections.
    """

    def __init__(
        self, database_settings: DatabaseSettings | None = None, redis_settings: RedisSettings | None = None
    ) -> None:
        self._database_settings = database_settings
        self._redis_settings = redis_settings
        self._forget()

    def _forget(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._database: Database | None = None
        self._redis: RedisConnection | None = None
        self._database_lock = asyncio.Lock()
        self._redis_lock = asyncio.Lock()

    async def connect(self) -> None:
        """Connect both; raises what `Database.connect` and `RedisConnection.connect` raise, with nothing left open."""
        try:
            # Both to their end: one that is still connecting while the other's failure is handled would stay open.
            results = await asyncio.gather(self.database(), self.redis(), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        except BaseException:
            await self.close()
            raise

    async def database(self, *, deadline_seconds: float | None = None) -> Database:
        """The connected PostgreSQL."""
        self._enter_loop()
        async with self._database_lock:
            if self._database is None:
                database = Database(self._database_settings or load(DatabaseSettings))
                await database.connect(deadline_seconds=deadline_seconds)
                self._database = database
            return self._database

    async def redis(self, *, deadline_seconds: float | None = None) -> RedisConnection:
        """The connected Redis."""
        self._enter_loop()
        async with self._redis_lock:
            if self._redis is None:
                redis = RedisConnection(self._redis_settings or load(RedisSettings))
                await (redis.connect(deadline_seconds=deadline_seconds) if deadline_seconds else redis.connect())
                self._redis = redis
            return self._redis

    async def close(self) -> None:
        """Close both. The next use connects again."""
        self._enter_loop()
        database, redis = self._database, self._redis
        self._forget()
        if database is not None:
            await database.close()
        if redis is not None:
            await redis.close()

    async def health_check(self) -> dict[str, bool]:
        """`{"database": …, "redis": …}`: whether each answers within a second. Connects what is not connected. Never raises;
        the reason of a False is logged."""
        database, redis = await asyncio.gather(self._database_healthy(), self._redis_healthy())
        return {"database": database, "redis": redis}

    async def _database_healthy(self) -> bool:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                database = await self.database(deadline_seconds=_HEALTH_CONNECT_SECONDS)
                return await database.is_healthy(timeout_seconds=_HEALTH_SECONDS)
        except (TradewindsError, TimeoutError) as e:
            log.warning_throttled("unhealthy", part="database", error=describe(e))
            return False

    async def _redis_healthy(self) -> bool:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                redis = await self.redis(deadline_seconds=_HEALTH_CONNECT_SECONDS)
                return await redis.is_healthy(timeout_seconds=_HEALTH_SECONDS)
        except (TradewindsError, TimeoutError) as e:
            log.warning_throttled("unhealthy", part="redis", error=describe(e))
            return False

    def _enter_loop(self) -> None:
        """Connections of a loop that has ended cannot even be closed any more: drop them."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop and self._loop.is_closed():
            self._forget()
        self._loop = loop


db_manager = DatabaseManager()
