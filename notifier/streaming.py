"""A stream of batches: while one is told, the next ones are deduped and kept; they are told, and acknowledged, in their order. What is
ready then is told together: a stream of single notifications would otherwise be as slow as Redis' answers one after the other.

What needs nothing of that (nothing to dedupe, nothing to keep) is on its way in the moment in which it was read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from notifier.arrival import Arrival
from notifier.drafts import Accepted, Outcomes
from notifier.sending import Begun, Sender
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.streaming")

# Well within the life of a claim, even when PostgreSQL is slow: so many large batches, or small ones that hold as much together.
_AHEAD: Final = 4
_AHEAD_SMALL: Final = 64
_AHEAD_NOTIFICATIONS: Final = 4_000
_UNREAD: Final = 64

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Progress:
    """How far a stream has come, from its beginning on."""

    requests: int = 0
    notifications: int = 0
    duplicates: int = 0

    def with_(self, outcomes: Outcomes) -> Progress:
        """After one more request."""
        notifications, duplicates = self.notifications + len(outcomes), self.duplicates + outcomes.duplicates
        return Progress(self.requests + 1, notifications, duplicates)


async def send_to_the_end(sender: Sender, arrival: Arrival, field_of: Callable[[int], str]) -> Outcomes:
    """`Sender.send_all`, whose caller may hang up: that must not leave a notification kept but untold."""
    begun = sender.begin(arrival, field_of)
    if begun is not None:
        return await begun.outcomes()
    return await _to_the_end(sender.send_all(arrival, field_of))


async def _to_the_end(work: Awaitable[_Result]) -> _Result:
    return await asyncio.shield(asyncio.ensure_future(work))


_Accepting = asyncio.Task[Accepted]


class _Ahead:
    """Batches that have begun, or are being deduped and kept, in their order; None is the end."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Begun | _Accepting | None, int]] = deque()
        self._notifications = 0
        self._untold = 0
        self._changed = asyncio.Event()

    @property
    def lets_pass(self) -> bool:
        """Whether the next one can begin without overtaking any."""
        return not self._untold

    async def put(self, one: Begun | _Accepting, notifications: int) -> None:
        """Waits while there are too many."""
        if isinstance(one, asyncio.Task):
            self._untold += 1
        while self._is_full:
            await self._change()
        self._notifications += notifications
        self._put(one, notifications)

    def end(self) -> None:
        """No more will come."""
        self._put(None, 0)

    def told(self, together: Sequence[Begun | _Accepting]) -> None:
        """They are out of the way."""
        self._untold -= sum([isinstance(one, asyncio.Task) for one in together])

    async def take(self) -> list[Begun | _Accepting]:
        """The next one; where it is ready, with those after it that are; none at the end."""
        while not self._queue:
            await self._change()
        if self._queue[0][0] is None:
            return []
        together = [self._taken()]
        while _is_ready(together[-1]) and self._queue and _is_ready(self._queue[0][0]):
            together.append(self._taken())
        return together

    def left(self) -> Iterator[Begun | _Accepting]:
        """Those that nobody will take."""
        while self._queue and self._queue[0][0] is not None:
            yield self._taken()

    @property
    def _is_full(self) -> bool:
        count = len(self._queue)
        return count >= _AHEAD_SMALL or (count >= _AHEAD and self._notifications >= _AHEAD_NOTIFICATIONS)

    def _put(self, one: Begun | _Accepting | None, notifications: int) -> None:
        self._queue.append((one, notifications))
        self._changed.set()

    def _taken(self) -> Begun | _Accepting:
        one, notifications = self._queue.popleft()
        self._notifications -= notifications
        self._changed.set()
        return cast("Begun | _Accepting", one)

    async def _change(self) -> None:
        # Who reads waits only while it is full, who takes only while it is empty: never both.
        self._changed.clear()
        await self._changed.wait()


class _Told:
    """What is to be acknowledged. Writing one takes a turn of the loop or more, for which what comes behind it does not wait; but a caller
    who reads no acknowledgement does not go on for ever."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(_UNREAD)

    async def put(self, progress: Progress) -> None:
        """Waits while there are too many."""
        await self._room.acquire()
        self._queue.put_nowait(progress)

    def end(self) -> None:
        """No more will come."""
        self._queue.put_nowait(None)

    async def take(self) -> Progress | None:
        """The next one; None at the end."""
        progress = await self._queue.get()
        self._room.release()
        return progress


def _is_ready(one: Begun | _Accepting | None) -> bool:
    return isinstance(one, asyncio.Task) and one.done() and not one.cancelled() and one.exception() is None


async def stream(sender: Sender, batches: AsyncIterator[Arrival]) -> AsyncIterator[Progress]:
    """Send every batch; one `Progress` for each. What `Sender.send` raises ends it, after the batches before."""
    ahead = _Ahead()
    told = _Told()
    reading = asyncio.create_task(_read(sender, batches, ahead), name="stream of notifications")
    telling = asyncio.create_task(_tell_all(sender, ahead, told), name="telling a stream of notifications")
    try:
        while (progress := await told.take()) is not None:
            yield progress
        await telling
        await reading
    finally:
        for task in (reading, telling):
            task.cancel()
            # Whoever has gone is not told why reading from them failed.
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
        for left in ahead.left():
            _finish(sender, left)


async def _tell_all(sender: Sender, ahead: _Ahead, told: _Told) -> None:
    progress = Progress()
    try:
        while together := await ahead.take():
            several = await _outcomes(sender, together)
            ahead.told(together)
            for outcomes in several:
                progress = progress.with_(outcomes)
                await told.put(progress)
    finally:
        told.end()


async def _read(sender: Sender, batches: AsyncIterator[Arrival], ahead: _Ahead) -> None:
    try:
        async for arrival in batches:
            one = (sender.begin(arrival, _field) if ahead.lets_pass else None) or asyncio.create_task(
                sender.accept(arrival, _field)
            )
            try:
                await ahead.put(one, len(arrival))
            except asyncio.CancelledError:
                _finish(sender, one)
                raise
    finally:
        ahead.end()


def _field(index: int) -> str:
    return f"requests[{index}]."


async def _outcomes(sender: Sender, together: Sequence[Begun | _Accepting]) -> list[Outcomes]:
    if isinstance(together[0], Begun):
        return [await together[0].outcomes()]
    return await _to_the_end(_tell(sender, together))


async def _tell(sender: Sender, together: Sequence[Begun | _Accepting]) -> list[Outcomes]:
    return await sender.tell_together([await one for one in together if isinstance(one, asyncio.Task)])


# The loop itself holds tasks only weakly.
_finishing: Final[set[asyncio.Task[None]]] = set()


def _finish(sender: Sender, left: Begun | _Accepting) -> None:
    """What a stream that broke had kept already is told all the same, though nobody waits for the answer."""
    task = asyncio.create_task(_tell_unheard(sender, left), name="end of a broken stream of notifications")
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


async def _tell_unheard(sender: Sender, left: Begun | _Accepting) -> None:
    try:
        await _outcomes(sender, [left])
    except TradewindsError as e:
        log.warning_throttled("stream.broken", error=e.message)
