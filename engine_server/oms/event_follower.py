"""Order events that other engines have committed, for whoever follows them here.

A hint over Redis says that there are some; PostgreSQL has them. Without Redis they are looked for once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.records import OrderEventRecord
from tradewinds import redis_keys
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("oms.follower")

_POLL_SECONDS: Final = 1.0
_PAGE: Final = 500
_FAULTS: Final = (RedisError, OSError)

_NEWEST = """
SELECT l.account_id, (SELECT max(e.sequence) FROM order_events e WHERE e.account_id = l.account_id) AS newest
FROM account_leases l WHERE l.owner_id <> $1
"""


class EventFollower:
    """Run `announce`, `listen` and `follow` as watched tasks."""

    def __init__(self, database: Database, redis: Redis, event_log: OrderEventLog, engine_id: str) -> None:
        self._database = database
        self._redis = redis
        self._log = event_log
        self._engine_id = engine_id
        self._seen: dict[str, int] = {}
        self._ours = asyncio.Event()
        self._woken = asyncio.Event()
        event_log.on_commit = self._committed

    async def announce(self) -> None:
        """Tell the others that we have committed some, for ever."""
        while True:
            await self._ours.wait()
            self._ours.clear()
            try:
                await self._redis.publish(redis_keys.ORDER_EVENTS_COMMITTED, self._engine_id)
            except _FAULTS as e:
                log.warning_throttled("unannounced", error=repr(e))  # they look once a second

    async def listen(self) -> None:
        """Hear what the others tell, for ever."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(redis_keys.ORDER_EVENTS_COMMITTED)
                    async for message in subscription.listen():
                        if message["type"] == "message" and message["data"] != self._engine_id.encode():
                            self._woken.set()
            except _FAULTS as e:
                log.warning_throttled("unheard", error=repr(e))
            await asyncio.sleep(_POLL_SECONDS)

    async def follow(self) -> None:
        """Pass on what others have committed, for ever."""
        while True:
            self._woken.clear()
            try:
                for row in await self._database.pool.fetch(_NEWEST, self._engine_id):
                    await self._pass_on(row["account_id"], row["newest"] or 0)
            except PASSING_FAULTS as e:
                log.warning_throttled("unreadable", error=repr(e))
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _pass_on(self, account_id: str, newest: int) -> None:
        # Of an account that we have not seen, nobody here waits for the past: followers read it by themselves.
        last = self._seen.setdefault(account_id, newest)
        while last < newest and (events := await self._log.read_account_after(account_id, last, _PAGE)):
            last = self._seen[account_id] = events[-1].sequence
            self._log.pass_on(events)

    def _committed(self, events: Sequence[OrderEventRecord]) -> None:
        for event in events:
            self._seen[event.account_id] = event.sequence
        self._ours.set()
