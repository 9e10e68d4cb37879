"""A notification's way: gRPC in → notifier → Redis → notifier → Envoy → one SSE follower, through real processes.

Beside it the ceiling: one XADD of about the same payload on an idle connection of the same Valkey to a reader that waits for it.
Sender and follower share this process, and everything shares the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from redis.asyncio import Redis

from bench.ceilings import xadd_to_reader
from bench.result import Result, percentile
from tests.support.datastores import temporary_state_dir
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.database import migrations
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1.notifier_pb2_grpc import NotifierStub

_ROUNDS = 1_000
_RATE, _SECONDS = 1_000, 5
_BATCH, _BATCHES, _IN_FLIGHT = 200, 400, 4
_PAYLOAD_BYTES = 200
_LIVE, _KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


@dataclass(frozen=True)
class _Rig:
    """What is running, and how the one user is reached."""

    stub: Any
    metadata: Any
    gateway_url: str
    headers: dict[str, str]
    redis: Redis


async def run() -> list[Result]:
    """Latencies in milliseconds, and what gets through when it is sent in batches."""
    async with _rig() as rig:
        floor = await xadd_to_reader(rig.redis, bytes(_PAYLOAD_BYTES), _ROUNDS)
        async with _follower(rig) as received:
            one_by_one = await _one_by_one(rig, received, _LIVE)
            kept = await _one_by_one(rig, received, _KEPT)
            paced = await _paced(rig, received)
        throughput = await _throughput(rig)
        appended = await _raw_appends(rig.redis)
    return [
        *_latencies("notification_path.one_by_one", one_by_one, floor, ("< 5", None)),
        *_latencies("notification_path.one_by_one_kept", kept, floor, ("< 5", None)),
        *_latencies(f"notification_path.{_RATE}_per_second", paced, floor, ("< 5", None)),
        Result("notification_path.batched_to_one_watch", throughput, "notifications/s", ceiling=appended),
    ]


def _latencies(
    name: str, taken: Sequence[float], floor: Sequence[float], targets: tuple[str | None, str | None]
) -> list[Result]:
    return [
        Result(f"{name}.p{percent}", percentile(taken, percent), "ms", target, percentile(floor, percent))
        for percent, target in zip((50, 99), targets, strict=True)
    ]


@asynccontextmanager
async def _rig() -> AsyncIterator[_Rig]:
    with temporary_state_dir() as folder:
        signing = Signing(folder)
        async with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey") as valkey:
            await migrations.upgrade(postgres.url)
            environment = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "JWKS_FILE": str(signing.jwks_file)}
            async with ServiceProcess("notifier", environment, folder) as notifier:
                grpc_address, http_address = notifier.facts["grpc"], notifier.facts["http"]
                async with GatewayProcess(
                    folder, signing.jwks_file, notifier=grpc_address, notifier_http=http_address
                ) as gateway:
                    channel, redis = open_channel(grpc_address), Redis.from_url(valkey.url)
                    metadata = auth.bearer(signing.token("bench"))
                    yield _Rig(NotifierStub(channel), metadata, gateway.url, signing.header("bench"), redis)
                    await redis.aclose()
                    await channel.close()


async def _raw_appends(redis: Redis) -> float:
    """Pipelined XADDs of one notification each, a second."""
    started = time.perf_counter()
    for _ in range(_BATCHES // 4):
        pipeline = redis.pipeline(transaction=False)
        for _ in range(_BATCH):
            pipeline.xadd("bench", {"b": bytes(_PAYLOAD_BYTES)}, maxlen=1000)
        await pipeline.execute()
    return _BATCH * (_BATCHES // 4) / (time.perf_counter() - started)


@asynccontextmanager
async def _follower(rig: _Rig) -> AsyncIterator[asyncio.Queue[float]]:
    """The age in milliseconds of everything that an SSE follower behind the gateway gets."""
    ages: asyncio.Queue[float] = asyncio.Queue()
    live = asyncio.Event()

    async def follow() -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
            session.get(f"{rig.gateway_url}/v1/notifications/stream", headers=rig.headers) as response,
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


async def _one_by_one(rig: _Rig, received: asyncio.Queue[float], type_: str) -> list[float]:
    taken = []
    for _ in range(_ROUNDS):
        await rig.stub.SendNotification(_request(type_), metadata=rig.metadata)
        taken.append(await received.get())
    return taken


async def _paced(rig: _Rig, received: asyncio.Queue[float]) -> list[float]:
    """At a steady rate, in batches of what fell due: unary calls alone would measure this process."""
    started, sent = time.perf_counter(), 0
    calls: set[asyncio.Task[Any]] = set()
    while sent < _RATE * _SECONDS:
        due = int((time.perf_counter() - started) * _RATE) - sent
        if due > 0:
            batch = pb.BatchSendNotificationsRequest(requests=[_request(_LIVE) for _ in range(due)])
            calls.add(asyncio.ensure_future(rig.stub.BatchSendNotifications(batch, metadata=rig.metadata)))
            sent += due
        await asyncio.sleep(0.002)
    await asyncio.gather(*calls)
    return [await asyncio.wait_for(received.get(), 10) for _ in range(sent)]


async def _throughput(rig: _Rig) -> float:
    """Notifications a second from batched calls to one gRPC watch."""
    watch = rig.stub.WatchNotifications(pb.WatchNotificationsRequest(), metadata=rig.metadata)
    await watch.read()
    batch = pb.BatchSendNotificationsRequest(requests=[_request(_LIVE) for _ in range(_BATCH)])
    total, received, room = _BATCH * _BATCHES, 0, asyncio.Semaphore(_IN_FLIGHT)

    async def send() -> None:
        for _ in range(_BATCHES):
            await room.acquire()
            await rig.stub.BatchSendNotifications(batch, metadata=rig.metadata)

    started = time.perf_counter()
    sending = asyncio.create_task(send())
    while received < total:
        before = received // _BATCH
        received += len((await watch.read()).notifications)
        for _ in range(received // _BATCH - before):
            room.release()
    elapsed = time.perf_counter() - started
    await sending
    watch.cancel()
    return total / elapsed
