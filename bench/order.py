"""An order's way through the whole stack: PlaceOrder over gRPC → decided → committed → egress → TLS → the simulated broker.

The broker's truth log says when a request reached it, on the clock that every process of the machine shares. Beside it the
ceiling, taken in turns with the orders so that it meets the same machine: one POST of the same body on a warm TLS
connection through the same egress, and one committed INSERT in the same PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
from urllib3.connection import HTTPSConnection

from bench.result import Result, percentile
from engine_server.broker.angel_one.egress_route import EgressRoute, origin_of
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import common_pb2, trading_pb2, trading_pb2_grpc

_ROUNDS = 120
_WARM_ROUNDS = 10
_PACE_SECONDS = 0.17  # below the share of the nine a second that entries get, so that no order waits for its turn
_GATE_SECONDS = 30.0
_BURST, _AT_ONCE = 480, 32  # below the number that may wait for the broker
_PLACE_ROUTE = "/rest/secure/angelbroking/order/v1/placeOrder"
_OPEN_GATE = "SELECT account_id, epoch FROM account_leases WHERE gate = 'OPEN'"
# What a person's hand never does and a bench must: hundreds alike, resting together, below the last price.
_LIMITS = "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ('GLOBAL', '', $1, $2)"
_WIDE = (("duplicate_window_seconds", 0), ("collar_percent", 50), ("max_quote_age_seconds", 3600))
_WIDE_OF_ACCOUNT = """
INSERT INTO risk_limits (scope, subject_id, name, value)
SELECT 'ACCOUNT', account_id, 'max_open_orders', 10000 FROM broker_accounts
"""
_STAGES = "SELECT admitted_us, released_us, answered_us FROM orders WHERE tag = ANY($1)"
_PLACED = """
SELECT o.tag, extract(epoch FROM o.created_at)::float8 AS decided, extract(epoch FROM e.recorded_at)::float8 AS written
FROM orders o JOIN order_events e ON e.order_id = o.order_id AND e.kind = 'PLACED'
"""


@dataclass(frozen=True)
class _Sent:
    """One order: monotonic and wall time of the call, and monotonic time of its answer."""

    called_ns: int
    called_wall: float
    answered_ns: int


@dataclass(frozen=True)
class _Rig:
    """A stack without strategies, and the two things that the ceiling is measured with."""

    stack: UpProcess
    trading: Any
    metadata: Any
    database: Any
    wire: HTTPSConnection


async def run() -> list[Result]:
    """Milliseconds from the call of PlaceOrder to each station, and orders committed a second."""
    async with _rig() as rig:
        await _until_open(rig)
        for n in range(_WARM_ROUNDS):
            await _round(rig, f"warm{n}")
        orders: dict[str, _Sent] = {}
        posts: dict[str, int] = {}
        inserts: list[float] = []
        for n in range(_ROUNDS):
            tag, sent, posted_ns, insert_ms = await _round(rig, f"bench{n}")
            orders[tag], posts[f"bench{n}"] = sent, posted_ns
            inserts.append(insert_ms)
        per_second = await _burst(rig)
        arrived = await _arrivals(rig)
        written = {row["tag"]: row for row in await rig.database.fetch(_PLACED)}
        stages = await rig.database.fetch(_STAGES, list(orders))
    post_ms = [(arrived[tag] - posted_ns) / 1e6 for tag, posted_ns in posts.items()]
    return [
        *_results(orders, arrived, written, post_ms, inserts),
        *_stages(stages),
        _admitted(per_second, inserts),
    ]


def _results(
    orders: dict[str, _Sent],
    arrived: dict[str, int],
    written: dict[str, Any],
    post_ms: Sequence[float],
    insert_ms: Sequence[float],
) -> list[Result]:
    first_byte = [(arrived[tag] - sent.called_ns) / 1e6 for tag, sent in orders.items()]
    answered = [(sent.answered_ns - sent.called_ns) / 1e6 for sent in orders.values()]
    decided = [(written[tag]["decided"] - sent.called_wall) * 1e3 for tag, sent in orders.items()]
    stated = [(written[tag]["written"] - sent.called_wall) * 1e3 for tag, sent in orders.items()]
    p50, p99 = (percentile(post_ms, q) + percentile(insert_ms, q) for q in (50, 99))
    return [
        Result("order.to_broker_p50", percentile(first_byte, 50), "ms", "< 4", p50),
        Result("order.to_broker_p99", percentile(first_byte, 99), "ms", "< 12", p99),
        Result("order.decided_p50", statistics.median(decided), "ms"),
        Result("order.statement_run_p50", statistics.median(stated), "ms"),
        Result("order.answered_p50", statistics.median(answered), "ms", None, statistics.median(insert_ms)),
        Result("order.raw_post_p50", statistics.median(post_ms), "ms"),
        Result("order.raw_insert_p50", statistics.median(insert_ms), "ms"),
    ]


def _stages(rows: Sequence[Any]) -> list[Result]:
    """The engine's own account: received → committed → given to the sender → answered by the broker."""
    return [
        Result(f"order.stage_{name}_p50", statistics.median(row[f"{name}_us"] for row in rows) / 1e3, "ms")
        for name in ("admitted", "released", "answered")
    ]


