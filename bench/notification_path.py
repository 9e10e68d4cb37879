"""A notification's way: gRPC in → notifier → Redis → notifier → Envoy → one SSE follower, through real processes.

Beside it the ceiling: one XADD of about the same payload on an idle connection of the same Valkey to a reader that waits for it.
Sender and follower share this process, and everything shares the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from redis.asyncio import Redis

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


async def run() -> list[Result]:
    """Latencies in milliseconds."""
    async with rig() as there:
        async with Redis.from_url(there.redis_url) as redis:
            floor = await xadd_to_reader(redis, bytes(_PAYLOAD_BYTES), _ROUNDS)
        async with _follower(there) as received:
            one_by_one = await _one_by_one(there, received, _LIVE)
            kept = await _one_by_one(there, received, _KEPT)
            paced = await _paced(there, received)
    return [
        *_latencies("notification_path.one_by_one", one_by_one, floor, (None, None)),
        *_latencies("notification_path.one_by_one_kept", kept, floor, (None, None)),
        *_latencies(f"notification_path.{_RATE}_per_second", paced, floor, ("< 1.5", "< 5")),
    ]


def _latencies(
    name: str, taken: Sequence[float], floor: Sequence[float], targets: tuple[str | None, str | None]
) -> list[Result]:
    return [
        Result(f"{name}.p{percent}", percentile(taken, percent), "ms", target, percentile(floor, percent))
        for percent, target in zip((50, 99), targets, strict=True)
    ]


@asynccontextmanager
async def _follower(there: Rig) -> AsyncIterator[asyncio.Queue[float]]:
    """The age in milliseconds of everything that an SSE follower behind the gateway gets."""
    ages: asyncio.Queue[float] = asyncio.Queue()
    live = asyncio.Event()

    async def follow() -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
            session.get(
                f"{there.gateway_url}/v1/notifications/stream", headers=there.signing.header(_USER)
            ) as response,
        ):
            async for line in response.content:
                if line.startswith(b": beat"):
                    live.set()
                elif line.startswith(b"data: "):
                    sent_ns = msgspec.json.decode(line[6:])["data"]["sent_ns"]
                    ages.put_nowait((time.perf_counter_ns() - sent_ns) / 1e6)

    following = asyncio.create_task(follow())
    await live.wait()
    try:
        yield ages
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _request(type_: str) -> pb.SendNotificationRequest:
    request = pb.SendNotificationRequest(type=type_, title="10 RELIANCE bought at 1400.05", message="momentum-1")
    request.data.update({"order_id": "ord-06h055j1n5e0zsrzesyvtz6j44", "sent_ns": time.perf_counter_ns()})
    return request


async def _one_by_one(there: Rig, received: asyncio.Queue[float], type_: str) -> list[float]:
    taken, metadata = [], there.metadata(_USER)
    for _ in range(_ROUNDS):
        await there.stub.SendNotification(_request(type_), metadata=metadata)
        taken.append(await received.get())
    return taken


async def _paced(there: Rig, received: asyncio.Queue[float]) -> list[float]:
    """At a steady rate, on a stream, as who has that much to say would, with what fell due: a call for each would measure this process."""
    started, sent = time.perf_counter(), 0

    async def due() -> AsyncIterator[pb.StreamNotificationsRequest]:
        nonlocal sent
        while sent < _RATE * _SECONDS:
            count = int((time.perf_counter() - started) * _RATE) - sent
            if count > 0:
                sent += count
                yield pb.StreamNotificationsRequest(requests=[_request(_LIVE) for _ in range(count)])
            await asyncio.sleep(_EVERY_SECONDS)

    async for _ in there.stub.StreamNotifications(due(), metadata=there.metadata(_USER)):
        pass
    return [await asyncio.wait_for(received.get(), 10) for _ in range(sent)]
