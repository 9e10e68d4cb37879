"""Who may ask, how often, from where, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_client import SandboxClient
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

ORDER = "/rest/secure/angelbroking/order/v1"
TOO_FAST = "Access denied because of exceeding access rate"


async def answer_of(client: SandboxClient, method: str, path: str, **headers: str) -> tuple[int, str, Any]:
    """(status, content type, JSON or text)."""
    sent = {"X-PrivateKey": "sandbox-key", "Authorization": f"Bearer {client.tokens['jwtToken']}", **headers}
    async with client.http.request(method, f"{client.root}{path}", headers=sent) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, answer.content_type, await (answer.json() if is_json else answer.text())


async def test_above_its_rate_a_client_gets_403_in_plain_text_until_the_window_has_rolled_on() -> None:
    async with SandboxProcess(("--rate-limits", "on")) as sandbox, SandboxClient(sandbox) as client:
        path = f"{ORDER}/getOrderBook"
        assert (await answer_of(client, "GET", path))[0] == 200
        assert await answer_of(client, "GET", path) == (403, "text/plain", TOO_FAST)
        await asyncio.sleep(1)
        assert (await answer_of(client, "GET", path))[0] == 200
        await client.login()
        with pytest.raises(aiohttp.ContentTypeError, match="text/plain"):
            await client.login()
        refusals = [r for r in await sandbox.truth("refusal") if r["code"] == "403"]
        assert len(refusals) == 2
        state = await sandbox.get("/sandbox/state")
        assert state["rates"]["used"]["D12345"]["getOrderBook"]["second"]["limit"] == 1


async def test_nine_orders_a_second_over_place_modify_and_cancel() -> None:
    async with SandboxProcess(("--rate-limits", "on")) as sandbox, SandboxClient(sandbox) as client:
        statuses = [(await answer_of(client, "POST", f"{ORDER}/cancelOrder"))[0] for _ in range(5)]
        statuses += [(await answer_of(client, "POST", f"{ORDER}/placeOrder"))[0] for _ in range(5)]
        assert statuses == [200] * 9 + [403]


async def test_orders_are_taken_from_registered_addresses_only_and_everything_else_from_everywhere() -> None:
    async with SandboxProcess(("--static-ip", "203.0.113.9")) as sandbox, SandboxClient(sandbox) as client:
        for path in (f"{ORDER}/placeOrder", f"/order-service{ORDER}/cancelOrder"):
            status, _, body = await answer_of(client, "POST", path, **{"X-ClientPublicIP": "203.0.113.9"})
            assert (status, body["success"], body["errorCode"]) == (200, False, "AG7002")
            assert body["message"] == "Access denied: Unregistered IP address. Register your IP before retrying."
        assert (await client.call("GET", f"{ORDER}/getOrderBook"))["status"] is True
    own = ("--static-ip", "203.0.113.9", "--static-ip", "127.0.0.1")
    async with SandboxProcess(own) as sandbox, SandboxClient(sandbox) as client:
        assert (await client.place())["orderid"]


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        ({"X-PrivateKey": ""}, "AG8004", "Invalid API Key"),
        ({"Authorization": ""}, "AG8003", "Token missing"),
        ({"Authorization": "Bearer "}, "AG8003", "Token missing"),
        ({"Authorization": "Bearer nonsense"}, "AG8001", "Invalid Token"),
    ],
)
async def test_the_gateway_answers_in_its_own_dialect(headers: dict[str, str], code: str, message: str) -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        answer = await answer_of(client, "GET", f"{ORDER}/getOrderBook", **headers)
    body = {"success": False, "message": message, "errorCode": code, "data": ""}
    assert answer == (200, "application/json", body)


async def test_tokens_end_at_midnight_of_market_time(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    days = "\n".join(
        f"2026-01-{day:02d}T{hour:02d}:{minute:02d}:00+05:30,SBIN,940,941,939,940,1000"
        for day, hour, minute in ((5, 15, 28), (5, 15, 29), (6, 9, 15), (6, 9, 16))
    )
    bars.write_text(f"ts,symbol,open,high,low,close,volume\n{days}\n")
    async with SandboxProcess(("--replay", str(bars), "--speed", "60")) as sandbox, SandboxClient(sandbox) as client:
        assert (await client.call("GET", f"{ORDER}/getOrderBook"))["status"] is True

        async def next_day() -> bool:
            return str((await sandbox.get("/sandbox/clock"))["market_time"]) > "2026-01-06"

        await eventually(next_day, timeout=10)
        assert (await client.call("GET", f"{ORDER}/getOrderBook"))["errorCode"] == "AG8002"
        with pytest.raises(Exception, match="403"):
            await client.order_stream()
        with pytest.raises(Exception, match="401"):
            await client.market_stream()
        await client.login()
        assert (await client.call("GET", f"{ORDER}/getOrderBook"))["status"] is True


async def test_a_second_login_ends_the_first_where_told_to() -> None:
    async with (
        SandboxProcess(("--second-login", "ends")) as sandbox,
        SandboxClient(sandbox) as first,
        SandboxClient(sandbox) as second,
    ):
        assert (await first.call("GET", f"{ORDER}/getOrderBook"))["errorCode"] == "AG8001"
        assert (await second.call("GET", f"{ORDER}/getOrderBook"))["status"] is True
