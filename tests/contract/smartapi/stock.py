"""The broker's own client, smartapi-python 1.5.5 as it is on PyPI, subclassed for its addresses alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

SBIN = {"exchange": "NSE", "tradingsymbol": "SBIN-EQ", "symboltoken": "3045"}
BELOW, ABOVE = "880.00", "980.00"
"""Prices of SBIN-EQ at which a buy rests, and at which it trades at once."""


def order(**changes: Any) -> dict[str, Any]:
    """A resting buy of ten SBIN-EQ, or something else."""
    return {
        "variety": "NORMAL",
        **SBIN,
        "transactiontype": "BUY",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": BELOW,
        "quantity": "10",
        "ordertag": "TAG1",
        **changes,
    }


@dataclass
class StockClient:
    """Calls methods of the stock client, which block, in threads. `session` is the data of the login."""

    smart: Any
    process: SandboxProcess
    session: dict[str, Any]

    async def call(self, method: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(getattr(self.smart, method), *arguments)

    async def data(self, method: str, *arguments: Any) -> Any:
        """The data of an answer that says yes."""
        answer = await self.call(method, *arguments)
        assert answer["status"] is True, answer
        assert (answer["message"], answer["errorcode"]) == ("SUCCESS", ""), answer
        return answer["data"]

    async def login(self) -> None:
        known = self.process.credentials
        self.session = (await self.call("generateSession", known.client_code, known.pin, known.totp()))["data"]

    async def place(self, **changes: Any) -> dict[str, Any]:
        placed: dict[str, Any] = await self.data("placeOrderFullResponse", order(**changes))
        return placed

    async def status_of(self, placed: dict[str, Any]) -> str:
        return str((await self.data("individual_order_details", placed["uniqueorderid"]))["status"])

    async def until_status(self, placed: dict[str, Any], wanted: str) -> None:
        async def reached() -> bool:
            return await self.status_of(placed) == wanted

        await eventually(reached, interval=0.05, what=f"order is {wanted}")

    async def filled(self, **changes: Any) -> dict[str, Any]:
        """An order that trades at once, and has."""
        placed = await self.place(**{"price": ABOVE, **changes})
        await self.until_status(placed, "complete")
        return placed


def in_thread(target: Callable[[], None]) -> threading.Thread:
    """Run a socket of the stock client, which blocks for as long as it lives."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread
