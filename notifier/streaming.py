"""A stream of batches: while one is told, the next ones are deduped and kept; they are told, and acknowledged, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from notifier.notification import NewNotification
from notifier.sending import Accepted, Outcome, Sender
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


async def stream(sender: Sender, batches: AsyncIterator[Sequence[NewNotification]]) -> AsyncIterator[Progress]:
    """Send every batch; one `Progress` for each. What `Sender.send` raises ends it, after the batches before."""
    ahead: asyncio.Queue[asyncio.Task[Accepted] | None] = asyncio.Queue(_AHEAD)
    reading = asyncio.create_task(_read(sender, batches, ahead), name="stream of notifications")
    progress = Progress()
    try:
        while (accepting := await ahead.get()) is not None:
            outcomes = await to_the_end(_tell(sender, accepting))
            progress = Progress(
                progress.requests + 1,
                progress.notifications + len(outcomes),
                progress.duplicates + sum([outcome.duplicate for outcome in outcomes]),
            )
            yield progress
        await reading
    finally:
        reading.cancel()
        # Whoever has gone is not told why reading from them failed.
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        while not ahead.empty():
            if (left := ahead.get_nowait()) is not None:
                _finish(sender, left)


async def _read(
    sender: Sender,
    batches: AsyncIterator[Sequence[NewNotification]],
    ahead: asyncio.Queue[asyncio.Task[Accepted] | None],
) -> None:
    try:
        async for news in batches:
            accepting = asyncio.create_task(sender.accept(news, lambda index: f"requests[{index}]."))
            try:
                await ahead.put(accepting)
            except asyncio.CancelledError:
                _finish(sender, accepting)
                raise
    finally:
        await ahead.put(None)


async def _tell(sender: Sender, accepting: asyncio.Task[Accepted]) -> list[Outcome]:
    return await sender.tell(await accepting)


# The loop itself holds tasks only weakly.
_finishing: Final[set[asyncio.Task[None]]] = set()


def _finish(sender: Sender, accepting: asyncio.Task[Accepted]) -> None:
    """What a stream that broke had kept already is told all the same, though nobody waits for the answer."""
    task = asyncio.create_task(_tell_unheard(sender, accepting), name="end of a broken stream of notifications")
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


async def _tell_unheard(sender: Sender, accepting: asyncio.Task[Accepted]) -> None:
    try:
        await _tell(sender, accepting)
    except TradewindsError as e:
        log.warning_throttled("stream.broken", error=e.message)
