"""The Trading service over a real gRPC server, with tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_server.oms.domain.protection import Quote
from engine_server.rpc.order_watch import OrderWatch
from engine_server.rpc.peers import Peers
from engine_server.rpc.trading import TradingServicer
from tests.integration.oms.engine import Engine
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.auth import TokenVerifier
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.v1 import trading_pb2_grpc


@dataclass
class LastQuotes:
    """Quotes by instrument."""

    last: dict[str, Quote] = field(default_factory=dict)

    async def quotes(self, instruments: list[str]) -> list[Quote | None]:
        return [self.last.get(instrument) for instrument in instruments]


@dataclass
class Trading:
    """A client of the served Trading service; `as_` gives a caller's call metadata."""

    stub: Any
    signing: Signing
    stopping: asyncio.Event
    quotes: LastQuotes

    def as_(self, subject: str, *roles: str) -> tuple[tuple[str, str], ...]:
        return auth.bearer(self.signing.token(subject, *roles))


@asynccontextmanager
async def serving(
    engine: Engine, folder: Path, *, heartbeat_seconds: float = 0.2, port: int = 0, signing: Signing | None = None
) -> AsyncIterator[Trading]:
    signing, stopping, quotes = signing or Signing(folder), asyncio.Event(), LastQuotes()
    watch = OrderWatch(engine.event_log, engine.queries, stopping, heartbeat_seconds)
    peers = Peers(engine.owner)
    server = GrpcServer(TokenVerifier(signing.jwks_file))
    trading_pb2_grpc.add_TradingServicer_to_server(
        TradingServicer(engine.registry, engine.queries, watch, quotes, lambda exchange, token: None, peers),
        server.server,
    )
    address = await server.start("127.0.0.1", port, ("tradewinds.v1.Trading",))
    channel = open_channel(address)
    try:
        yield Trading(trading_pb2_grpc.TradingStub(channel), signing, stopping, quotes)
    finally:
        await channel.close()
        await peers.close()
        await server.stop(0.5)
