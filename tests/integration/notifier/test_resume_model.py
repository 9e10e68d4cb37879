"""Random lives of one follower on two replicas: what it saw is compared with what was sent.

The promise: in order, nothing twice, and whatever is missing lies at a resync. Where nothing was ever lost, there is no resync at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from notifier.realtime.composing import bulk_of
from notifier.realtime.cursor import shard_of
from notifier.realtime.hub import Hub
from notifier.realtime.publisher import Publisher
from notifier.realtime.reader import Reader
from notifier.realtime.replay import LiveStreams
from notifier.realtime.stream_store import Entry, ShardState, StreamStore, connect
from notifier.realtime.subscription import EVERYBODY, Subscription
from notifier.realtime.wire import Told
from tests.support.waiting import eventually
from tests.unit.notifier.builders import a_notification, told
from tradewinds import redis_keys
from tradewinds.config import RedisSettings
from tradewinds.v1 import notifier_pb2 as pb

USER = "alice"
# Of the same shard: they share entries with the follower's.
NEIGHBOUR = next(name for name in map(str, range(1000)) if shard_of(name) == shard_of(USER))
RESYNC = -1


@dataclass
class Replica:
    """The live half of a notifier process."""

    hub: Hub
    live: LiveStreams
    publisher: Publisher


class LateStore(StreamStore):
    """Reads come late, each by another time: replicas are apart, and things happen during a replay."""

    def __init__(self, client: Redis, chance: random.Random) -> None:
        super().__init__(client)
        self._chance = chance

    async def read(
        self, positions: Sequence[int], block_ms: int, take: Callable[[bytes | None, list[Entry]], None]
    ) -> None:
        await asyncio.sleep(self._chance.random() * 0.02)
        await super().read(positions, block_ms, take)

    async def history(self, shard: int, start: int, end: int) -> tuple[bytes | None, ShardState, list[Entry]]:
        answer = await super().history(shard, start, end)
        await asyncio.sleep(self._chance.random() * 0.02)
        return answer


@asynccontextmanager
async def a_replica(redis_url: str, chance: random.Random) -> AsyncIterator[Replica]:
    client = connect(RedisSettings(url=SecretStr(redis_url)))
    store, hub = LateStore(client, chance), Hub()
    publisher = Publisher(store, hub)
    tasks = [asyncio.create_task(work) for work in (Reader(store, hub).run(), publisher.run(), publisher.mark_gaps())]
    await eventually(lambda: hub.epoch is not None)
    try:
        yield Replica(hub, LiveStreams(store, hub), publisher)
    finally:
        pending = set(tasks)
        while pending:
            for task in pending:
                task.cancel()
            # A task that is inside redis-py may lose its cancellation: ask again.
            _, pending = await asyncio.wait(pending, timeout=1)
        await store.close()


@dataclass
class Follower:
    """Follows one replica at a time; `seen` has the numbers in the order in which they came, and resyncs."""

    replica: Replica
    user_id: str = USER
    seen: list[int] = field(default_factory=list)
    cursor: str = ""
    subscription: Subscription | None = None

    async def connect(self) -> None:
        self.subscription, resumed = await self.replica.live.follow(self.user_id, self.cursor)
        if not resumed:
            self.seen.append(RESYNC)
        self.cursor = self.subscription.cursor()  # the opening batch says it

    async def read(self, *, at_most: int | None = None) -> None:
        """What comes within a moment; with `at_most`, the connection breaks in the middle of a batch."""
        assert self.subscription is not None
        batch = await self.subscription.take(0.02)
        if batch.resync:
            self.seen.append(RESYNC)
        taken = batch.deliveries[:at_most]
        self.seen += [number for delivery in taken for number in numbers_of(delivery.told)]
        whole = at_most is None or at_most >= len(batch.deliveries)
        self.cursor = taken[-1].cursor.encode() if taken else batch.cursor if whole else self.cursor

    async def reconnect(self, replica: Replica) -> None:
        assert self.subscription is not None
        self.replica.live.unfollow(self.subscription)
        self.replica = replica
        await self.connect()


def numbers_of(one: Told) -> list[int]:
    """Of the follower's user, in order; who follows everybody gets the neighbour's too."""
    everything = pb.WatchNotificationsResponse.FromString(one.frames).notifications
    return [int(notification.title) for notification in everything if notification.user_id == USER]


class Sending:
    """Numbers from 1, in batches that neighbours share."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.last = 0

    async def some(self, replica: Replica) -> None:
        batch = []
        for _ in range(self._chance.randint(1, 6)):
            self.last += 1
            batch.append(a_notification(f"ntf-{self.last}", USER, title=str(self.last)))
            if self._chance.random() < 0.5:
                batch.append(a_notification(f"other-{self.last}", NEIGHBOUR))
        await replica.publisher.publish(bulk_of([told(one) for one in batch]), {}, batch[-1].created_us)


def check(seen: list[int], last: int) -> None:
    numbers = [number for number in seen if number != RESYNC]
    assert numbers == sorted(set(numbers)), f"twice or out of order: {seen}"
    assert numbers[-1] == last
    before, told = 0, False
    for number in seen:
        if number == RESYNC:
            told = True
            continue
        assert told or number == before + 1, f"a gap before {number} that nobody told: {seen}"
        before, told = number, False


@pytest.mark.parametrize("seed", range(18))
async def test_what_is_missing_was_told(redis_url: str, seed: int) -> None:
    await live_a_life(redis_url, seed, USER)


@pytest.mark.parametrize("seed", range(100, 109))
async def test_what_is_missing_was_told_to_who_follows_everybody(redis_url: str, seed: int) -> None:
    await live_a_life(redis_url, seed, EVERYBODY)


async def live_a_life(redis_url: str, seed: int, user_id: str) -> None:
    chance = random.Random(seed)
    loses = seed % 3 != 0
    async with (
        a_replica(redis_url, chance) as one,
        a_replica(redis_url, chance) as two,
        Redis.from_url(redis_url) as client,
    ):
        sending, follower = Sending(chance), Follower(one, user_id)
        await follower.connect()
        for _ in range(40):
            step = chance.random()
            if step < 0.4:
                await sending.some(chance.choice([one, two]))
            elif step < 0.7:
                await follower.read()
            elif step < 0.95 or not loses:
                await follower.read(at_most=chance.randint(0, 2))
                # Something is sent while the follower is on its way.
                await asyncio.gather(follower.reconnect(chance.choice([one, two])), sending.some(one))
            elif step < 0.99:
                stream = redis_keys.notification_stream(shard_of(USER))
                await client.xtrim(stream, maxlen=chance.randint(0, 4), approximate=False)
            else:
                await asyncio.gather(sending.some(one), client.flushall())
        await sending.some(one)
        async with asyncio.timeout(10):
            while not follower.seen or follower.seen[-1] != sending.last:
                await follower.read()
    check(follower.seen, sending.last)
    if not loses:
        assert RESYNC not in follower.seen
