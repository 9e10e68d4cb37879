"""Going live from a cursor: everything after it that is still there, or the honest word that something is not."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import Counter

from notifier.realtime import wire
from notifier.realtime.cursor import WHOLE_ENTRY, Cursor, decode, shard_of
from notifier.realtime.deliveries import Delivery, deliveries, is_after
from notifier.realtime.hub import Hub
from notifier.realtime.stream_store import STREAM_ERRORS, Entry, StreamStore
from notifier.realtime.subscription import QUEUE_BYTES, Subscription
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.replay")

_PAGE: Final = 500
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

    async def follow(self, user_id: str, cursor_text: str) -> tuple[Subscription, bool]:
        """A live subscription and whether everything since the cursor follows on it (always so without a cursor).

        It is live first and replays second, up to where it went live, so that nothing falls between. Raises
        `InvalidArgumentError` for a malformed cursor, `UnavailableError` when the server is stopping.
        """
        cursor = decode(cursor_text) if cursor_text else None
        if cursor is not None and cursor.epoch != self._hub.epoch:
            await self._catch_up(cursor.epoch)
        subscription = self._hub.add(user_id)
        live_from = self._hub.position(shard_of(user_id))
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

    async def _resume(self, subscription: Subscription, cursor: Cursor, live_from: Cursor) -> bool:
        if (cursor.epoch, cursor.shard) != (live_from.epoch, live_from.shard):
            return False
        subscription.start_at(cursor)
        try:
            async with asyncio.timeout(_REPLAY_SECONDS):
                missed = await self._missed(subscription.user_id, cursor, live_from.entry)
        except _NotThereError:
            return False
        except STREAM_ERRORS as e:
            log.warning_throttled("unreadable", error=describe(e))
            return False
        subscription.begin_with(missed)
        return True

    async def _missed(self, user_id: str, cursor: Cursor, live_from: int) -> list[Delivery]:
        """What `user_id` has not had between `cursor` and `live_from`; raises `_NotThereError`."""
        found: list[Delivery] = []
        size = 0
        start = cursor.entry + 1 if cursor.index == WHOLE_ENTRY else cursor.entry
        while True:
            epoch, state, entries = await self._store.history(cursor.shard, start, live_from, _PAGE)
            # A cursor ahead of everything was made by a store that has forgotten it.
            if epoch != cursor.epoch or not state.has_everything_after(start - 1) or state.last < cursor.entry:
                raise _NotThereError
            for entry in entries:
                new = [d for d in self._of(user_id, cursor.epoch, entry) if is_after(d, cursor)]
                found += new
                size += sum(wire.size_of(delivery.notification) for delivery in new)
            if size > QUEUE_BYTES:
                raise _NotThereError
            if len(entries) < _PAGE:
                return found
            start = entries[-1].number + 1

    @staticmethod
    def _of(user_id: str, epoch: bytes, entry: Entry) -> list[Delivery]:
        if entry.batch is None:
            raise _NotThereError
        return list(deliveries(epoch, entry.shard, entry.number, wire.decode(entry.batch), {user_id}))


def _live_only(subscription: Subscription, live_from: Cursor | None, taken: Cursor | None) -> Subscription:
    if live_from is not None:
        subscription.start_at(live_from, taken=taken)
    return subscription
