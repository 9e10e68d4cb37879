"""Notifications to many followers: 1,000 server-sent event streams, each of another user, and what 5,000 of them hold in memory.

Every notification is for one of the followers, so that each stream gets a thousandth of them; nothing is shared and nothing waits for
company. How many a second arrive when they are sent as fast as they are acknowledged, and how old they are at a steady rate that leaves
room: beyond what is sustained an age says only how long the measurement was.

Followers are bare sockets in this process, at the notifier itself. Beside it the ceiling: one process that does nothing but write the
same bytes to as many sockets, one write for each.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.notifier_rig import Rig, rig
from bench.result import Result, percentile
from bench.sse_follower import UNSENT, SseFollower, ages_in, count_in, follow, sent_now
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.v1 import notifier_pb2 as pb

_FOLLOWERS, _TARGET = 1_000, 30_000
_SECONDS: Final = 6.0
_AT_ONCE: Final = 50  # divides the followers
_AHEAD: Final = 12
# The age of every so many and one (no part of a batch, so that it is not always the first of one); each is counted.
_SAMPLED: Final = 8
# Of what was sustained: the ages are taken at this part of it, or at the target.
_UNHURRIED: Final = 0.6
_MANY: Final = 5_000
_STREAM: Final = "/tradewinds.v1.Notifier/StreamNotifications"


async def run() -> list[Result]:
    """Ages in milliseconds; megabytes, beside what the notifier holds without followers."""
    written = await _raw_writes()
    async with rig() as there:
        empty = there.notifier_megabytes()
        heard = _Heard()
        followers = [await _open(there, heard, number) for number in range(_FOLLOWERS)]
        used = there.notifier_cpu_seconds()
        sustained = await _as_fast_as_acknowledged(there, heard)
        cost = (there.notifier_cpu_seconds() - used) / heard.count * 1e6
        rate = int(min(_TARGET, sustained * _UNHURRIED))
        heard = _Heard()
        for follower in followers:
            follower.heard = heard.take
        await _paced(there, heard, rate)
        at_rate = list(heard.ages)
        followers += [await _open(there, heard, number) for number in range(_FOLLOWERS, _MANY)]
        full = there.notifier_megabytes()
        for follower in followers:
            follower.close()
    name = f"notification_fanout.to_{_FOLLOWERS}_followers"
    return [
        Result(f"{name}.sustained", sustained, "notifications/s", f">= {_TARGET}", written),
        Result(f"{name}.notifier_cpu", cost, "us/notification"),
        Result(f"{name}.aged_at", rate, "notifications/s", f">= {_TARGET}"),
        Result(f"{name}.age_p50", percentile(at_rate, 50), "ms"),
        Result(f"{name}.age_p99", percentile(at_rate, 99), "ms", "< 5"),
        Result(f"notification_fanout.{_MANY}_followers", full, "MB", "< 400", empty),
    ]


class _Heard:
    """What all followers were told: counted each, but only now and then looked at, or looking would be measured."""

    def __init__(self) -> None:
        self.count = 0
        self.ages: list[float] = []
        self._next = 0

    def take(self, lines: bytes) -> None:
        self.count += count_in(lines)
        if self.count > self._next:
            self.ages += ages_in(lines)
            self._next = self.count + _SAMPLED


async def _open(there: Rig, heard: _Heard, number: int) -> SseFollower:
    return await follow(there.notifiers[0].http_address, there.signing.token(_user(number)), heard.take)


def _user(number: int) -> str:
    return f"user-{number}"


class _Load:
    """Batches, each for the next followers, as bytes: this process must not be what is measured."""

    def __init__(self) -> None:
        self._templates = [
            pb.StreamNotificationsRequest(requests=[_request(first + n) for n in range(_AT_ONCE)]).SerializeToString()
            for first in range(0, _FOLLOWERS, _AT_ONCE)
        ]
        self.batches = 0

    def batch(self) -> bytes:
        """The next one; it says when it was made."""
        template = self._templates[self.batches % len(self._templates)]
        self.batches += 1
        return template.replace(UNSENT, sent_now())


def _request(number: int) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(
        user_id=_user(number),
        type="ORDER_PARTIALLY_FILLED",
        title="10 RELIANCE bought at 1400.05",
        message=UNSENT.decode(),
    )


async def _as_fast_as_acknowledged(there: Rig, heard: _Heard) -> float:
    """How many a second arrive."""
    room, load, started = asyncio.Semaphore(_AHEAD), _Load(), time.perf_counter()

    async def made() -> AsyncIterator[bytes]:
        while time.perf_counter() - started < _SECONDS:
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


async def _paced(there: Rig, heard: _Heard, rate: int) -> None:
    """A batch whenever one is due."""
    total, load, started = int(rate * _SECONDS) // _AT_ONCE, _Load(), time.perf_counter()

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


# One event of about the usual size, to each of so many clients in turn, for as long as somebody reads.
_WRITER: Final = """
import asyncio, sys, uvloop
async def main(count, size):
    transports, full = [], asyncio.Event()
    class Client(asyncio.Protocol):
        def connection_made(self, transport):
            transports.append(transport)
            if len(transports) == count: full.set()
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await full.wait()
    event = b"x" * size
    while True:
        for transport in transports:
            transport.write(event)
        await asyncio.sleep(0)
        while max(transport.get_write_buffer_size() for transport in transports) > 64 * size:
            await asyncio.sleep(0.001)
uvloop.install()
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""
_EVENT_BYTES: Final = 400
_RAW_SECONDS: Final = 2.0


async def _raw_writes() -> float:
    """Events a second, of one process that only writes, to as many sockets of this one."""
    received = 0

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            nonlocal received
            received += len(data)

    async with _writer() as port:
        loop = asyncio.get_running_loop()
        transports = [(await loop.create_connection(Client, "127.0.0.1", port))[0] for _ in range(_FOLLOWERS)]
        await asyncio.sleep(0.5)
        received, started = 0, time.perf_counter()
        await asyncio.sleep(_RAW_SECONDS)
        rate = received / _EVENT_BYTES / (time.perf_counter() - started)
        for transport in transports:
            transport.close()
    return rate


@asynccontextmanager
async def _writer() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(_FOLLOWERS), str(_EVENT_BYTES), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
