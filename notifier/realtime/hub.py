"""Who follows whom in this process, and how far each shard has been read. Everything here is synchronous, so that reading a batch and
routing it are one step, and going live cannot miss or repeat one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Gauge

from notifier.notification import Notification
from notifier.realtime.cursor import START, Cursor, shard_of
from notifier.realtime.deliveries import deliveries
from notifier.realtime.subscription import QUEUE_BYTES, SERVER_STOPPING, Subscription
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

_FOLLOWERS: Final = Gauge("tradewinds_notifier_followers", "Streams that are open")
_ENDED: Final = Counter("tradewinds_notifier_streams_ended_total", "Streams ended by the server", ["reason"])
_RESYNCS: Final = Counter("tradewinds_notifier_resyncs_total", "Followers told that something may be lost")
_DELIVERED: Final = Counter("tradewinds_notifier_delivered_total", "Notifications handed to a stream")


class Hub:
    """Subscriptions by user; positions by shard. `epoch` is None until the store has been reached."""

    def __init__(self, *, queue_bytes: int = QUEUE_BYTES) -> None:
        self._queue_bytes = queue_bytes
        self._by_user: dict[str, set[Subscription]] = defaultdict(set)
        self._positions = [START] * NOTIFICATION_SHARDS
        self._closed = False
        self._begun = asyncio.Event()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self.epoch: bytes | None = None

    @property
    def positions(self) -> Sequence[int]:
        """The last entry routed, by shard."""
        return self._positions

    def position(self, shard: int) -> Cursor | None:
        """The same as a cursor; None while the store has not been reached."""
        return Cursor(self.epoch, shard, self._positions[shard]) if self.epoch is not None else None

    def add(self, user_id: str) -> Subscription:
        """A new follower, live from now. Raises `UnavailableError` when the server is stopping."""
        if self._closed:
            raise UnavailableError("the notifier is stopping; connect again")
        shard = shard_of(user_id)
        subscription = Subscription(user_id, lambda: self.position(shard), queue_bytes=self._queue_bytes)
        self._by_user[user_id].add(subscription)
        self._nobody.clear()
        _FOLLOWERS.inc()
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """It is over; doing this twice does no harm."""
        followers = self._by_user.get(subscription.user_id, set())
        if subscription not in followers:
            return
        followers.discard(subscription)
        if not followers:
            del self._by_user[subscription.user_id]
        if not self._by_user:
            self._nobody.set()
        _FOLLOWERS.dec()
        if subscription.ended is not None:
            _ENDED.labels(subscription.ended.reason).inc()

    def route(self, shard: int, entry: int, batch: Sequence[Notification]) -> None:
        """One entry was read."""
        self._positions[shard] = entry
        if self.epoch is None:
            return
        for delivery in deliveries(self.epoch, shard, entry, batch, self._by_user.keys()):
            for subscription in self._by_user[delivery.notification.user_id]:
                subscription.push(delivery)
                _DELIVERED.inc()

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
        self._resync([s for s in self._everybody() if shard_of(s.user_id) == shard])

    def close(self) -> None:
        """End every stream, in-band; refuse new ones."""
        self._closed = True
        for subscription in self._everybody():
            subscription.end(SERVER_STOPPING, "the server stops; connect again and resume from your cursor")

    async def emptied(self) -> None:
        """Wait until nobody follows any more."""
        await self._nobody.wait()

    def _everybody(self) -> list[Subscription]:
        return [subscription for followers in self._by_user.values() for subscription in followers]

    def _resync(self, subscriptions: Sequence[Subscription]) -> None:
        for subscription in subscriptions:
            subscription.resync()
        _RESYNCS.inc(len(subscriptions))
