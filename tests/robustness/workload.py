"""A stream of orders by hand over REST, as a careful client sends them: the same request id until there is an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from tests.support.stack import UpProcess

SYMBOLS = ("HDFCBANK", "ICICIBANK", "SBIN")
PAUSE_SECONDS = 0.25
_IN_FLIGHT = 24
_RETRY_SECONDS = 0.2
_CALL_SECONDS = 5.0
_RESTING_EVERY = 5  # one that rests in the book, and is cancelled
_TWICE_EVERY = 4  # one that is sent twice at the same time
# Limits are so far beyond the prices of the beginning, on the side that fills; a run is too short to move the market there.
_CROSSING, _RESTING = Decimal("0.03"), Decimal("-0.03")
_ENDED = frozenset(
    f"ORDER_STATE_{word}" for word in ("FILLED", "CANCELLED", "REJECTED", "EXPIRED", "NOT_PLACED", "DENIED")
)
_TICK = Decimal("0.10")


class ManualOrders:
    """Use with `async with`: places orders from `flow` to `finish`. While 24 wait for an answer, the stream stands still.

    `refused` are the requests that got an answer which no retry would have mended.
    """

    def __init__(self, stack: UpProcess) -> None:
        self._stack = stack
        self._number = 0
        self._running: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self.prices: dict[str, Decimal] = {}
        self._promised: defaultdict[str, set[str]] = defaultdict(set)
        self.answers: Counter[str] = Counter()
        self.refused: list[str] = []

    @property
    def promised(self) -> Mapping[str, frozenset[str]]:
        """Request id to the order ids that it was answered with."""
        return {request_id: frozenset(ids) for request_id, ids in self._promised.items()}

    async def __aenter__(self) -> ManualOrders:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._calls | ({self._running} if self._running else set()):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def finish(self) -> None:
        """No further orders; wait until every request has its answer."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None
        await asyncio.gather(*self._calls, return_exceptions=True)

    def flow(self) -> None:
        """Begin; `prices` must be known."""
        self._running = asyncio.create_task(self._stream(), name="manual orders")

    async def one_filled(self) -> bool:
        """Whether a single order that should fill at once does: then the whole path works."""
        self._number += 1
        order = await self._placed(self._body(self._number, _CROSSING))
        while order["state"] not in _ENDED:
            await asyncio.sleep(0.05)
            order = await self._called("GET", f"/v1/orders/{order['order_id']}")
        return bool(order["state"] == "ORDER_STATE_FILLED")

    def burst(self, count: int) -> None:
        """So many orders at once, besides the stream."""
        for _ in range(count):
            self._begin()

    async def _stream(self) -> None:
        while True:
            if len(self._calls) < _IN_FLIGHT:
                self._begin()
            await asyncio.sleep(PAUSE_SECONDS)

    def _begin(self) -> None:
        self._number += 1
        task = asyncio.create_task(self._one(self._number), name=f"manual order {self._number}")
        self._calls.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.refused.append(f"{task.get_name()}: {error}")

    async def _one(self, number: int) -> None:
        body = self._body(number, _RESTING if number % _RESTING_EVERY == 0 else _CROSSING)
        copies = 2 if number % _TWICE_EVERY == 0 else 1
        order = (await asyncio.gather(*(self._placed(body) for _ in range(copies))))[0]
        if number % _RESTING_EVERY == 0:
            await self._called("POST", f"/v1/orders/{order['order_id']}:cancel", {"reason": "it rests"})

    def _body(self, number: int, beyond: Decimal) -> dict[str, str]:
        symbol = SYMBOLS[number // 2 % len(SYMBOLS)]
        side, sign = ("SIDE_BUY", 1) if number % 2 else ("SIDE_SELL", -1)
        price = self.prices[symbol] * (1 + sign * beyond)
        return {
            "request_id": f"by-hand-{number}",
            "instrument": symbol,
            "side": side,
            "quantity": "1",
            "order_type": "ORDER_TYPE_LIMIT",
            "price": str(price // _TICK * _TICK),
        }

    async def _placed(self, body: dict[str, str]) -> dict[str, Any]:
        order = await self._called("POST", "/v1/orders", body)
        self._promised[body["request_id"]].add(order["order_id"])
        return order

    async def _called(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Until there is an answer that settles it. What fails is tried again as it is: a failed call may have taken effect."""
        while True:
            try:
                response = await self._stack.rest.request(method, path, json=body, timeout=_CALL_SECONDS)
            except httpx.TransportError as e:
                self.answers[type(e).__name__] += 1
            else:
                answer: dict[str, Any] = response.json() if response.content else {}
                reason = _reason(answer)
                self.answers[f"{response.status_code} {reason}".strip()] += 1
                if response.status_code == 200 or reason == "ORDER_ENDED":
                    return answer
                if not _passes(response.status_code, reason):
                    raise AssertionError(f"{method} {path} {body}: {response.status_code} {response.text}")
            await asyncio.sleep(_RETRY_SECONDS)


def _passes(status: int, reason: str) -> bool:
    """What another try may mend. 499 is what a call gets that was cut off when its engine stopped; 500 is a defect."""
    return status in (499, 502, 503, 504) or reason in ("GATE_CLOSED", "SCRIP_MASTER_NOT_IN", "ACCOUNT_ELSEWHERE")


def _reason(answer: dict[str, Any]) -> str:
    return next((d["reason"] for d in answer.get("details", []) if "reason" in d), "")
