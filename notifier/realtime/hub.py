"""Who follows whom in this process, and how far each shard has been read. Everything here is synchronous, so that reading a batch and
routing it are one step, and going live cannot miss or repeat one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Gauge

from notifier.realtime import wire
from notifier.realtime.cursor import START, Cursor, Place, WideCursor, shard_of
from notifier.realtime.deliveries import Delivery, deliveries
from notifier.realtime.outbox import Outbox
from notifier.realtime.subscription import (
    EVERYBODY,
    QUEUE_BYTES,
    SERVER_STOPPING,
    WIDE_QUEUE_BYTES,
    Subscription,
)
from notifier.realtime.wire import Index
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

_FOLLOWERS: Final = Gauge("tradewinds_notifier_followers", "Streams that are open")
_ENDED: Final = Counter("tradewinds_notifier_streams_ended_total", "Streams ended by the server", ["reason"])
_RESYNCS: Final = Counter("tradewinds_notifier_resyncs_total", "Followers told that something may be lost")
_DELIVERED: Final = Counter("tradewinds_notifier_delivered_total", "Notifications handed to a stream")
_DROPPED: Final = Counter("tradewinds_notifier_dropped_total", "Realtime notifications left out for slow followers")


class Hub:
    """Subscriptions by user (`EVERYBODY` is one); positions by shard. `epoch` is None until the store has been reached."""

    def __init__(self, *, queue_bytes: int = QUEUE_BYTES, wide_queue_bytes: int = WIDE_QUEUE_BYTES) -> None:
        self._queue_bytes = queue_bytes
        self._wide_queue_bytes = wide_queue_bytes
        self._wide: set[Subscription] = set()
        self._by_user: dict[str, set[Subscription]] = defaultdict(set)
        self._positions = [START] * NOTIFICATION_SHARDS
        self._closed = False
        self.outbox = Outbox()
        self._begun = asyncio.Event()
        self._nobody = asyncio.Event()
        self._nobody.set()
        # For whom something waits since the last `deliver`.
        self._stirred: list[Subscription] = []
        self.epoch: bytes | None = None

    @property
    def positions(self) -> Sequence[int]:
        """The last entry routed, by shard."""
        return self._positions

    def position(self, user_id: str) -> Place | None:
        """The same as a cursor of who follows `user_id`; None while the store has not been reached."""
        if self.epoch is None:
            return None
        if user_id == EVERYBODY:
            return WideCursor(self.epoch, tuple(self._positions))
        shard = shard_of(user_id)
        return Cursor(self.epoch, shard, self._positions[shard])

    def add(self, user_id: str) -> Subscription:
        """A new follower, live from now. Raises `UnavailableError` when the server is stopping."""
        if self._closed:
            raise UnavailableError("the notifier is stopping; connect again")
        wide = user_id == EVERYBODY
        queue_bytes = self._wide_queue_bytes if wide else self._queue_bytes
        subscription = Subscription(user_id, lambda: self.position(user_id), self._stir, queue_bytes=queue_bytes)
        (self._wide if wide else self._by_user[user_id]).add(subscription)
        self._nobody.clear()
        _FOLLOWERS.inc()
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """It is over; doing this twice does no harm."""
        followers = self._wide if subscription.user_id == EVERYBODY else self._by_user.get(subscription.user_id, set())
        if subscription not in followers:
            return
        subscription.close()
        followers.discard(subscription)
        if not followers and followers is not self._wide:
            del self._by_user[subscription.user_id]
        if not self._by_user and not self._wide:
            self._nobody.set()
        _FOLLOWERS.dec()
        if subscription.ended is not None:
            _ENDED.labels(subscription.ended.reason).inc()

    def route(self, shard: int, entry: int, index: Index, frames: bytes) -> None:
        """One entry was read."""
        self._positions[shard] = entry
        if self.epoch is None:
            return
        if self._wide and frames:
            everything = Delivery(wire.whole(index, frames), WideCursor(self.epoch, tuple(self._positions), shard))
            dropped = sum([subscription.tell([everything]) for subscription in self._wide])
            _count(everything.told.count * len(self._wide), dropped)
        followers = self._by_user
        if followers and not followers.keys().isdisjoint(index.users):
            delivered = dropped = 0
            for user_id, news in deliveries(self.epoch, shard, entry, index, frames, followers.keys()).items():
                for subscription in followers[user_id]:
                    dropped += subscription.tell(news)
                    delivered += len(news)
            _count(delivered, dropped)

    def _stir(self, subscription: Subscription) -> None:
        if not self._stirred:
            asyncio.get_running_loop().call_soon(self.deliver)
        self._stirred.append(subscription)

    def deliver(self) -> None:
        """Everything that was routed is written, and what waits for those who had something to read already is poured. Without this it
        happens soon."""
        self.outbox.empty()
        stirred, self._stirred = self._stirred, []
        for subscription in stirred:
            subscription.flush()
        self.outbox.empty()

    def begin(self, epoch: bytes, positions: Sequence[int]) -> None:
        """The store has (again) a beginning: everybody who followed another life of it may have lost something."""
        self.epoch, self._positions = epoch, list(positions)
        begun, self._begun = self._begun, asyncio.Event()
        begun.set()
        self._resync(self._everybody())

    async def reached(self, epoch: bytes | None = None) -> None:
        """Wait until the store, or this life of it, is read here."""
        while self.epoch is None or epoch not in (None, self.epoch):
            await self._begun.wait()

    def lost(self, shard: int, position: int) -> None:
        """Something of `shard` up to `position` cannot be read any more, or was never written."""
        self._positions[shard] = position
        self._resync([s for s in self._everybody() if s.user_id == EVERYBODY or shard_of(s.user_id) == shard])

    def close(self) -> None:
        """End every stream, in-band; refuse new ones."""
        self._closed = True
        for subscription in self._everybody():
            subscription.end(SERVER_STOPPING, "the server stops; connect again and resume from your cursor")

    async def emptied(self) -> None:
        """Wait until nobody follows any more."""
        await self._nobody.wait()

    def _everybody(self) -> list[Subscription]:
        return [subscription for followers in (self._wide, *self._by_user.values()) for subscription in followers]

    def _resync(self, subscriptions: Sequence[Subscription]) -> None:
        for subscription in subscriptions:
            subscription.resync()
        _RESYNCS.inc(len(subscriptions))


def _count(delivered: int, dropped: int) -> None:
    """Once for many: a counter takes a lock."""
    _DELIVERED.inc(delivered)
    if dropped:
        _DROPPED.inc(dropped)
