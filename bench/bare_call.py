"""What a gRPC call alone takes to get to its handler: an empty server of grpc.aio in a process of its own, asked as the engine is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from bench.script_server import script_server
from tradewinds.grpc_server import open_channel

# Answers with its monotonic clock, which every process of the machine shares.
_SERVER: Final = """
import asyncio, time, grpc, uvloop
async def now(request, context):
    return time.monotonic_ns().to_bytes(8)
class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(now)
async def main():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()
uvloop.run(main())
"""
_ABOUT_AN_ORDER: Final = bytes(120)


@asynccontextmanager
async def bare_call() -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """A function that makes one call, and returns in how many milliseconds its handler had it."""
    async with script_server(_SERVER) as port:
        channel = open_channel(f"127.0.0.1:{port}")
        method = channel.unary_unary("/bench/Now", request_serializer=None, response_deserializer=None)

        async def call() -> float:
            called_ns = time.monotonic_ns()
            return (int.from_bytes(await method(_ABOUT_AN_ORDER)) - called_ns) / 1e6

        try:
            yield call
        finally:
            await channel.close()
