"""A notification's way: gRPC in → notifier → Redis → notifier → one SSE follower, through real processes; at the notifier itself
(`direct`), and through the gateway (`behind_envoy`), as clients follow.

Beside it the ceiling: one XADD of about the same payload on an idle connection of the same Valkey to a reader that waits for it.
Sender and follower share this process, and everything shares the machine: so they send bytes made beforehand, and read a bare socket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis

from bench.bare_follower import UNSENT, ages_in, follow, sent_now
from bench.ceilings import xadd_to_reader
from bench.notifier_rig import Rig, rig
from bench.result import Result, percentile
from tradewinds.v1 import notifier_pb2 as pb

_ROUNDS = 1_000
_RATE, _SECONDS = 1_000, 5
_EVERY_SECONDS = 0.002
_PAYLOAD_BYTES = 200
_USER = "bench"
_LIVE, _KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"
_SERVICE: Final = "/tradewinds.v1.Notifier/"


async def run() -> list[Result]:
    """Latencies in milliseconds, and what one costs the notifier at the steady rate."""
    results = []
    async with rig() as there:
        async with Redis.from_url(there.redis_url) as redis:
            floor = await xadd_to_reader(redis, bytes(_PAYLOAD_BYTES), _ROUNDS)
        followed = {"direct": f"http://{there.notifiers[0].http_address}", "behind_envoy": there.gateway_url}
        for way, url in followed.items():
            async with _follower(there, url) as received:
                one_by_one = await _one_by_one(there, received, _LIVE)
                kept = await _one_by_one(there, received, _KEPT)
                used = there.notifier_cpu_seconds()
                paced = await _paced(there, received)
                used = there.notifier_cpu_seconds() - used
            name = f"notification_path.{way}"
            results += [
                *_latencies(f"{name}.one_by_one", one_by_one, floor, (None, None)),
                *_latencies(f"{name}.one_by_one_kept", kept, floor, (None, None)),
                *_latencies(f"{name}.{_RATE}_per_second", paced, floor, ("< 1.5", "< 5")),
                Result(f"{name}.{_RATE}_per_second.notifier_cpu", used / len(paced) * 1e6, "us/notification"),
            ]
    return results


def _latencies(
    name: str, taken: Sequence[float], floor: Sequence[float], targets: tuple[str | None, str | None]
) -> list[Result]:
    return [
        Result(f"{name}.p{percent}", percentile(taken, percent), "ms", target, percentile(floor, percent))
        for percent, target in zip((50, 99), targets, strict=True)
    ]


@asynccontextmanager
async def _follower(there: Rig, url: str) -> AsyncIterator[asyncio.Queue[float]]:
    """The age of everything that an SSE follower at `url` gets."""
    ages: asyncio.Queue[float] = asyncio.Queue()

    def heard(lines: bytes) -> None:
        for age in ages_in(lines):
            ages.put_nowait(age)

    follower = await follow(urlsplit(url).netloc, there.signing.token(_USER), heard)
    try:
        yield ages
    finally:
        follower.close()


class _Load:
    """Requests as bytes, which say when they were sent."""

    def __init__(self, type_: str) -> None:
        request = pb.SendNotificationRequest(type=type_, title="10 RELIANCE bought at 1400.05", message=UNSENT.decode())
        request.data.update({"order_id": "ord-06h055j1n5e0zsrzesyvtz6j44"})
        self._single = request.SerializeToString()
        self._in_batch = pb.StreamNotificationsRequest(requests=[request]).SerializeToString()

    def single(self) -> bytes:
        """A `SendNotificationRequest`."""
        return self._single.replace(UNSENT, sent_now())

    def batch(self, count: int) -> bytes:
        """A `StreamNotificationsRequest` with so many."""
        return self._in_batch.replace(UNSENT, sent_now()) * count


async def _one_by_one(there: Rig, received: asyncio.Queue[float], type_: str) -> list[float]:
    taken, load, metadata = [], _Load(type_), there.metadata(_USER)
    send = there.notifiers[0].channel.unary_unary(
        f"{_SERVICE}SendNotification",
        request_serializer=None,
        response_deserializer=pb.SendNotificationResponse.FromString,
    )
    for _ in range(_ROUNDS):
        await send(load.single(), metadata=metadata)
        taken.append(await received.get())
    return taken


async def _paced(there: Rig, received: asyncio.Queue[float]) -> list[float]:
    """At a steady rate, on a stream, as who has that much to say would, with what fell due: a call for each would measure this process."""
    load, sent = _Load(_LIVE), 0
    started = time.perf_counter()

    async def due() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < _RATE * _SECONDS:
            count = int((time.perf_counter() - started) * _RATE) - sent
            if count > 0:
                sent += count
                yield load.batch(count)
            await asyncio.sleep(_EVERY_SECONDS)

    stream = there.notifiers[0].channel.stream_stream(
        f"{_SERVICE}StreamNotifications",
        request_serializer=None,
        response_deserializer=pb.StreamNotificationsResponse.FromString,
    )
    async for _ in stream(due(), metadata=there.metadata(_USER)):
        pass
    return [await asyncio.wait_for(received.get(), 10) for _ in range(sent)]
