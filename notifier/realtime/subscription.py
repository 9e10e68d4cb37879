"""One follower: a queue bounded in bytes, drained in batches, that ends with a word about why."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from notifier.realtime import wire
from notifier.realtime.cursor import Cursor
from notifier.realtime.deliveries import Delivery, is_after

QUEUE_BYTES: Final = 1024 * 1024

SERVER_STOPPING: Final = "SERVER_STOPPING"
SLOW_CONSUMER: Final = "SLOW_CONSUMER"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"


@dataclass(frozen=True)
class End:
    """Why a stream is over; always its last word."""

    reason: str
    message: str


@dataclass(frozen=True)
class Batch:
    """What a follower gets at once: `resync` (something before this may be lost), then deliveries; empty is a heartbeat."""

    deliveries: tuple[Delivery, ...] = ()
    resync: bool = False
    cursor: str = ""
    end: End | None = None


_RESYNC: Final = "resync"


class Subscription:
    """Filled by the hub, drained by one stream. Beyond `queue_bytes` it drops what it holds and ends with SLOW_CONSUMER: the
    follower resumes from its last cursor."""

    def __init__(self, user_id: str, position: Callable[[], Cursor | None], *, queue_bytes: int = QUEUE_BYTES) -> None:
        self.user_id = user_id
        self._position = position
        self._queue_bytes = queue_bytes
        self._queue: deque[tuple[Delivery | str, int]] = deque()
        self._bytes = 0
        self._floor: Cursor | None = None
        self._last: Cursor | None = None
        self._end: End | None = None
        self._changed = asyncio.Event()

    @property
    def ended(self) -> End | None:
        """Why it has ended, if it has."""
        return self._end

    def push(self, delivery: Delivery) -> None:
        """Something happened; what lies before the cursor that this follower resumed from is not told again."""
        if self._end is not None or not is_after(delivery, self._floor):
            return
        size = wire.size_of(delivery.notification)
        if self._bytes + size > self._queue_bytes:
            self.end(
                SLOW_CONSUMER, f"more than {self._queue_bytes} bytes were waiting to be read; resume from your cursor"
            )
            return
        self._queue.append((delivery, size))
        self._bytes += size
        self._changed.set()

    def start_at(self, last: Cursor, *, taken: Cursor | None = None) -> None:
        """This follower comes back to `last` until it is given something; it has had everything up to `taken` (default: the same).

        They differ where `taken` is of a life of the store that this replica has yet to notice.
        """
        self._last, self._floor = last, taken or last

    def begin_with(self, replayed: Iterable[Delivery]) -> None:
        """Put a replay before whatever came live meanwhile."""
        first = [(delivery, wire.size_of(delivery.notification)) for delivery in replayed]
        self._queue.extendleft(reversed(first))
        self._bytes += sum(size for _, size in first)

    def resync(self) -> None:
        """Something may be lost between what is queued and what comes."""
        if self._queue and self._queue[-1][0] == _RESYNC:
            return
        self._queue.append((_RESYNC, 0))
        self._changed.set()

    def end(self, reason: str, message: str) -> None:
        """No more; the first reason stays. A slow follower's queue is dropped, another's is delivered first."""
        if self._end is not None:
            return
        self._end = End(reason, message)
        if reason == SLOW_CONSUMER:
            self._queue.clear()
            self._bytes = 0
        self._changed.set()

    async def take(self, heartbeat_seconds: float) -> Batch:
        """Everything that waits, at once; after `heartbeat_seconds` of nothing an empty batch. Its last batch has `end`."""
        if not self._queue and self._end is None:
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    await self._changed.wait()
            except TimeoutError:
                return Batch(cursor=self.cursor())
        return self._drain()

    def _drain(self) -> Batch:
        resync = False
        taken: list[Delivery] = []
        while self._queue:
            item, size = self._queue[0]
            if isinstance(item, str):
                if taken or resync:
                    break
                resync = True
            else:
                taken.append(item)
                self._last = item.cursor
            self._queue.popleft()
            self._bytes -= size
        end = self._end if not self._queue else None
        if not self._queue:
            self._changed.clear()
        return Batch(tuple(taken), resync, taken[-1].cursor.encode() if taken else self.cursor(), end)

    def cursor(self) -> str:
        """Where to resume from. With nothing queued that is the shard's position, which ages better than one's own last."""
        position = self._position()
        if position is None or self._queue or self._end is not None:
            return self._last.encode() if self._last is not None else ""
        if self._last is None or self._last.epoch != position.epoch:
            return position.encode()
        newest = max((position, self._last), key=lambda place: (place.entry, place.index))
        return newest.encode()
