"""The real-time view of strategies in Redis (hash `fl:status`): written after the commit, never read by the engine.

Everything in it can be lost: after an error of Redis, and once a minute, it is written whole from PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.fleet.faults import DATABASE_FAULTS
from tradewinds import redis_keys
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.status")

_REWRITE_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_FAULTS: tuple[type[Exception], ...] = (RedisError, OSError, *DATABASE_FAULTS)

_READ = """
    SELECT c.config_id, c.user_id, c.desired_state, c.state, c.state_reason, coalesce(a.runner_id, '') AS runner_id,
           coalesce(a.epoch, 0) AS epoch, c.generation, c.heartbeat_at, c.updated_at
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    WHERE $1::text[] IS NULL OR c.config_id = ANY($1)
"""


class StatusBoard:
    """Touch what has changed; `run` writes it."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._touched: set[str] = set()
        self._woken = asyncio.Event()

    def touch(self, config_ids: Iterable[str]) -> None:
        """These have changed, and it is committed."""
        self._touched.update(config_ids)
        self._woken.set()

    async def run(self) -> None:
        """Write for ever; without Redis nothing waits for us."""
        rewritten_at = -_REWRITE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() - rewritten_at >= _REWRITE_SECONDS:
                    self._touched.clear()
                    await self._rewrite()
                    rewritten_at = loop.time()
                await self._wait()
                await self._write()
            except _FAULTS as e:
                log.warning_throttled("not_written", error=repr(e))
                rewritten_at = -_REWRITE_SECONDS
                await asyncio.sleep(_RETRY_SECONDS)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_REWRITE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _write(self) -> None:
        self._woken.clear()
        touched, self._touched = sorted(self._touched), set()
        if not touched:
            return
        found = await self._read(touched)
        pipeline = self._redis.pipeline(transaction=True)
        if found:
            pipeline.hset(redis_keys.STRATEGY_STATUS, mapping=found)
        if gone := [config_id for config_id in touched if config_id not in found]:
            pipeline.hdel(redis_keys.STRATEGY_STATUS, *gone)
        await pipeline.execute()

    async def _rewrite(self) -> None:
        found = await self._read(None)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(redis_keys.STRATEGY_STATUS)
        if found:
            pipeline.hset(redis_keys.STRATEGY_STATUS, mapping=found)
        await pipeline.execute()

    async def _read(self, config_ids: list[str] | None) -> dict[Any, bytes]:
        rows = await self._database.pool.fetch(_READ, config_ids)
        return {row["config_id"]: msgspec.json.encode(dict(row)) for row in rows}
