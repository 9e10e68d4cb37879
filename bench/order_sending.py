"""How many orders a second reach the broker when it allows more than nine: the whole stack, its rates lifted by configuration alone.

Every order is a call of PlaceOrder over gRPC, committed as SUBMITTING, and one POST through the egress; the simulated broker takes its
usual 60 to 200 ms to answer, so that many are under way at once. Counted is what its truth log says, from the first arrival to the last.
The ceiling, in the same run and the same seconds: what one account's OMS admits, which every order has to be first.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bench.order_rig import Rig, arrivals, place, rig_of, until_open
from bench.result import Result
from tests.support.waiting import eventually

_ORDERS, _CALLERS = 1_000, 32
_LIFTED: Final = {
    **{f"BROKER_RATE_{name}": "1000/s" for name in ("PLACE", "MODIFY", "CANCEL", "ORDER_MESSAGES")},
    "SANDBOX_RATE_LIMIT_MULTIPLIER": "200",
}
_UNANSWERED: Final = "SELECT count(*) FROM orders WHERE state IN ('PENDING_SUBMIT', 'SUBMITTING', 'UNKNOWN')"


async def run() -> list[Result]:
    """Orders a second, and those of them that the broker's log does not have."""
    async with rig_of(_LIFTED) as rig:
        await until_open(rig)
        await _burst(rig, "warm", _CALLERS * 4)
        tags, seconds = await _burst(rig, "sent", _ORDERS)
        reached = await arrivals(rig)
    times = sorted(at for tag, at in reached.items() if tag in tags)
    sent = (len(times) - 1) / ((times[-1] - times[0]) / 1e9)
    return [
        Result("order.sent", sent, "orders/s", ">= 200", _ORDERS / seconds),
        Result("order.sent_missing", _ORDERS - len(times), "orders", "0"),
    ]


async def _burst(rig: Rig, name: str, orders: int) -> tuple[set[str], float]:
    """The tags of that many orders, and the seconds until the last was admitted; returns when the broker has answered for each."""
    numbers, tags = iter(range(orders)), set[str]()

    async def caller() -> None:
        for number in numbers:
            tags.add((await place(rig, f"{name}{number}")).tag)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    seconds = time.perf_counter() - started
    await eventually(lambda: _all_answered(rig), timeout=30, interval=0.2, what="the broker has answered")
    return tags, seconds


async def _all_answered(rig: Rig) -> bool:
    return bool(await rig.database.fetchval(_UNANSWERED) == 0)
