"""Going live from a cursor: everything after it that is still there, or the honest word that something is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from prometheus_client import Counter

from notifier.realtime import wire
from notifier.realtime.cursor import WHOLE_ENTRY, Cursor, Place, WideCursor, decode, shard_of
from notifier.realtime.deliveries import Delivery, deliveries, is_after
from notifier.realtime.hub import Hub
from notifier.realtime.outbox import Outbox
from notifier.realtime.stream_store import STREAM_ERRORS, Entry, StreamStore
from notifier.realtime.subscription import EVERYBODY, QUEUE_BYTES, WIDE_QUEUE_BYTES, Subscription
from tradewinds.database.reconnecting import describe
from tradewinds.errors import InvalidArgumentError
from tradewinds.redis_keys import NOTIFICATION_SHARDS
from tradewinds.telemetry import get_logger

log = get_logger("notifier.replay")

# A history that takes longer is not worth a reconnect storm's memory: list instead.
_REPLAY_SECONDS: Final = 5.0
_CATCH_UP_SECONDS: Final = 2.0
_RESUMES: Final = Counter("tradewinds_notifier_resumes_total", "Resumes from a cursor", ["resumed"])


class _NotThereError(Exception):
    """Not everything after the cursor can be read any more."""


class LiveStreams:
    """How a follower begins."""

    def __init__(self, store: StreamStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    @property
    def outbox(self) -> Outbox:
        """Through which what is told goes to clients."""
        return self._hub.outbox

    async def follow(self, user_id: str, cursor_text: str) -> tuple[Subscription, bool]:
        """A live subscription and whether everything since the cursor follows on it (always so without a cursor).

        It is live first and replays second, up to where it went live, so that nothing falls between. Raises
        `InvalidArgumentError` for a malformed cursor, `UnavailableError` when the server is stopping.
        """
        cursor = _for(user_id, decode(cursor_text)) if cursor_text else None
        if cursor is not None and cursor.epoch != self._hub.epoch:
            await self._catch_up(cursor.epoch)
        subscription = self._hub.add(user_id)
        live_from = self._hub.position(user_id)
        if live_from is None or cursor is None:
            return _live_only(subscription, live_from, cursor), cursor is None
        try:
            resumed = await self._resume(subscription, cursor, live_from)
        except BaseException:
            self._hub.remove(subscription)
            raise
        _RESUMES.labels(str(resumed).lower()).inc()
        return subscription if resumed else _live_only(subscription, live_from, cursor), resumed

    def unfollow(self, subscription: Subscription) -> None:
        """The stream is over."""
        self._hub.remove(subscription)

    async def _catch_up(self, epoch: bytes) -> None:
        """Another replica may have noticed before us that the store began again; then we shall in a moment."""
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                if await self._store.epoch() == epoch:
                    await self._hub.reached(epoch)
        except STREAM_ERRORS as e:
            log.warning_throttled("behind", error=describe(e))

    async def _resume(self, subscription: Subscription, cursor: Place, live_from: Place) -> bool:
        if cursor.epoch != live_from.epoch:
            return False
        subscription.start_at(cursor)
        try:
            async with asyncio.timeout(_REPLAY_SECONDS):
                missed = await self._missed(subscription.user_id, cursor, live_from)
        except _NotThereError:
            return False
        except STREAM_ERRORS as e:
            log.warning_throttled("unreadable", error=describe(e))
            return False
        subscription.begin_with(missed)
        return True

    async def _missed(self, user_id: str, cursor: Place, live_from: Place) -> list[Delivery]:
        """What `user_id` has not had between `cursor` and `live_from`; raises `_NotThereError`."""
        found: list[Delivery] = []
        if isinstance(cursor, Cursor) and isinstance(live_from, Cursor):
            if cursor.shard != live_from.shard:
                raise _NotThereError
            room = _Room(QUEUE_BYTES)
            async for entry in self._entries(cursor, live_from.entry):
                found += room.take([d for d in _of(user_id, cursor.epoch, entry) if is_after(d, cursor)])
        elif isinstance(cursor, WideCursor) and isinstance(live_from, WideCursor):
            room, positions = _Room(WIDE_QUEUE_BYTES), list(cursor.positions)
            for shard in range(NOTIFICATION_SHARDS):
                async for entry in self._entries(
                    Cursor(cursor.epoch, shard, positions[shard]), live_from.positions[shard]
                ):
                    positions[shard] = entry.number
                    found += room.take([_everything(cursor.epoch, entry, positions)])
        return found

    async def _entries(self, cursor: Cursor, end: int) -> AsyncIterator[Entry]:
        """Every entry after `cursor` up to number `end`; raises `_NotThereError` unless all of them are there."""
        start = cursor.entry + 1 if cursor.index == WHOLE_ENTRY else cursor.entry
        while True:
            epoch, state, entries = await self._store.history(cursor.shard, start, end)
            # A cursor ahead of everything was made by a store that has forgotten it.
            if epoch != cursor.epoch or not state.has_everything_after(start - 1) or state.last < cursor.entry:
                raise _NotThereError
            for entry in entries:
                yield entry
            if not entries or entries[-1].number >= end:
                return
            start = entries[-1].number + 1


class _Room:
    """How much of a replay is held in memory."""

    def __init__(self, size: int) -> None:
        self._size = size

    def take(self, found: list[Delivery]) -> list[Delivery]:
        self._size -= sum(delivery.told.size for delivery in found)
        if self._size < 0:
            raise _NotThereError
        return found


def _for(user_id: str, cursor: Place) -> Place:
    """A place of everybody's history is one in each user's too; the other way it is not."""
    if user_id == EVERYBODY:
        if isinstance(cursor, Cursor):
            raise InvalidArgumentError.field("cursor", "is that of one user; start without one")
        return cursor
    if isinstance(cursor, WideCursor):
        shard = shard_of(user_id)
        return Cursor(cursor.epoch, shard, cursor.positions[shard])
    return cursor


def _of(user_id: str, epoch: bytes, entry: Entry) -> list[Delivery]:
    if entry.frames is None:
        raise _NotThereError
    index = wire.decode_index(entry.index)
    return deliveries(epoch, entry.shard, entry.number, index, entry.frames, {user_id}).get(user_id, [])


def _everything(epoch: bytes, entry: Entry, positions: Sequence[int]) -> Delivery:
    if entry.frames is None:
        raise _NotThereError
    everything = wire.whole(wire.decode_index(entry.index), entry.frames)
    return Delivery(everything, WideCursor(epoch, tuple(positions), entry.shard))


def _live_only(subscription: Subscription, live_from: Place | None, taken: Place | None) -> Subscription:
    if live_from is not None:
        subscription.start_at(live_from, taken=taken)
    return subscription
