"""What a notification costs the notifier by what carries it to its follower: server-sent events, a WebSocket, and a gRPC stream each
(1,000 of them on one connection, as the gateway has them).

Each is for another one of 1,000 followers, as fast as they are acknowledged. What is read here is read by one process on the other core,
which for gRPC is what is slow: the rates say little, the notifier's time is the measurement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import grpc

from bench.bare_follower import SSE, WEBSOCKET, Carrier, follow
from bench.notification_load import FOLLOWERS, Heard, as_fast_as_acknowledged, user
from bench.notifier_rig import Rig, rig
from bench.result import Result
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import notifier_pb2 as pb

_SECONDS: Final = 4.0
_WATCH: Final = "/tradewinds.v1.Notifier/WatchNotifications"

# Opens all followers of one kind.
Opening = Callable[[Rig, Heard], Any]


async def run() -> list[Result]:
    """For each of them."""
    results = []
    async with rig() as there:
        for name, opening in (("sse", _over(SSE)), ("websocket", _over(WEBSOCKET)), ("grpc", _over_grpc)):
            heard = Heard()
            async with opening(there, heard):
                used = there.notifier_cpu_seconds()
                sustained = await as_fast_as_acknowledged(there, heard, _SECONDS)
                cost = (there.notifier_cpu_seconds() - used) / heard.count * 1e6
            results += [
                Result(f"notification_carriers.{name}.notifier_cpu", cost, "us/notification"),
                Result(f"notification_carriers.{name}.sustained", sustained, "notifications/s"),
            ]
    return results


def _over(carrier: Carrier) -> Opening:
    @asynccontextmanager
    async def opened(there: Rig, heard: Heard) -> AsyncIterator[None]:
        address, token = there.notifiers[0].http_address, there.signing.token
        followers = [await follow(address, token(user(number)), heard.take, carrier) for number in range(FOLLOWERS)]
        yield
        for follower in followers:
            follower.close()

    return opened


@asynccontextmanager
async def _over_grpc(there: Rig, heard: Heard) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(open_channel(there.notifiers[0].grpc_address))
        watch = channel.unary_stream(
            _WATCH, request_serializer=pb.WatchNotificationsRequest.SerializeToString, response_deserializer=None
        )
        for number in range(FOLLOWERS):
            call = watch(pb.WatchNotificationsRequest(), metadata=there.metadata(user(number)))
            stack.callback(call.cancel)
            await call.read()  # it is live
            stack.callback(asyncio.ensure_future(_read(call, heard)).cancel)
        yield


async def _read(call: Any, heard: Heard) -> None:
    while (response := await call.read()) is not grpc.aio.EOF:
        heard.take(response)
