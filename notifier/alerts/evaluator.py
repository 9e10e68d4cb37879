"""Takes turns with the other replicas at judging all price alerts.

The lease says who, by the database's clock; it spares work, it is not what makes a fire single: that is the guard in the fire's own
statement, so that a replica that was frozen and thaws with a lease that is over does no harm.
"""

from __future__ import annotations

import asyncio
from typing import Final

from redis.asyncio import Redis

from notifier.alerts.alert_store import CHANNEL
from notifier.alerts.evaluation_store import EvaluationStore
from notifier.alerts.faults import INTERRUPTIONS
from notifier.alerts.firing import Firing
from notifier.alerts.teller import Teller
from notifier.alerts.turn import LEASE_TTL, LeaseLostError, Turn
from notifier.ports import PreferenceSource
from tradewinds.clock import Clock
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts")

_ASK_SECONDS: Final = 1.0


class Evaluator:
    """`run` is a watched task. `holder` names this process among the replicas, and no other life of it."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        teller: Teller,
        preferences: PreferenceSource,
        clock: Clock,
        holder: str,
    ) -> None:
        self._database = database
        self._store = EvaluationStore(database)
        self._redis = redis
        self._teller = teller
        self._preferences = preferences
        self._clock = clock
        self._holder = holder
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._turn: Turn | None = None

    async def run(self) -> None:
        """Judge whenever it is our turn, until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._take_a_turn()
            except LeaseLostError as e:
                log.warning("lost", reason=str(e))
            except INTERRUPTIONS as e:
                log.warning_throttled("interrupted", error=describe(e))
            await self._pause()
        self._stopped.set()

    async def stop(self) -> None:
        """End the turn in order, so that another replica goes on at once."""
        self._stopping.set()
        if self._turn is not None:
            self._turn.wake()
        await self._stopped.wait()

    async def _take_a_turn(self) -> None:
        lease = await self._store.take_lease(self._holder, LEASE_TTL)
        if lease is None:
            return
        log.info("taken", epoch=lease.epoch, positions=dict(lease.positions))
        firing = Firing(self._database)
        turn = self._turn = Turn(
            lease, self._store, firing, self._redis, self._teller, self._preferences, self._clock, self._stopping
        )
        listener = await self._database.listen(CHANNEL, turn.changes.hear)
        try:
            await turn.run()
        finally:
            self._turn = None
            await listener.close()
            await firing.close()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return
