"""A canary that travels the whole live path again and again: published as everything else, routed as everything else.

A connection to Redis can be dead while it looks alive, and a process healthy that tells nobody anything. What proves the path is
something that has come through it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import Gauge, Histogram

from notifier.ports import Telling
from notifier.realtime.composing import bulk_of
from notifier.realtime.cursor import shard_of
from notifier.realtime.hub import Hub
from notifier.realtime.subscription import Subscription
from notifier.realtime.wire import Told
from notifier.types import DeliveryClass
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS
from tradewinds.telemetry import get_logger

log = get_logger("notifier.canary")

# So many flights without an arrival, and the path is broken: longer than a restart of Redis or a reconnect takes.
_LOST_FLIGHTS: Final = 10
_TAKEN: Final = Histogram(
    "tradewinds_notifier_canary_seconds",
    "A canary's flight",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5),
)
_ARRIVED: Final = Gauge("tradewinds_notifier_canary_arrived_timestamp_seconds", "When the last canary arrived")


class Canary:
    """One in the air at a time, over each shard in turn. `run` is a watched task."""

    def __init__(
        self, telling: Telling, hub: Hub, name: str, period_seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._telling = telling
        self._hub = hub
        self._routes = itertools.cycle(_one_for_each_shard(name))
        self._period_seconds = period_seconds
        self._now = now
        self._arrived = now()

    @property
    def age_seconds(self) -> float:
        """How long ago one arrived."""
        return self._now() - self._arrived

    @property
    def is_well(self) -> bool:
        """Whether the live path carries."""
        return self.age_seconds < _LOST_FLIGHTS * self._period_seconds

    async def run(self) -> None:
        """Fly for ever, or until the hub takes no more followers."""
        for route in self._routes:
            started = self._now()
            try:
                subscription = self._hub.add(route)
            except UnavailableError:
                return
            try:
                async with asyncio.timeout(self._period_seconds * _LOST_FLIGHTS):
                    await self._fly(subscription)
            except (UnavailableError, TimeoutError) as e:
                log.warning_throttled("canary.lost", shard=shard_of(route), error=repr(e))
            else:
                self._arrived = self._now()
                _ARRIVED.set_to_current_time()
                _TAKEN.observe(self._arrived - started)
            finally:
                self._hub.remove(subscription)
            await asyncio.sleep(self._period_seconds)

    async def _fly(self, subscription: Subscription) -> None:
        # No bytes: whoever follows everybody sees nothing of it.
        canary = Told(subscription.user_id, b"", DeliveryClass.REALTIME)
        await self._telling.publish(bulk_of([canary]), {}, int(time.time() * 1e6))
        while True:
            batch = await subscription.take(self._period_seconds)
            if batch.deliveries or batch.end is not None:
                return


def _one_for_each_shard(name: str) -> list[str]:
    """Names that no user has (a control character is in them), each of another shard."""
    names: dict[int, str] = {}
    candidates: Iterator[str] = (f"\x01canary {name} {number}" for number in itertools.count())
    while len(names) < NOTIFICATION_SHARDS:
        candidate = next(candidates)
        names.setdefault(shard_of(candidate), candidate)
    return list(names.values())
