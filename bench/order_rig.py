"""A whole stack without strategies, that orders are placed in, and what tells how far they came."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
from urllib3.connection import HTTPSConnection

from engine_server.broker.angel_one.egress_route import EgressRoute, origin_of
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import common_pb2, trading_pb2, trading_pb2_grpc

_GATE_SECONDS = 30.0
PLACE_ROUTE = "/rest/secure/angelbroking/order/v1/placeOrder"
_OPEN_GATE = "SELECT account_id, epoch FROM account_leases WHERE gate = 'OPEN'"
# What a person's hand never does and a bench must: hundreds alike, resting together, below the last price.
_LIMITS = "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ('GLOBAL', '', $1, $2)"
_WIDE = (("duplicate_window_seconds", 0), ("collar_percent", 50), ("max_quote_age_seconds", 3600))
_WIDE_OF_ACCOUNT = """
INSERT INTO risk_limits (scope, subject_id, name, value)
SELECT 'ACCOUNT', account_id, 'max_open_orders', 10000 FROM broker_accounts
"""


@dataclass(frozen=True)
class Rig:
    """A stack without strategies, and the two things that the ceiling is measured with."""

    stack: UpProcess
    trading: Any
    metadata: Any
    database: Any
    wire: HTTPSConnection


@asynccontextmanager
async def rig_of(environment: dict[str, str] | None = None) -> AsyncIterator[Rig]:
    # On a disk: a commit in memory would cost nothing.
    with tempfile.TemporaryDirectory(prefix="tradewinds-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database may run as another user
        async with UpProcess(folder / "state", "--no-demo", whole_master=True, environment=environment) as stack:
            channel = open_channel(stack.facts["grpc"]["engine-0"])
            database = await asyncpg.connect(stack.facts["database_url"])
            await database.execute("CREATE TABLE bench_inserts (id text PRIMARY KEY, payload text)")
            await database.executemany(_LIMITS, _WIDE)
            await database.execute(_WIDE_OF_ACCOUNT)
            wire = await _wire(stack, database)
            try:
                trading = trading_pb2_grpc.TradingStub(channel)
                yield Rig(stack, trading, auth.bearer(stack.facts["token"]), database, wire)
            finally:
                wire.close()
                await database.close()
                await channel.close()


async def _wire(stack: UpProcess, database: Any) -> HTTPSConnection:
    """A connection to the broker as the engine makes its own; waits until the account has an epoch."""
    egress = json.loads((stack.state_dir / "ready" / "egress.json").read_text())["egress"]
    broker = json.loads((stack.state_dir / "ready" / "sandbox.json").read_text())
    row = await eventually(lambda: database.fetchrow(_OPEN_GATE), timeout=_GATE_SECONDS, interval=0.1)
    route = EgressRoute.make(f"http://{egress}", row["account_id"], row["epoch"], Path(broker["ca_file"]))
    return await asyncio.to_thread(route.connect, *origin_of(broker["https"]), 5.0)


async def until_open(rig: Rig) -> None:
    """The scrip master comes moments after the gate opens."""
    async with asyncio.timeout(_GATE_SECONDS):
        while True:
            try:
                await place(rig, "first")
            except grpc.aio.AioRpcError as e:
                if e.code() not in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE):
                    raise
                await asyncio.sleep(0.2)
            else:
                return


async def place(rig: Rig, request_id: str) -> Any:
    """A limit that rests at the broker."""
    request = trading_pb2.PlaceOrderRequest(
        request_id=request_id,
        instrument="NSE:SBIN-EQ",
        side=common_pb2.SIDE_BUY,
        quantity=1,
        order_type=common_pb2.ORDER_TYPE_LIMIT,
        product=common_pb2.PRODUCT_MIS,
        price="900.00",
    )
    order = await rig.trading.PlaceOrder(request, metadata=rig.metadata, timeout=20)
    if order.state == trading_pb2.ORDER_STATE_DENIED:
        raise AssertionError(f"{request_id} was denied, so it measures nothing: {order.reason} {order.message}")
    return order


async def arrivals(rig: Rig) -> dict[str, int]:
    """When each tag first reached the broker, monotonic."""
    arrived: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=rig.stack.facts["sandbox"], trust_env=False, timeout=20) as client:
        page: dict[str, Any] = {"more": True, "records": [{"seq": 0}]}
        while page["more"]:
            after = page["records"][-1]["seq"]
            page = (await client.get("/sandbox/truth", params={"after": after, "kind": "request"})).json()
            for record in page["records"]:
                if record["route"] == PLACE_ROUTE:
                    arrived.setdefault(record["body"]["ordertag"], record["received_mono_ns"])
    return arrived
