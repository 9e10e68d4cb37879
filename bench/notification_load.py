"""What many followers are told: each notification for another one of them, so that nothing is shared and nothing waits for company."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from bench.bare_follower import UNSENT, ages_in, count_in, sent_now
from bench.notifier_rig import Rig
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.v1 import notifier_pb2 as pb

FOLLOWERS: Final = 1_000
_AT_ONCE: Final = 50  # divides the followers
_AHEAD: Final = 12
# The age of every so many and one (no part of a batch, so that it is not always the first of one); each is counted.
_SAMPLED: Final = 8
_STREAM: Final = "/tradewinds.v1.Notifier/StreamNotifications"


class Heard:
    """What all followers were told: counted each, but only now and then looked at, or looking would be measured."""

    def __init__(self) -> None:
        self.count = 0
        self.ages: list[float] = []
        self._next = 0

    def take(self, heard: bytes) -> None:
        """For each of them."""
        self.count += count_in(heard)
        if self.count > self._next:
            self.ages += ages_in(heard)
            self._next = self.count + _SAMPLED


def user(number: int) -> str:
    """The one who follows as the `number`th."""
    return f"user-{number}"


class Load:
    """Batches, each for the next followers, as bytes: this process must not be what is measured."""

    def __init__(self) -> None:
        self._templates = [
            pb.StreamNotificationsRequest(requests=[_request(first + n) for n in range(_AT_ONCE)]).SerializeToString()
            for first in range(0, FOLLOWERS, _AT_ONCE)
        ]
        self.batches = 0

    def batch(self) -> bytes:
        """The next one; it says when it was made."""
        template = self._templates[self.batches % len(self._templates)]
        self.batches += 1
        return template.replace(UNSENT, sent_now())


def _request(number: int) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(
        user_id=user(number),
        type="ORDER_PARTIALLY_FILLED",
        title="10 RELIANCE bought at 1400.05",
        message=UNSENT.decode(),
    )


async def as_fast_as_acknowledged(there: Rig, heard: Heard, seconds: float) -> float:
    """How many a second arrive."""
    room, load, started = asyncio.Semaphore(_AHEAD), Load(), time.perf_counter()

    async def made() -> AsyncIterator[bytes]:
        while time.perf_counter() - started < seconds:
            await room.acquire()
            # Acknowledged is not delivered: what is on its way must not grow without end.
            while load.batches * _AT_ONCE - heard.count > _AHEAD * _AT_ONCE * 2:  # noqa: ASYNC110 - an event for each would be measured
                await asyncio.sleep(0.001)
            yield load.batch()

    async for _ in _stream(there, made()):
        room.release()
    total = load.batches * _AT_ONCE
    await eventually(lambda: heard.count >= total, timeout=60)
    return total / (time.perf_counter() - started)


async def paced(there: Rig, heard: Heard, rate: int, seconds: float) -> None:
    """A batch whenever one is due."""
    total, load, started = int(rate * seconds) // _AT_ONCE, Load(), time.perf_counter()

    async def due() -> AsyncIterator[bytes]:
        while load.batches < total:
            await asyncio.sleep(max(0.0, started + load.batches * _AT_ONCE / rate - time.perf_counter()))
            yield load.batch()

    async for _ in _stream(there, due()):
        pass
    await eventually(lambda: heard.count >= total * _AT_ONCE, timeout=60)


def _stream(there: Rig, batches: AsyncIterator[bytes]) -> Any:
    call = there.notifiers[0].channel.stream_stream(
        _STREAM, request_serializer=None, response_deserializer=pb.StreamNotificationsResponse.FromString
    )
    return call(batches, metadata=there.metadata("bench", auth.SERVICE))
