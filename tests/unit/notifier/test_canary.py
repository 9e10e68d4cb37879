"""The canary: it flies over every shard, and its absence is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from notifier.realtime import wire
from notifier.realtime.canary import Canary
from notifier.realtime.composing import Bulk, entries_of
from notifier.realtime.hub import Hub
from notifier.realtime.subscription import EVERYBODY
from tests.support.waiting import eventually
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS


class Path:
    """What is published is routed at once, unless it is broken."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.broken = False
        self.shards: list[int] = []

    async def publish(self, told: Bulk, remember: Mapping[str, str], newest_us: int) -> None:
        if self.broken:
            raise UnavailableError("Redis did not take it")
        ((shard, frames, index),) = entries_of(told, newest_us)
        self.shards.append(shard)
        self.hub.route(shard, self.hub.positions[shard] + 1, wire.decode_index(index), frames)


async def test_it_flies_over_every_shard_and_who_follows_everybody_sees_nothing_of_it() -> None:
    hub = Hub()
    hub.begin(b"12345678", [0] * NOTIFICATION_SHARDS)
    path, everybody = Path(hub), hub.add(EVERYBODY)
    canary = Canary(path, hub, "one", 0.001)
    flying = asyncio.create_task(canary.run())
    await eventually(lambda: len(path.shards) > 2 * NOTIFICATION_SHARDS)
    assert set(path.shards) == set(range(NOTIFICATION_SHARDS))
    assert (await everybody.take(0.01)).deliveries == ()
    hub.close()
    await asyncio.wait_for(flying, 5)


async def test_it_is_well_until_ten_flights_have_not_arrived() -> None:
    hub, now = Hub(), 0.0
    hub.begin(b"12345678", [0] * NOTIFICATION_SHARDS)
    path = Path(hub)
    canary = Canary(path, hub, "one", 1.0, now=lambda: now)
    path.broken = True
    flying = asyncio.create_task(canary.run())
    await asyncio.sleep(0)
    now = 9.9
    assert canary.is_well
    now = 10.1
    assert not canary.is_well
    flying.cancel()
