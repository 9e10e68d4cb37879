"""The StrategyRunner service: from the stream's first message to a session of the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from engine_server.fleet.fleet import Fleet
from tradewinds.errors import PreconditionError
from tradewinds.v1 import strategy_runner_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2_grpc

# Of the TTL: 5 s at the default of 6 s.
_REGISTER_WITHIN = 5 / 6


class RegisterFirstError(PreconditionError):
    """The first message of a session must be Register."""

    reason = "REGISTER_FIRST"


class StrategyRunnerServicer(strategy_runner_pb2_grpc.StrategyRunnerServicer):
    """`Session` for every runner that connects to this engine."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def Session(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.SessionRequest], _context: Any
    ) -> AsyncIterator[pb.SessionResponse]:
        """The rpc; see the contract."""
        session = await self._fleet.sessions.open(await self._register(requests))
        self._fleet.sessions.serve(session, requests)
        try:
            async for message in session.outgoing.messages():
                yield message
        finally:
            session.close()

    async def _register(self, requests: AsyncIterator[pb.SessionRequest]) -> pb.Register:
        seconds = self._fleet.leases.ttl_seconds * _REGISTER_WITHIN
        try:
            async with asyncio.timeout(seconds):
                request = await anext(aiter(requests))
        except TimeoutError as e:
            raise RegisterFirstError(f"no Register within {seconds:g} s of opening the session") from e
        except StopAsyncIteration as e:
            raise RegisterFirstError("the session ended before Register") from e
        kind = request.WhichOneof("message")
        if kind != "register":
            raise RegisterFirstError(f"the first message must be Register, it is {kind or 'empty'}")
        return request.register
