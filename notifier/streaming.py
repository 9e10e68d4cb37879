"""A stream of batches: while one is told, the next ones are deduped and kept; they are told, and acknowledged, in their order. What is
ready then is told together: a stream of single notifications would otherwise be as slow as Redis' answers one after the other.

What needs nothing of that (nothing to dedupe, nothing to keep) is on its way in the moment in which it was read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from notifier.arrival import Arrival
from notifier.drafts import Accepted, Outcomes
from notifier.sending import Begun, Sender
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.streaming")

# Well within the life of a claim, even when PostgreSQL is slow.
_AHEAD: Final = 4

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Progress:
    """How far a stream has come, from its beginning on."""

    requests: int = 0
    notifications: int = 0
    duplicates: int = 0


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
        self._queue: asyncio.Queue[Begun | _Accepting | None] = asyncio.Queue(_AHEAD)
        self._taken_too_early: list[Begun | _Accepting | None] = []
        self._untold = 0

    @property
    def lets_pass(self) -> bool:
        """Whether the next one can begin without overtaking any."""
        return not self._untold

    async def put(self, one: Begun | _Accepting | None) -> None:
        """Waits while there are too many."""
        if isinstance(one, asyncio.Task):
            self._untold += 1
        await self._queue.put(one)

    def told(self, together: Sequence[Begun | _Accepting]) -> None:
        """They are out of the way."""
        self._untold -= sum([isinstance(one, asyncio.Task) for one in together])

    async def take(self) -> list[Begun | _Accepting]:
        """The next one; where it is ready, with those after it that are; none at the end."""
        first = self._taken_too_early.pop() if self._taken_too_early else await self._queue.get()
        if first is None:
            return []
        together = [first]
        while _is_ready(together[-1]) and not self._queue.empty():
            following = self._queue.get_nowait()
            if following is None or not _is_ready(following):
                self._taken_too_early.append(following)
                break
            together.append(following)
        return together

    def left(self) -> Iterator[Begun | _Accepting]:
        """Those that nobody will take."""
        while self._taken_too_early or not self._queue.empty():
            one = self._taken_too_early.pop() if self._taken_too_early else self._queue.get_nowait()
            if one is not None:
                yield one


def _is_ready(one: Begun | _Accepting) -> bool:
    return isinstance(one, asyncio.Task) and one.done() and not one.cancelled() and one.exception() is None


async def stream(sender: Sender, batches: AsyncIterator[Arrival]) -> AsyncIterator[Progress]:
    """Send every batch; one `Progress` for each. What `Sender.send` raises ends it, after the batches before."""
    ahead = _Ahead()
    reading = asyncio.create_task(_read(sender, batches, ahead), name="stream of notifications")
    progress = Progress()
    try:
        while together := await ahead.take():
            for outcomes in await _outcomes(sender, together):
                progress = Progress(
                    progress.requests + 1,
                    progress.notifications + len(outcomes),
                    progress.duplicates + outcomes.duplicates,
                )
                yield progress
            ahead.told(together)
        await reading
    finally:
        reading.cancel()
        # Whoever has gone is not told why reading from them failed.
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        for left in ahead.left():
            _finish(sender, left)


async def _read(sender: Sender, batches: AsyncIterator[Arrival], ahead: _Ahead) -> None:
    try:
        async for arrival in batches:
            one = (sender.begin(arrival, _field) if ahead.lets_pass else None) or asyncio.create_task(
                sender.accept(arrival, _field)
            )
            try:
                await ahead.put(one)
            except asyncio.CancelledError:
                _finish(sender, one)
                raise
    finally:
        await ahead.put(None)


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