def _admitted(per_second: float, insert_ms: Sequence[float]) -> Result:
    """The ceiling is what one connection commits one after the other: more than it is what group commit gains."""
    return Result("order.admitted", per_second, "orders/s", ">= 1000", 1000 / statistics.median(insert_ms))


@asynccontextmanager
async def _rig() -> AsyncIterator[_Rig]:
    # On a disk: a commit in memory would cost nothing.
    with tempfile.TemporaryDirectory(prefix="tradewinds-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database may run as another user
        async with UpProcess(folder / "state", "--no-demo", whole_master=True) as stack:
            channel = open_channel(stack.facts["grpc"]["engine-0"])
            database = await asyncpg.connect(stack.facts["database_url"])
            await database.execute("CREATE TABLE bench_inserts (id text PRIMARY KEY, payload text)")
            await database.executemany(_LIMITS, _WIDE)
            await database.execute(_WIDE_OF_ACCOUNT)
            wire = await _wire(stack, database)
            try:
                trading = trading_pb2_grpc.TradingStub(channel)
                yield _Rig(stack, trading, auth.bearer(stack.facts["token"]), database, wire)
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


async def _until_open(rig: _Rig) -> None:
    """The scrip master comes moments after the gate opens."""
    async with asyncio.timeout(_GATE_SECONDS):
        while True:
            try:
                await _place(rig, "first")
            except grpc.aio.AioRpcError as e:
                if e.code() not in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE):
                    raise
                await asyncio.sleep(0.2)
            else:
                return


async def _round(rig: _Rig, name: str) -> tuple[str, _Sent, int, float]:
    """One order, one bare POST, one bare INSERT, a pause after each."""
    called_ns, called_wall = time.monotonic_ns(), time.time()
    order = await _place(rig, name)
    sent = _Sent(called_ns, called_wall, time.monotonic_ns())
    await asyncio.sleep(_PACE_SECONDS / 2)
    posted_ns = await asyncio.to_thread(_post, rig.wire, name)
    started = time.perf_counter()
    await rig.database.execute("INSERT INTO bench_inserts VALUES ($1, $2)", name, "x" * 500)
    insert_ms = (time.perf_counter() - started) * 1e3
    await asyncio.sleep(_PACE_SECONDS / 2)
    return order.tag, sent, posted_ns, insert_ms


async def _place(rig: _Rig, request_id: str) -> Any:
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


def _post(wire: HTTPSConnection, tag: str) -> int:
    """The body of an order without a session: the broker writes down that it came, and refuses it."""
    body = {
        "variety": "NORMAL",
        "tradingsymbol": "SBIN-EQ",
        "symboltoken": "3045",
        "transactiontype": "BUY",
        "exchange": "NSE",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": "900.00",
        "squareoff": "0",
        "stoploss": "0",
        "quantity": "1",
        "ordertag": tag,
    }
    content = json.dumps(body).encode()
    posted_ns = time.monotonic_ns()
    wire.request("POST", _PLACE_ROUTE, body=content, headers={"Content-Type": "application/json"})
    wire.getresponse().read()
    return posted_ns


async def _burst(rig: _Rig) -> float:
    """Orders committed a second, `_AT_ONCE` callers at a time; what the broker does not take yet waits in the engine."""
    numbers = iter(range(_BURST))

    async def caller() -> None:
        for n in numbers:
            await _place(rig, f"burst{n}")

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_AT_ONCE)))
    return _BURST / (time.perf_counter() - started)


async def _arrivals(rig: _Rig) -> dict[str, int]:
    """When each tag first reached the broker, monotonic."""
    arrived: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=rig.stack.facts["sandbox"], trust_env=False, timeout=20) as client:
        page: dict[str, Any] = {"more": True, "records": [{"seq": 0}]}
        while page["more"]:
            after = page["records"][-1]["seq"]
            page = (await client.get("/sandbox/truth", params={"after": after, "kind": "request"})).json()
            for record in page["records"]:
                if record["route"] == _PLACE_ROUTE:
                    arrived.setdefault(record["body"]["ordertag"], record["received_mono_ns"])
    return arrived
