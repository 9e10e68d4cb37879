"""An order's way through the whole stack: PlaceOrder over gRPC → decided → committed → egress → TLS → the simulated broker.

The broker's truth log says when a request reached it, on the clock that every process of the machine shares. Beside it the
ceiling, taken in turns with the orders so that it meets the same machine, of parts that hold nothing of ours: one bare gRPC call
until its handler has it, one committed INSERT in the same PostgreSQL, and one POST of the same body on a warm TLS connection
through the same egress.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from urllib3.connection import HTTPSConnection

from bench.bare_call import bare_call
from bench.order_rig import PLACE_ROUTE, Rig, arrivals, place, rig_of, until_open
from bench.result import Result, percentile

_ROUNDS = 120
_WARM_ROUNDS = 10
_PACE_SECONDS = 0.17  # below the share of the nine a second that entries get, so that no order waits for its turn
_BURST, _AT_ONCE = 480, 32  # below the number that may wait for the broker
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
class _Round:
    """An order, and what the parts took: a call and an INSERT in milliseconds, and when the POST was made."""

    tag: str
    sent: _Sent
    call_ms: float
    posted_ns: int
    insert_ms: float


async def run() -> list[Result]:
    """Milliseconds from the call of PlaceOrder to each station, and orders committed a second."""
    async with rig_of() as rig, bare_call() as call:
        await until_open(rig)
        for n in range(_WARM_ROUNDS):
            await _round(rig, call, f"warm{n}")
        rounds = {name: await _round(rig, call, name) for name in map("bench{}".format, range(_ROUNDS))}
        per_second = await _burst(rig)
        arrived = await arrivals(rig)
        written = {row["tag"]: row for row in await rig.database.fetch(_PLACED)}
        stages = await rig.database.fetch(_STAGES, [one.tag for one in rounds.values()])
    post_ms = [(arrived[name] - one.posted_ns) / 1e6 for name, one in rounds.items()]
    insert_ms = [one.insert_ms for one in rounds.values()]
    return [
        *_results(rounds.values(), arrived, written, post_ms),
        *_stages(stages),
        _admitted(per_second, insert_ms),
    ]


def _results(
    rounds: Collection[_Round], arrived: dict[str, int], written: dict[str, Any], post_ms: Sequence[float]
) -> list[Result]:
    first_byte = [(arrived[one.tag] - one.sent.called_ns) / 1e6 for one in rounds]
    answered = [(one.sent.answered_ns - one.sent.called_ns) / 1e6 for one in rounds]
    decided = [(written[one.tag]["decided"] - one.sent.called_wall) * 1e3 for one in rounds]
    stated = [(written[one.tag]["written"] - one.sent.called_wall) * 1e3 for one in rounds]
    call_ms, insert_ms = [one.call_ms for one in rounds], [one.insert_ms for one in rounds]
    p50, p99 = (sum(percentile(part, q) for part in (call_ms, insert_ms, post_ms)) for q in (50, 99))
    return [
        Result("order.to_broker_p50", percentile(first_byte, 50), "ms", "< 4", p50),
        Result("order.to_broker_p99", percentile(first_byte, 99), "ms", "< 12", p99),
        Result("order.decided_p50", statistics.median(decided), "ms"),
        Result("order.statement_run_p50", statistics.median(stated), "ms"),
        Result("order.answered_p50", statistics.median(answered), "ms", None, statistics.median(insert_ms)),
        Result("order.raw_call_p50", statistics.median(call_ms), "ms"),
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


async def _round(rig: Rig, call: Callable[[], Awaitable[float]], name: str) -> _Round:
    """One order, one bare call, one bare POST, one bare INSERT, a pause after each."""
    called_ns, called_wall = time.monotonic_ns(), time.time()
    order = await place(rig, name)
    sent = _Sent(called_ns, called_wall, time.monotonic_ns())
    await asyncio.sleep(_PACE_SECONDS / 3)
    call_ms = await call()
    await asyncio.sleep(_PACE_SECONDS / 3)
    posted_ns = await asyncio.to_thread(_post, rig.wire, name)
    started = time.perf_counter()
    await rig.database.execute("INSERT INTO bench_inserts VALUES ($1, $2)", name, "x" * 500)
    insert_ms = (time.perf_counter() - started) * 1e3
    await asyncio.sleep(_PACE_SECONDS / 3)
    return _Round(order.tag, sent, call_ms, posted_ns, insert_ms)


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
    wire.request("POST", PLACE_ROUTE, body=content, headers={"Content-Type": "application/json"})
    wire.getresponse().read()
    return posted_ns


async def _burst(rig: Rig) -> float:
    """Orders committed a second, `_AT_ONCE` callers at a time; what the broker does not take yet waits in the engine."""
    numbers = iter(range(_BURST))

    async def caller() -> None:
        for n in numbers:
            await place(rig, f"burst{n}")

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_AT_ONCE)))
    return _BURST / (time.perf_counter() - started)
