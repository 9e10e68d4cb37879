"""Of several feeds of one broker session one streams, the others stand by: a row with an expiry, judged by database time.

Two would stream everything twice, and the broker allows three connections a client. A database that is away changes nothing: nobody
else can take over either; whoever finds a newer epoch in Redis steps back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from prometheus_client import Gauge

from engine_server.feed.broker_session import BrokerSession, SessionKeeper
from engine_server.feed.database_errors import DATABASE_ERRORS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("feed.lease")

ACTIVE = Gauge("tradewinds_feed_active", "1 while this process streams, 0 while it stands by")

TTL_SECONDS: Final = 3.0
_RENEW_SECONDS: Final = 0.5
_TIMEOUT_SECONDS: Final = 1.0
# The holder renews; anybody takes what has expired; a process that has just been started takes it from an earlier one of its name.
_HOLD = """
INSERT INTO feed_leases AS held (name, owner_id, instance_id, epoch, expires_at) VALUES ($1, $2, $3, 1, now() + $4)
ON CONFLICT (name) DO UPDATE SET
    owner_id = excluded.owner_id,
    instance_id = excluded.instance_id,
    epoch = held.epoch + (held.instance_id <> excluded.instance_id)::int,
    expires_at = excluded.expires_at,
    updated_at = now()
WHERE held.instance_id = excluded.instance_id OR held.expires_at < now() OR ($5 AND held.owner_id = excluded.owner_id)
RETURNING epoch
"""
_RELEASE = "UPDATE feed_leases SET expires_at = now() - interval '1 second' WHERE name = $1 AND instance_id = $2"


class FeedLease:
    """`epoch` is 0 while somebody else holds it. `on_held` is awaited before anybody is told that we do."""

    def __init__(
        self,
        database: Database,
        sessions: SessionKeeper,
        *,
        name: str,
        owner_id: str,
        instance_id: str,
        on_held: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._name = name
        self._owner_id = owner_id
        self._instance_id = instance_id
        self._on_held = on_held
        self._changed = asyncio.Event()
        self._monotonic = monotonic
        self._asked_at = float("-inf")
        self._is_first = True
        self.epoch = 0

    @property
    def is_held(self) -> bool:
        """Whether this process streams."""
        return self.epoch > 0

    @property
    def may_write(self) -> bool:
        """Whether what comes may be published. A process that was frozen must first hear whether it still holds the lease."""
        return self.is_held and self._monotonic() - self._asked_at < TTL_SECONDS

    @property
    def session(self) -> BrokerSession | None:
        """The broker session to stream with: none while somebody else does."""
        return self._sessions.session if self.is_held else None

    async def next_change(self) -> None:
        """Wait until `session` may be another one."""
        waiting = [
            asyncio.ensure_future(self._sessions.next_change()),
            asyncio.ensure_future(self._changed.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    async def run(self) -> None:
        """Hold it, or be ready to, for ever."""
        while True:
            try:
                epoch = await self._hold()
            except DATABASE_ERRORS as e:
                log.warning_throttled("unreadable", error=describe(e), held=self.is_held)
            else:
                self._is_first = False
                await self._take(epoch)
            self._asked_at = self._monotonic()
            await asyncio.sleep(_RENEW_SECONDS)

    async def release(self) -> None:
        """Let a successor begin at once; raises nothing: it would begin anyhow, a little later."""
        if not self.is_held:
            return
        self._set(0)
        try:
            async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
                await connection.execute(_RELEASE, self._name, self._instance_id, timeout=_TIMEOUT_SECONDS)
        except DATABASE_ERRORS as e:
            log.warning("not_released", error=describe(e))

    def superseded(self, epoch: int) -> None:
        """Another feed streams under a newer epoch: step back."""
        log.warning("superseded", ours=self.epoch, theirs=epoch)
        self._set(0)

    async def _hold(self) -> int:
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            arguments = (self._name, self._owner_id, self._instance_id, timedelta(seconds=TTL_SECONDS), self._is_first)
            epoch: int | None = await connection.fetchval(_HOLD, *arguments, timeout=_TIMEOUT_SECONDS)
        return epoch or 0

    async def _take(self, epoch: int) -> None:
        if epoch == self.epoch:
            return
        if epoch:
            await self._on_held()
        log.info("held" if epoch else "standing_by", name=self._name, epoch=epoch)
        self._set(epoch)

    def _set(self, epoch: int) -> None:
        self.epoch = epoch
        ACTIVE.set(epoch > 0)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
