"""What happens at the broker without the client's asking: orders from its app, a halt, a split."""

from __future__ import annotations

import aiohttp

from tests.support.sandbox_client import SandboxClient
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

BUY = {
    "variety": "NORMAL",
    "exchange": "NSE",
    "tradingsymbol": "SBIN-EQ",
    "symboltoken": "3045",
    "transactiontype": "BUY",
    "ordertype": "LIMIT",
    "producttype": "DELIVERY",
    "duration": "DAY",
    "price": "980.00",
    "quantity": "10",
}


async def by_hand(sandbox: SandboxProcess, **changes: str) -> tuple[int, dict[str, str]]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{sandbox.http_url}/sandbox/orders", json={**BUY, **changes}) as answer,
    ):
        return answer.status, await answer.json()


async def test_an_order_from_the_app_is_in_the_book_and_filled_and_has_no_tag() -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        status, placed = await by_hand(sandbox)
        assert status == 200

        async def complete() -> bool:
            rows = await client.order_book()
            return any(row["orderid"] == placed["orderid"] and row["status"] == "complete" for row in rows)

        await eventually(complete, timeout=10, interval=0.1)
        (row,) = await client.order_book()
        assert row["ordertag"] == ""
        assert {r["order"]["origin"] for r in await sandbox.truth("order") if r["order"]} == {"app"}
        assert (await by_hand(sandbox, quantity="x"))[0] == 400


async def test_a_halt_stops_trading_and_a_split_multiplies_what_is_held() -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        await by_hand(sandbox)

        async def net() -> int:
            rows = await client.positions()
            return sum(int(row["netqty"]) for row in rows)

        async def is_ten() -> bool:
            return await net() == 10

        async def is_twenty() -> bool:
            return await net() == 20

        await eventually(is_ten, timeout=10, interval=0.1)
        await sandbox.fault("corporate_action", route="NSE:3045", details={"kind": "SPLIT", "ratio": "2:1"})
        await eventually(is_twenty, timeout=10, interval=0.1)
        await sandbox.fault("index_halt", delay_seconds=3600)
        await eventually(lambda: sandbox.truth("halt"), timeout=10)
        _, placed = await by_hand(sandbox)
        fills = len(await sandbox.truth("fill"))
        stream = await client.market_stream()
        await stream.close()
        rows = await client.order_book()
        assert [row["status"] for row in rows if row["orderid"] == placed["orderid"]] != ["complete"]
        assert len(await sandbox.truth("fill")) == fills
