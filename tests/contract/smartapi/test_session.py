"""Login, profile, tokens, logout, and the two dialects of refusal."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.http.endpoints import ENDPOINTS
from tests.contract.smartapi import captured
from tests.contract.smartapi.shapes import differences
from tests.contract.smartapi.stock import StockClient, order
from tests.support.sandbox_process import SandboxProcess


async def test_login_profile_tokens_and_logout(client: StockClient) -> None:
    assert differences(client.session, captured.LOGGED_IN) == []
    assert client.session["clientcode"] == client.process.credentials.client_code
    assert differences(await client.data("getProfile", client.session["refreshToken"]), captured.PROFILE) == []
    renewed = await client.data("generateToken", client.session["refreshToken"])
    assert differences(renewed, captured.TOKENS) == []
    assert (await client.call("renewAccessToken"))["refreshToken"]
    assert await client.data("terminateSession", client.process.credentials.client_code) == ""
    after = await client.call("rmsLimit")
    assert after == {"success": False, "message": "Invalid Token", "errorCode": "AG8001", "data": ""}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"totp": "000000"}, "AB1050", "Invalid totp"),
        ({"pin": ""}, "AB1050", "Invalid totp"),
        ({"pin": "12"}, "AB1050", "Invalid totp"),
        ({"pin": "9999"}, "AB1007", "Login Id or password is invalid"),
        ({"client_code": "X1"}, "AB1007", "Login Id or password is invalid"),
    ],
)
async def test_wrong_credentials_are_refused_in_the_applications_dialect(
    connect_to: Any, sandbox: SandboxProcess, changes: dict[str, str], code: str, message: str
) -> None:
    known = sandbox.credentials
    given = {"client_code": known.client_code, "pin": known.pin, "totp": known.totp(), **changes}
    answer = await connect_to(sandbox).call("generateSession", *given.values())
    assert answer == {"message": message, "errorcode": code, "status": False, "data": None}


async def test_header_problems_are_refused_in_the_gateways_dialect(connect_to: Any, sandbox: SandboxProcess) -> None:
    stranger: StockClient = connect_to(sandbox)
    missing = {"success": False, "message": "Token missing", "errorCode": "AG8003", "data": ""}
    assert await stranger.call("orderBook") == missing
    stranger.smart.privateKey = "other"
    assert (await stranger.call("orderBook"))["errorCode"] == "AG8004"


async def test_a_refresh_token_that_is_none(client: StockClient) -> None:
    for token, code in (("", "AB1004"), ("nonsense", "AB8050"), (client.session["feedToken"], "AB8050")):
        answer = await client.call("_postRequest", "api.token", {"refreshToken": token})
        assert (answer["status"], answer["errorcode"]) == (False, code)


def test_every_route_of_the_stock_client_is_one_of_the_sandboxs(smart_api: Any) -> None:
    routes: dict[str, str] = smart_api.smartConnect.SmartConnect._routes
    served = {path.replace("{unique_order_id}", "") for path in ENDPOINTS}
    assert {path for path in routes.values() if f"/{path.lstrip('/')}" not in served} == set()


async def test_the_paths_of_other_clients_are_served_too(client: StockClient) -> None:
    served = client.smart._routes
    client.smart._routes = {
        **served,
        "api.market.data": f"{served['api.market.data']}/",
        "api.order.book": f"/order-service{served['api.order.book']}",
        "api.gtt.create": served["api.gtt.create"].removeprefix("/gtt-service"),
        "api.gtt.list": f"/gtt-service{served['api.gtt.list']}",
    }
    quoted = await client.data("getMarketData", "LTP", {"NSE": ["3045"]})
    assert [row["tradingSymbol"] for row in quoted["fetched"]] == ["SBIN-EQ"]
    assert (await client.call("orderBook"))["status"] is True
    assert (await client.call("_postRequest", "api.gtt.create", {"exchange": "NFO"}))["errorcode"].startswith("AB90")
    assert (await client.call("gttLists", ["NEW"], 1, 10))["status"] is True


async def test_above_the_rate_the_stock_client_cannot_read_the_answer(connect_to: Any) -> None:
    async with SandboxProcess(("--rate-limits", "on")) as sandbox:
        client: StockClient = connect_to(sandbox)
        await client.login()
        assert (await client.call("orderBook"))["status"] is True
        with pytest.raises(Exception, match="Access denied because of exceeding access rate") as caught:
            await client.call("orderBook")
        assert type(caught.value).__name__ == "DataException"


async def test_orders_from_an_unregistered_address(connect_to: Any) -> None:
    async with SandboxProcess(("--static-ip", "203.0.113.9")) as sandbox:
        client: StockClient = connect_to(sandbox)
        await client.login()
        answer = await client.call("placeOrderFullResponse", order())
        assert (answer["success"], answer["errorCode"]) == (False, "AG7002")
        assert (await client.call("orderBook"))["status"] is True
