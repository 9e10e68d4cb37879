"""A stream of batches: while one is told, the next ones are deduped and kept; they are told, and acknowledged, in their order. What is
ready then is told together: a stream of single notifications would otherwise be as slow as Redis' answers one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from notifier.arrival import Arrival
from notifier.drafts import Accepted, Outcomes
from notifier.sending import Sender
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


async def to_the_end(work: Awaitable[_Result]) -> _Result:
    """A caller who hangs up must not leave a notification kept but untold."""
    return await asyncio.shield(asyncio.ensure_future(work))


_Accepting = asyncio.Task[Accepted]


class _Ahead:
    """Batches that are being deduped and kept, in their order; None is the end."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[_Accepting | None] = asyncio.Queue(_AHEAD)
        self._taken_too_early: list[_Accepting | None] = []

    async def put(self, accepting: _Accepting | None) -> None:
        """Waits while there are too many."""
        await self._queue.put(accepting)

    async def take(self) -> list[_Accepting]:
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

    def left(self) -> Iterator[_Accepting]:
        """Those that nobody will take."""
        while self._taken_too_early or not self._queue.empty():
            one = self._taken_too_early.pop() if self._taken_too_early else self._queue.get_nowait()
            if one is not None:
                yield one


def _is_ready(accepting: _Accepting) -> bool:
    return accepting.done() and not accepting.cancelled() and accepting.exception() is None


async def stream(sender: Sender, batches: AsyncIterator[Arrival]) -> AsyncIterator[Progress]:
    """Send every batch; one `Progress` for each. What `Sender.send` raises ends it, after the batches before."""
    ahead = _Ahead()
    reading = asyncio.create_task(_read(sender, batches, ahead), name="stream of notifications")
    progress = Progress()
    try:
        while together := await ahead.take():
            for outcomes in await to_the_end(_tell(sender, together)):
                progress = Progress(
                    progress.requests + 1,
                    progress.notifications + len(outcomes),
                    progress.duplicates + outcomes.duplicates,
                )
                yield progress
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
            accepting = asyncio.create_task(sender.accept(arrival, lambda index: f"requests[{index}]."))
            try:
                await ahead.put(accepting)
            except asyncio.CancelledError:
                _finish(sender, accepting)
                raise
    finally:
        await ahead.put(None)


async def _tell(sender: Sender, together: Sequence[_Accepting]) -> list[Outcomes]:
    return await sender.tell_together([await accepting for accepting in together])


# The loop itself holds tasks only weakly.
_finishing: Final[set[asyncio.Task[None]]] = set()


def _finish(sender: Sender, accepting: _Accepting) -> None:
    """What a stream that broke had kept already is told all the same, though nobody waits for the answer."""
    task = asyncio.create_task(_tell_unheard(sender, accepting), name="end of a broken stream of notifications")
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


async def _tell_unheard(sender: Sender, accepting: _Accepting) -> None:
    try:
        await _tell(sender, [accepting])
    except TradewindsError as e:
        log.warning_throttled("stream.broken", error=e.message)
