"""One follower: a queue bounded in bytes, drained in batches, that ends with a word about why.

What it does when it is full depends on the class of what waits: realtime notifications are left out, and the follower is told how
many; the others are never left out: the stream ends, and the follower resumes from its cursor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from notifier.realtime.cursor import Cursor, Place, newest
from notifier.realtime.deliveries import Delivery, is_after
from notifier.types import DeliveryClass

QUEUE_BYTES: Final = 1024 * 1024
# Who follows everybody has everybody's queue.
WIDE_QUEUE_BYTES: Final = 64 * 1024 * 1024

# How long a client may leave what it was given unread. Its queue alone would not end it where nothing but realtime waits.
STALLED_SECONDS: Final = 30.0
# How long a client has to take the word that its stream is over.
LAST_WORD_SECONDS: Final = 10.0

SERVER_STOPPING: Final = "SERVER_STOPPING"
SLOW_CONSUMER: Final = "SLOW_CONSUMER"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"

# Whoever follows everybody.
EVERYBODY: Final = ""

_REALTIME: Final = int(DeliveryClass.REALTIME)


@dataclass(frozen=True)
class End:
    """Why a stream is over; always its last word."""

    reason: str
    message: str


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What a follower gets at once: `resync` (something before this may be lost, `dropped` were left out), then deliveries; empty is
    a heartbeat."""

    deliveries: tuple[Delivery, ...] = ()
    resync: bool = False
    cursor: str = ""
    end: End | None = None
    dropped: int = 0


class Sink(Protocol):
    """Where a stream's batches go, at once."""

    @property
    def has_room(self) -> bool:
        """Whether it takes one more now."""
        ...

    def write(self, batch: Batch) -> None:
        """Take one."""
        ...

    async def drained(self) -> None:
        """Wait until it has room again. Raises `ConnectionError` when nobody is there any more."""
        ...


class _Gap(msgspec.Struct):
    """Something is missing here; `dropped` of it by our own doing."""

    dropped: int = 0


