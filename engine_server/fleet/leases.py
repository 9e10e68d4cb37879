"""Runner leases: one row per runner name, renewed in one statement for all runners of this engine, in database time.

A heartbeat is acknowledged only after the commit of its renewal. What could not be written is dropped: the runner beats
again within the second, and judges its own lease from the send time of the last acknowledged heartbeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet.domain.patience import Patience
from engine_server.fleet.faults import DATABASE_FAULTS
from tradewinds.clock import Clock, seconds
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.lease")

_RENEWED = Counter("tradewinds_runner_heartbeats_total", "Heartbeats committed")
_FLUSH = Histogram(
    "tradewinds_runner_heartbeat_flush_seconds",
    "Time to commit the collected heartbeats",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 2),
)

_CLAIM = text(
    """
    INSERT INTO runner_leases AS l (runner_id, instance_id, engine_id, capacity, running, build, expires_at)
    VALUES (:runner_id, :instance_id, :engine_id, :capacity, :running, :build, now() + :ttl)
    ON CONFLICT (runner_id) DO UPDATE
    SET instance_id = excluded.instance_id, engine_id = excluded.engine_id, capacity = excluded.capacity,
        running = excluded.running, build = excluded.build, draining = false, heartbeat_at = now(),
        expires_at = excluded.expires_at,
        registered_at = CASE WHEN l.instance_id = excluded.instance_id THEN l.registered_at ELSE now() END
    """
)
_GIVE_UP = text("DELETE FROM runner_leases WHERE runner_id = :runner_id AND instance_id = :instance_id")
_RENEW = """
    UPDATE runner_leases l SET heartbeat_at = now(), expires_at = now() + $4, running = b.running, engine_id = $5
    FROM unnest($1::text[], $2::text[], $3::int[]) AS b (runner_id, instance_id, running)
    WHERE l.runner_id = b.runner_id AND l.instance_id = b.instance_id
    RETURNING l.instance_id
"""
# SKIP LOCKED: a row that a command is changing gets its pulse with the next heartbeat.
_PULSE = """
    UPDATE strategy_configs c SET heartbeat_at = now()
    FROM (
        SELECT k.config_id FROM strategy_configs k
        JOIN unnest($1::text[], $2::bigint[]) AS v (config_id, epoch) ON v.config_id = k.config_id
        JOIN assignments a ON a.config_id = k.config_id AND a.epoch = v.epoch AND a.instance_id IS NOT NULL
        FOR NO KEY UPDATE OF k SKIP LOCKED) AS alive
    WHERE c.config_id = alive.config_id
"""
_FORGET = "DELETE FROM runner_leases WHERE expires_at < now() - interval '1 day'"


@dataclass(frozen=True)
class RunnerIdentity:
    """Who a runner is: its stable name, the process behind it, what it takes and what it runs."""

    runner_id: str
    instance_id: str
    capacity: int
    build: str


@dataclass
class Beat:
    """The newest heartbeat of a runner that is not written yet. `progress`: strategies whose loop went round, and their epoch."""

    identity: RunnerIdentity
    number: int
    running: int
    acknowledge: Callable[[int], None]
    claimed_by_another: Callable[[], None]
    progress: dict[str, int] = field(default_factory=dict)


async def claim(session: AsyncSession, identity: RunnerIdentity, engine_id: str, leases: LeaseSettings) -> None:
    """Give this process its runner's lease, whoever had it: the newest process of a name wins."""
    await session.execute(
        _CLAIM,
        {
            "runner_id": identity.runner_id,
            "instance_id": identity.instance_id,
            "engine_id": engine_id,
            "capacity": identity.capacity,
            "running": 0,
            "build": identity.build,
            "ttl": seconds(leases.ttl_seconds),
        },
    )


async def give_up(session: AsyncSession, identity: RunnerIdentity) -> None:
    """The runner has said goodbye."""
    await session.execute(_GIVE_UP, {"runner_id": identity.runner_id, "instance_id": identity.instance_id})


class HeartbeatLedger:
    """Collects the heartbeats of this engine's runners (the newest of each) and writes them together."""

    def __init__(
        self, database: Database, leases: LeaseSettings, engine_id: str, clock: Clock, patience: Patience
    ) -> None:
        self._database = database
        self._leases = leases
        self._engine_id = engine_id
        self._clock = clock
        self._patience = patience
        self._beats: dict[str, Beat] = {}

    def note(self, beat: Beat) -> None:
        """Keep this heartbeat for the next write, instead of an older one of the same process."""
        older = self._beats.get(beat.identity.instance_id)
        if older is not None:
            beat.progress = {**older.progress, **beat.progress}
        self._beats[beat.identity.instance_id] = beat

    async def run(self) -> None:
        """Write every `flush_seconds`, for ever."""
        while True:
            await asyncio.sleep(self._leases.flush_seconds)
            self._patience.beat(self._clock.monotonic())
            if self._beats:
                await self._flush_or_drop()

    async def _flush_or_drop(self) -> None:
        beats, self._beats = self._beats, {}
        try:
            with _FLUSH.time():
                await self._flush(beats)
        except DATABASE_FAULTS as e:
            self._patience.fault(self._clock.monotonic())
            log.warning_throttled("flush.failed", runners=len(beats), error=repr(e))

    async def _flush(self, beats: Mapping[str, Beat]) -> None:
        async with self._database.pool.acquire(timeout=self._leases.ttl_seconds) as connection:
            rows = await connection.fetch(
                _RENEW,
                [beat.identity.runner_id for beat in beats.values()],
                list(beats),
                [beat.running for beat in beats.values()],
                seconds(self._leases.ttl_seconds),
                self._engine_id,
            )
            self._answer(beats, {row["instance_id"] for row in rows})
            progress = {config_id: epoch for beat in beats.values() for config_id, epoch in beat.progress.items()}
            if progress:
                await connection.execute(_PULSE, list(progress), list(progress.values()))

    def _answer(self, beats: Mapping[str, Beat], renewed: set[str]) -> None:
        _RENEWED.inc(len(renewed))
        for instance_id, beat in beats.items():
            if instance_id in renewed:
                beat.acknowledge(beat.number)
            else:
                beat.claimed_by_another()

    async def forget_old(self) -> None:
        """Drop the rows of runners that have been gone for a day."""
        await self._database.pool.execute(_FORGET)
