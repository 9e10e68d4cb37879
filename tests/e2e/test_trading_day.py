"""A whole trading day at speed, with what goes wrong on days: sockets that drop, tokens that end, intraday positions squared off, a
closing auction, midnight. At its end our orders, trades, positions and holdings are the broker's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.support.datastores import temporary_state_dir
from tests.support.sandbox_process import SandboxProcess
from tests.support.stack import UpProcess
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

SPEED = 300
# The market's hour is twelve of our seconds: exits need a few of them before the broker squares off by itself.
OWN_SQUARE_OFF = {"MIS_SQUARE_OFF_MINUTES": "60"}
DAY_SECONDS = 150  # of real time, from 09:15 to the next morning


class Day:
    """The stack, and the broker that it knows nothing of but its addresses."""

    def __init__(self, stack: UpProcess, broker: SandboxProcess) -> None:
        self.stack = stack
        self.broker = broker

    async def place(self, key: str, **changes: object) -> dict[str, Any]:
        body = {
            "instrument": "SBIN",
            "side": "SIDE_BUY",
            "quantity": 5,
            "order_type": "ORDER_TYPE_MARKET",
            "product": "PRODUCT_CNC",
            **changes,
        }
        answer = await self.stack.rest.post("/v1/orders", json=body, headers={"idempotency-key": key})
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order

    async def until_the_gate_is_open(self) -> None:
        async def gate_is_open() -> bool:
            (listed,) = (await self.stack.get("/v1/broker-accounts"))["broker_accounts"]
            return bool(listed["gate"] == "GATE_OPEN" and listed["session"] == "LOGGED_IN")

        await eventually(gate_is_open, timeout=90, interval=0.5)

    async def until_state(self, order: dict[str, Any], state: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any]:
            now = await self.stack.get(f"/v1/orders/{order['order_id']}")
            assert now["state"] == f"ORDER_STATE_{state}", now
            return now

        found: dict[str, Any] = await eventually(reached, timeout=20, interval=0.2, what=f"{order['order_id']} {state}")
        return found

    async def fills(self) -> list[dict[str, Any]]:
        return [record["fill"] for record in await self.broker.truth("fill")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day() -> AsyncIterator[Day]:
    arguments = ("--speed", str(SPEED), "--tick-rate", "0.3")
    with temporary_state_dir() as folder:
        async with (
            SandboxProcess(arguments) as broker,
            UpProcess(folder / "state", environment={**broker.as_real_broker(), **OWN_SQUARE_OFF}) as stack,
        ):
            yield Day(stack, broker)


async def test_orders_of_the_day_survive_what_goes_wrong_on_it(day: Day) -> None:
    await day.until_the_gate_is_open()
    delivered = await day.place("delivery")
    await day.until_state(delivered, "FILLED")
    resting = await day.place("resting", order_type="ORDER_TYPE_LIMIT", price="870.00", product="PRODUCT_MIS")
    intraday = await day.place("intraday", instrument="RELIANCE", product="PRODUCT_MIS")
    await day.until_state(intraday, "FILLED")
    await day.broker.fault("ws_close", route="orders", count=1)
    await day.broker.fault("ws_close", route="market", count=2)
    again = await day.place("again", quantity=1)
    await day.until_state(again, "FILLED")
    assert (await day.stack.get(f"/v1/orders/{resting['order_id']}"))["state"] == "ORDER_STATE_OPEN"


async def test_the_next_morning_everything_is_as_the_broker_has_it(day: Day) -> None:
    async def next_day() -> bool:
        return bool((await day.broker.get("/sandbox/clock"))["jump"] >= 1)

    await eventually(next_day, timeout=DAY_SECONDS, interval=0.5)
    account = day.stack.facts["account_id"]

    await day.until_the_gate_is_open()

    async def ended() -> bool:
        page = await day.stack.get("/v1/orders", page_size="50")
        open_ = [o for o in page["orders"] if o["state"] not in ("ORDER_STATE_FILLED", "ORDER_STATE_CANCELLED")]
        assert not open_, [(o["state"], o["reason"], o["message"], o["side"], o["instrument"]) for o in open_]
        return True

    await eventually(ended, timeout=30, interval=0.5, what="every order has been filled or cancelled")

    async def holdings_agree() -> bool:
        answer = await day.stack.rest.get("/v1/holdings", params={"account_id": account})
        assert answer.status_code == 200, answer.text  # the tokens ended at midnight: somebody logs in again
        assert {h["instrument"]: int(h["quantity"]) for h in answer.json()["holdings"]} == {"NSE:SBIN-EQ": 6}
        return True

    await eventually(holdings_agree, timeout=60, interval=0.5)

    async def trades_agree() -> bool:
        ours = [(t["instrument"], t["side"], int(t["quantity"]), Decimal(t["price"])) for t in await trades(day)]
        theirs = [
            (f"{f['exchange']}:{f['symbol']}", f"SIDE_{f['side']}", f["quantity"], Decimal(f["price"]) / 100)
            for f in await day.fills()
        ]
        assert sorted(ours) == sorted(theirs)
        return True

    await eventually(trades_agree, timeout=30, interval=0.5)
    by_hand = [f for f in await day.fills() if f["symbol"] == "RELIANCE-EQ"]
    assert [(f["side"], f["quantity"]) for f in by_hand] == [("BUY", 5), ("SELL", 5)], "it was squared off"

    async def positions_agree() -> bool:
        listed = (await day.stack.get("/v1/positions"))["positions"]
        ours = {(p["instrument"], p["product"]): int(p["net_quantity"]) for p in listed if int(p["net_quantity"])}
        return ours in ({}, {("NSE:SBIN-EQ", "PRODUCT_CNC"): 6})

    await eventually(positions_agree, timeout=30, interval=0.5)


async def trades(day: Day) -> list[dict[str, Any]]:
    page = await day.stack.get("/v1/trades", page_size="100")
    found: list[dict[str, Any]] = page["trades"]
    return found
