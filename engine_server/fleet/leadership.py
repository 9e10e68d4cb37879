"""One leader among the engines: it takes commands and gives out strategies. The others serve, and wait.

A lease row with an epoch, judged by database time. Every decision reads it FOR SHARE in its own transaction: a takeover waits for a
decision that is under way, and a leader that has thawed decides nothing. Whoever becomes leader has heard no heartbeats of its own
accord: it waits a whole TTL + grace before it calls a runner lost.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet.domain.patience import Patience
from engine_server.fleet.faults import DATABASE_FAULTS
from tradewinds.clock import Clock, seconds
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.telemetry import get_logger

log = get_logger("fleet.leader")

_LEADS = Gauge("tradewinds_fleet_leader", "1 while this engine leads the fleet")

_ACQUIRE = """
    INSERT INTO fleet_leader AS l (name, engine_id, epoch, expires_at)
    VALUES ('fleet', $1, 1, clock_timestamp() + $2::interval)
    ON CONFLICT (name) DO UPDATE
    SET engine_id = excluded.engine_id, epoch = l.epoch + 1, expires_at = clock_timestamp() + $2::interval,
        updated_at = clock_timestamp()
    WHERE l.expires_at < clock_timestamp()
    RETURNING epoch
"""
_RENEW = """
    UPDATE fleet_leader SET expires_at = clock_timestamp() + $3::interval, updated_at = clock_timestamp()
    WHERE name = 'fleet' AND engine_id = $1 AND epoch = $2
    RETURNING epoch
"""
_RELEASE = """
    UPDATE fleet_leader SET expires_at = clock_timestamp() - interval '1 ms', updated_at = clock_timestamp()
    WHERE name = 'fleet' AND engine_id = $1 AND epoch = $2
"""
_FENCE = text(
    """
    SELECT clock_timestamp() AS now FROM fleet_leader
    WHERE name = 'fleet' AND engine_id = :engine_id AND epoch = :epoch AND expires_at > clock_timestamp()
    FOR SHARE
    """
)
_PRESENT = """
    INSERT INTO engine_leases AS e (engine_id, address, expires_at)
    VALUES ($1, $2, clock_timestamp() + $3::interval)
    ON CONFLICT (engine_id) DO UPDATE
    SET address = excluded.address, expires_at = excluded.expires_at, updated_at = clock_timestamp()
"""
_ABSENT = "DELETE FROM engine_leases WHERE engine_id = $1"
_WITH_RUNNERS = """
    SELECT e.address FROM runner_leases l JOIN engine_leases e ON e.engine_id = l.engine_id
    WHERE l.expires_at > clock_timestamp() AND e.expires_at > clock_timestamp() AND e.engine_id <> $1 AND e.address <> ''
    GROUP BY e.address ORDER BY count(*) DESC LIMIT 1
"""


class NotLeaderError(PreconditionError):
    """Another engine leads the fleet."""

    reason = "NOT_LEADER"


class Leadership:
    """Run it as a watched task; `fence` at the start of every decision's transaction."""

    def __init__(
        self,
        database: Database,
        leases: LeaseSettings,
        engine: tuple[str, str],
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._database = database
        self._leases = leases
        self._engine_id, self._address = engine
        self._clock = clock
        self._patience = patience
        self._epoch: int | None = None
        self._renewed_at = 0.0
        self._has_left = False
        self.won = asyncio.Event()

    @property
    def is_held(self) -> bool:
        """Whether it is worth trying to decide; the fence tells for certain."""
        is_fresh = self._clock.monotonic() - self._renewed_at < self._leases.gate_close_seconds
        return self._epoch is not None and is_fresh

    async def run(self) -> None:
        """Be present, and lead or wait to, until `leave`."""
        while not self._has_left:
            try:
                async with asyncio.timeout(self._leases.ttl_seconds):
                    await self._beat()
            except DATABASE_FAULTS as e:
                self._patience.fault(self._clock.monotonic())
                log.warning_throttled("database.away", error=repr(e))
            await asyncio.sleep(self._leases.heartbeat_seconds)

    async def fence(self, session: AsyncSession) -> datetime:
        """The database's time, where this engine leads until the transaction ends. Raises `NotLeaderError`."""
        row = (
            await session.execute(_FENCE, {"engine_id": self._engine_id, "epoch": self._epoch or 0})
        ).one_or_none()  # fmt: skip
        if row is None:
            raise NotLeaderError
        now: datetime = row.now
        return now

    async def leave(self) -> None:
        """In order: the next leader need not wait for the lease to run out."""
        self._has_left = True
        epoch, self._epoch = self._epoch, None
        try:
            async with asyncio.timeout(self._leases.grace_seconds):
                await self._database.pool.execute(_ABSENT, self._engine_id)
                if epoch is not None:
                    await self._database.pool.execute(_RELEASE, self._engine_id, epoch)
        except DATABASE_FAULTS as e:
            log.warning("not_released", error=repr(e))

    async def peer_with_runners(self) -> str:
        """The address of another engine that runners are connected to; empty when there is none."""
        return await self._database.pool.fetchval(_WITH_RUNNERS, self._engine_id) or ""

    async def _beat(self) -> None:
        ttl, sent_at = seconds(self._leases.ttl_seconds), self._clock.monotonic()
        await self._database.pool.execute(_PRESENT, self._engine_id, self._address, ttl)
        if self._epoch is None:
            self._epoch = await self._database.pool.fetchval(_ACQUIRE, self._engine_id, ttl)
            if self._epoch is not None:
                self._patience.fault(self._clock.monotonic())
                log.info("won", epoch=self._epoch)
                self.won.set()
        elif await self._database.pool.fetchval(_RENEW, self._engine_id, self._epoch, ttl) is None:
            log.warning("lost", epoch=self._epoch)
            self._epoch = None
        if self._epoch is not None:
            self._renewed_at = sent_at
        _LEADS.set(self._epoch is not None)
