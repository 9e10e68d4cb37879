"""The Operations service of one engine over a real gRPC server, with tokens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_server.fleet.cordons import Cordons
from engine_server.oms.fencing import Fence
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.risk_decisions import DecisionPolicy, keep_applying
from engine_server.operations.health import HealthCheck
from engine_server.operations.listings import Listings
from engine_server.rpc.broker_accounts import OwnersWord
from engine_server.rpc.broker_logins import BrokerLogins
from engine_server.rpc.operations import OperationsServicer
from engine_server.rpc.peers import Peers
from engine_server.rpc.risk import RiskParts
from tests.integration.oms.engine import Engine
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.auth import TokenVerifier
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.ids import new_id
from tradewinds.v1 import operations_pb2_grpc


@dataclass
class Operations:
    """A client of the served service; `as_` gives a caller's call metadata."""

    stub: Any
    signing: Signing

    def as_(self, subject: str, *roles: str) -> tuple[tuple[str, str], ...]:
        return auth.bearer(self.signing.token(subject, *roles))


@asynccontextmanager
async def serving_operations(
    engine: Engine, folder: Path, fence: Fence, *, policy: DecisionPolicy | None = None
) -> AsyncIterator[Operations]:
    signing, policy = Signing(folder), policy or DecisionPolicy(1, 0.2)
    desk = KillDesk(engine.database, fence, SystemClock(), new_id, policy)
    parts = RiskParts(engine.database, engine.queries, desk, policy, new_id, MarketClock())
    health = HealthCheck(engine.database, None, lambda: "")  # type: ignore[arg-type] # nobody asks for it here
    server = GrpcServer(TokenVerifier(signing.jwks_file))
    peers = Peers("engine-a")
    logins, owners = BrokerLogins(engine.database, engine.registry, peers), OwnersWord(engine.registry, peers)
    servicer = OperationsServicer(health, Listings(engine.database), Cordons(engine.database), parts, logins, owners)
    operations_pb2_grpc.add_OperationsServicer_to_server(servicer, server.server)
    applying = asyncio.create_task(keep_applying(engine.database), name="risk decisions")
    address = await server.start("127.0.0.1", 0, ("tradewinds.v1.Operations",))
    channel = open_channel(address)
    try:
        yield Operations(operations_pb2_grpc.OperationsStub(channel), signing)
    finally:
        await channel.close()
        await server.stop(0.5)
        applying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await applying
