"""What goes wrong on the way of a request or of its answer, and that the truth log knows better."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.sandbox_client import SandboxClient
from tests.support.sandbox_process import SandboxProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = "/rest/secure/angelbroking/order/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    async with SandboxProcess() as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def client(sandbox: SandboxProcess) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(sandbox) as client:
        yield client
        async with client.http.delete(f"{client.root}/sandbox/faults") as cleared:
            assert cleared.status == 200


async def raw(client: SandboxClient, path: str, body: dict[str, Any], timeout: float = 5) -> tuple[int, str]:
    headers = {"X-PrivateKey": "sandbox-key", "Authorization": f"Bearer {client.tokens['jwtToken']}"}
    patience = aiohttp.ClientTimeout(total=timeout)
    async with client.http.post(f"{client.root}{path}", json=body, headers=headers, timeout=patience) as answer:
        return answer.status, await answer.text()


def order(tag: str) -> dict[str, Any]:
    return {
        "variety": "NORMAL",
        "tradingsymbol": "SBIN-EQ",
        "symboltoken": 3045,
        "transactiontype": "BUY",
        "exchange": "NSE",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": 900.0,
        "quantity": 10,
        "ordertag": tag,
    }


async def was_carried_out(client: SandboxClient, tag: str) -> bool:
    return tag in {row["ordertag"] for row in await client.order_book()}


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [("accept_then_empty_body", 502, ""), ("accept_then_html", 200, "Request Rejected")],
)
async def test_an_accepted_order_whose_answer_is_replaced(
    client: SandboxClient, name: str, status: int, says: str
) -> None:
    await client.process.fault(name, route="placeOrder")
    got, text = await raw(client, f"{ORDER}/placeOrder", order(f"T{status}"))
    assert got == status
    assert says in text
    assert "orderid" not in text
    assert await was_carried_out(client, f"T{status}")


@pytest.mark.parametrize("name", ["accept_then_reset", "truncated_body", "accept_then_timeout"])
async def test_an_accepted_order_whose_answer_is_lost(client: SandboxClient, name: str) -> None:
    await client.process.fault(name, route="placeOrder", delay_seconds=0.2)
    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await raw(client, f"{ORDER}/placeOrder", order(name[-6:]))
    assert await was_carried_out(client, name[-6:])


async def test_silence_lasts_as_long_as_the_client_waits(client: SandboxClient) -> None:
    await client.process.fault("accept_then_timeout", route="placeOrder")
    with pytest.raises(TimeoutError):
        await raw(client, f"{ORDER}/placeOrder", order("PATIENT"), timeout=0.5)
    assert await was_carried_out(client, "PATIENT")


async def test_what_strikes_before_leaves_no_order(client: SandboxClient) -> None:
    await client.process.fault("refuse_403", route="placeOrder")
    assert await raw(client, f"{ORDER}/placeOrder", order("B1")) == (
        403,
        "Access denied because of exceeding access rate",
    )
    await client.process.fault("html_504", route="placeOrder")
    assert (await raw(client, f"{ORDER}/placeOrder", order("B2")))[0] == 504
    await client.process.fault("timeout_before_accept", route="placeOrder", delay_seconds=0.1)
    with pytest.raises(aiohttp.ClientError):
        await raw(client, f"{ORDER}/placeOrder", order("B3"))
    assert not {"B1", "B2", "B3"} & {row["ordertag"] for row in await client.order_book()}


async def test_a_yes_without_or_with_a_wrong_order_id(client: SandboxClient) -> None:
    await client.process.fault("status_true_no_orderid")
    assert await client.place(ordertag="NOID") == {"script": "SBIN-EQ"}
    await client.process.fault("wrong_orderid")
    wrong = await client.place(ordertag="WRONG")
    assert len(wrong["orderid"]) == 15
    assert wrong["orderid"] not in await client.statuses()
    assert await was_carried_out(client, "WRONG")


async def test_an_answer_is_lost_only_where_there_was_something_to_lose(client: SandboxClient) -> None:
    await client.process.fault("accept_then_html", route="placeOrder")
    refused = await client.call("POST", f"{ORDER}/placeOrder", {**order("X" * 30)})
    assert refused["errorcode"] == "AB4008"
    assert len((await client.process.get("/sandbox/faults"))["faults"]) == 1


async def test_a_late_reply_is_overtaken_by_the_orders_own_events(client: SandboxClient) -> None:
    stream = await client.order_stream()
    assert (await stream.receive_json())["order-status"] == "AB00"
    await client.process.fault("late_reply", route="placeOrder", delay_seconds=0.6)
    reply = asyncio.create_task(client.place(ordertag="LATE"))
    event = await asyncio.wait_for(stream.receive_json(), 2)
    while event["orderData"]["ordertag"] != "LATE":  # orders of other tests trade, too
        event = await asyncio.wait_for(stream.receive_json(), 2)
    assert not reply.done()
    assert (await reply)["orderid"] == event["orderData"]["orderid"]


async def test_the_order_book_may_lag_behind_details_and_stream(client: SandboxClient) -> None:
    await client.process.fault("book_lag", delay_seconds=0.5)
    placed = await client.place(ordertag="LAG")
    assert placed["orderid"] not in await client.statuses()
    details = await client.call("GET", f"{ORDER}/details/{placed['uniqueorderid']}")
    assert details["data"]["ordertag"] == "LAG"
    await asyncio.sleep(0.5)
    assert placed["orderid"] in await client.statuses()


async def test_latency_comes_before_the_order_is_taken(client: SandboxClient) -> None:
    await client.process.fault("latency", route="placeOrder", delay_seconds=0.4)
    started = asyncio.get_running_loop().time()
    await client.place()
    assert asyncio.get_running_loop().time() - started >= 0.4


async def test_refusals_on_demand(client: SandboxClient) -> None:
    await client.process.fault("ip_reject")
    assert (await client.call("POST", f"{ORDER}/cancelOrder", {}))["errorCode"] == "AG7002"
    await client.process.fault("client_block")
    assert (await client.call("POST", f"{ORDER}/placeOrder", order("BLOCK")))["errorcode"] == "AB1006"
    await client.process.fault("totp_reject")
    with pytest.raises(AssertionError, match="AB1050"):
        await client.login()
    await client.process.fault("session_expire", route="getRMS")
    assert (await client.call("GET", f"{ORDER}/getOrderBook"))["status"] is True
    rms = "/rest/secure/angelbroking/user/v1/getRMS"
    assert (await client.call("GET", rms))["errorCode"] == "AG8002"
    refresh = {"refreshToken": client.tokens["refreshToken"]}
    renewed = await client.call("POST", "/rest/auth/angelbroking/jwt/v1/generateTokens", refresh)
    assert renewed["errorcode"] == "AB8051"


async def test_every_fault_that_struck_is_in_the_truth_log(client: SandboxClient) -> None:
    await client.process.fault("book_lag", delay_seconds=0.1)
    placed = await client.place()
    struck = (await client.process.truth("fault"))[-1]
    assert (struck["fault"], struck["about"]) == ("book_lag", placed["orderid"])
    assert struck["route"].endswith("/placeOrder")


async def test_the_control_route_refuses_what_it_does_not_know(client: SandboxClient) -> None:
    async with client.http.post(f"{client.root}/sandbox/faults", json=[{"fault": "ws_drop"}, {"fault": "x"}]) as answer:
        assert answer.status == 400
        assert "the names are latency, timeout_before_accept" in (await answer.json())["message"]
    async with client.http.post(f"{client.root}/sandbox/faults", data="{") as answer:
        assert (answer.status, "not JSON" in (await answer.json())["message"]) == (400, True)
    assert (await client.process.get("/sandbox/faults"))["faults"] == []
    async with client.http.delete(f"{client.root}/sandbox/faults/77") as answer:
        assert answer.status == 404