class Subscription:
    """Filled by the hub, drained by one stream."""

    def __init__(
        self,
        user_id: str,
        position: Callable[[], Place | None],
        stir: Callable[[Subscription], None],
        *,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """`stir` is called when there is something to `flush`, which is to happen soon."""
        self.user_id = user_id
        self._position = position
        self._stir = stir
        self._queue_bytes = queue_bytes
        self._queue: deque[Delivery | _Gap] = deque()
        self._gaps = 0
        self._bytes = 0
        self._droppable_bytes = 0
        self._floor: Place | None = None
        self._last: Place | None = None
        self._end: End | None = None
        # One wake-up for each wait, set by hand: `Event` and `timeout` took more time than all that is told.
        self._waiting: asyncio.Future[None] | None = None
        # One timer for many waits: what is told meanwhile only moves the moment at which it does something.
        self._timer: asyncio.TimerHandle | None = None
        self._beat_at = 0.0
        # Where what happens goes without waking a task, once `pour` has begun.
        self._sink: Sink | None = None
        self._stirred = False
        self._failure: Exception | None = None
        self._heartbeat_seconds = 0.0
        self._now = asyncio.get_running_loop().time
        # Cuts the connection, so that whoever writes to it need not wait for a client that never reads.
        self.let_go: Callable[[], object] | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> End | None:
        """Why it has ended, if it has."""
        return self._end

    @property
    def waiting_bytes(self) -> int:
        """What its follower has not taken yet."""
        return self._bytes

    def tell(self, news: Sequence[Delivery]) -> int:
        """Something happened; what lies before the cursor that this follower resumed from is not told again. Returns how many
        realtime notifications were left out.

        Where nothing waits, and the sink has room, nothing is queued: that is how it is for nearly every follower nearly always.
        """
        sink = self._sink
        if sink is None or self._queue or self._floor is not None or self._end is not None or not sink.has_room:
            return sum([self._push(delivery) for delivery in news])
        if news:
            self._last = news[-1].cursor
            self._hand_over(sink, Batch(tuple(news), cursor=self._last.encode()))
        return 0

    def _push(self, delivery: Delivery) -> int:
        if self._end is not None or (self._floor is not None and not self._is_news(delivery, self._floor)):
            return 0
        dropped = 0
        if self._bytes + delivery.told.size > self._queue_bytes:
            dropped = self._make_room(delivery)
            if self._end is not None:
                return dropped
        if not dropped or self._fits(delivery):
            self._queue.append(delivery)
            self._count(delivery, 1)
        self._wake()
        return dropped

    def _is_news(self, delivery: Delivery, floor: Place) -> bool:
        if not is_after(delivery, floor):
            return False
        if isinstance(floor, Cursor) and delivery.cursor.epoch == floor.epoch:
            self._floor = None  # so is all that comes
        return True

    def _fits(self, delivery: Delivery) -> bool:
        return self._bytes + delivery.told.size <= self._queue_bytes

    def _count(self, delivery: Delivery, sign: int) -> None:
        size = sign * delivery.told.size
        self._bytes += size
        if delivery.told.delivery_class == _REALTIME:
            self._droppable_bytes += size

    def _make_room(self, delivery: Delivery) -> int:
        """Leave out what waits of realtime class, and `delivery` itself if it is and does not fit even then; end where that does not
        help."""
        dropped = self._drop_realtime() if self._droppable_bytes else 0
        if self._fits(delivery):
            return dropped
        if delivery.told.delivery_class == _REALTIME:
            self._gap(1)
            return dropped + 1
        self.end(SLOW_CONSUMER, f"more than {self._queue_bytes} bytes were waiting to be read; resume from your cursor")
        return dropped

    def _drop_realtime(self) -> int:
        waiting, self._queue, self._gaps = self._queue, deque(), 0
        dropped = 0
        for item in waiting:
            if isinstance(item, _Gap):
                self._gap(item.dropped)
            elif item.told.delivery_class == _REALTIME:
                self._count(item, -1)
                self._gap(1)
                dropped += 1
            else:
                self._queue.append(item)
        return dropped

    def _gap(self, dropped: int) -> None:
        if self._queue and isinstance(self._queue[-1], _Gap):
            self._queue[-1].dropped += dropped
        else:
            self._queue.append(_Gap(dropped))
            self._gaps += 1

    def start_at(self, last: Place, *, taken: Place | None = None) -> None:
        """This follower comes back to `last` until it is given something; it has had everything up to `taken` (default: the same).

        They differ where `taken` is of a life of the store that this replica has yet to notice.
        """
        self._last, self._floor = last, taken or last

    def begin_with(self, replayed: Iterable[Delivery]) -> None:
        """Put a replay before whatever came live meanwhile."""
        first = list(replayed)
        self._queue.extendleft(reversed(first))
        for delivery in first:
            self._count(delivery, 1)

    def resync(self) -> None:
        """Something may be lost between what is queued and what comes."""
        self._gap(0)
        self._wake()

    def end(self, reason: str, message: str) -> None:
        """No more; the first reason stays. A slow follower's queue is dropped, another's is delivered first."""
        if self._end is not None:
            return
        self._end = End(reason, message)
        if reason == SLOW_CONSUMER:
            self._queue.clear()
            self._gaps = self._bytes = self._droppable_bytes = 0
        if self.let_go is not None:
            # A client may keep its connection for ever without reading: then the last word is not waited for.
            self._deadline = asyncio.get_running_loop().call_later(LAST_WORD_SECONDS, self.let_go)
        self._wake()

    async def take(self, heartbeat_seconds: float) -> Batch:
        """Everything that waits, at once; after `heartbeat_seconds` of nothing an empty batch. Its last batch has `end`.

        Whoever takes one says by taking the next that it was read.
        """
        self._was_read()
        if not self._queue and self._end is None:
            self._beat_after(heartbeat_seconds)
            await self._wait()
        self._is_to_be_read()
        return self._drain()

    async def pour(self, sink: Sink, heartbeat_seconds: float) -> None:
        """Hand everything that happens to `sink` as soon as it has happened, and an empty batch after `heartbeat_seconds` of nothing,
        until its last batch. With thousands of followers a task to wake for each notification cost more than writing it; the caller's
        wakes only when the sink is full, and what comes meanwhile waits here.
        """
        self._sink, self._heartbeat_seconds = sink, heartbeat_seconds
        while self._sink is not None:
            if not sink.has_room:
                self._is_to_be_read()
                await sink.drained()
                self._was_read()
            self.flush()
            if self._sink is not None and sink.has_room:
                self._beat_after(heartbeat_seconds)
                await self._wait()
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Pour what waits, as far as it is taken."""
        self._stirred = False
        while self._sink is not None and (self._queue or self._end is not None):
            if not self._sink.has_room:
                self._wake_waiting()
                return
            self._hand_over(self._sink, self._drain())

    def _hand_over(self, sink: Sink, batch: Batch) -> None:
        """What is wrong with the sink is the matter of who pours."""
        try:
            sink.write(batch)
        except Exception as e:
            self._failure = e
        if batch.end is not None or self._failure is not None:
            self._sink = None
            self._wake_waiting()
        # The timer runs: it was set when pouring began, and finds that this is later.
        self._beat_at = self._now() + self._heartbeat_seconds

    def _is_to_be_read(self) -> None:
        if self._end is None:
            self._unread = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._stalled)

    def _was_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stalled(self) -> None:
        self.end(SLOW_CONSUMER, f"nothing was read for {STALLED_SECONDS:.0f} s; resume from your cursor")

    async def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _beat_after(self, seconds: float) -> None:
        self._beat_at = self._now() + seconds
        if self._timer is None or self._timer.when() > self._beat_at:
            self._beat_in(seconds)

    def _beat_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._beat_if_due)

    def _beat_if_due(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        seconds = self._beat_at - self._now()
        if seconds > 0:
            self._beat_in(seconds)
        elif self._sink is None:
            self._wake()
        else:
            self._beat()

    def _beat(self) -> None:
        self._beat_after(self._heartbeat_seconds)
        if self._sink is not None and self._sink.has_room:
            self._hand_over(self._sink, self._drain())

    def close(self) -> None:
        """Nobody takes from it any more."""
        self._sink = None
        for timer in (self._timer, self._unread, self._deadline):
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._sink is None:
            self._wake_waiting()
        elif not self._stirred:
            self._stirred = True
            self._stir(self)

    def _wake_waiting(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _drain(self) -> Batch:
        gap = self._gap_first()
        taken = self._before_a_gap() if self._gaps else self._all()
        end = self._end if not self._queue else None
        if taken:
            self._last = taken[-1].cursor
            cursor = self._last.encode()
        else:
            cursor = self.cursor()
        return Batch(taken, gap is not None, cursor, end, gap.dropped if gap is not None else 0)

    def _gap_first(self) -> _Gap | None:
        if self._gaps and isinstance(first := self._queue[0], _Gap):
            self._queue.popleft()
            self._gaps -= 1
            return first
        return None

    def _before_a_gap(self) -> tuple[Delivery, ...]:
        taken: list[Delivery] = []
        while self._queue and not isinstance(item := self._queue[0], _Gap):
            taken.append(item)
            self._count(item, -1)
            self._queue.popleft()
        return tuple(taken)

    def _all(self) -> tuple[Delivery, ...]:
        taken: tuple[Delivery, ...] = tuple(self._queue)  # type: ignore[arg-type] # there is no gap among them
        self._queue.clear()
        self._bytes = self._droppable_bytes = 0
        return taken

    def cursor(self) -> str:
        """Where to resume from. With nothing queued that is the shard's position, which ages better than one's own last."""
        position = self._position()
        if position is None or self._queue or self._end is not None:
            return self._last.encode() if self._last is not None else ""
        if self._last is None or self._last.epoch != position.epoch:
            return position.encode()
        return newest(position, self._last).encode()
