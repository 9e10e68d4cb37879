"""The broker's own client, smartapi-python 1.5.5 as it is on PyPI, works against a real sandbox process.

Its classes are subclassed for their addresses (and for the sockets' retry counts: it reconnects even after its own close).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import logzero
import pytest
import requests

from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

SBIN = {"exchange": "NSE", "tradingsymbol": "SBIN-EQ", "symboltoken": "3045"}
ALL_TOKENS = ["3045", "2885", "99926000"]


@pytest.fixture(scope="module")
def smart_api() -> Iterator[Any]:
    """The package. Its import asks api.ipify.org for an address, without a timeout, and its objects open log files: not here."""
    with mock.patch.object(requests, "get", side_effect=requests.ConnectionError("no network in tests")):
        import SmartApi.smartConnect
        import SmartApi.smartWebSocketOrderUpdate
        import SmartApi.smartWebSocketV2
    with mock.patch.object(logzero, "logfile"):
        yield SmartApi


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProcess]:
    async with SandboxProcess() as process:
        yield process


@pytest.fixture
def client(smart_api: Any, sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)  # it makes a folder ./logs
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Client(smart_api.smartConnect.SmartConnect):
        _rootUrl = sandbox.http_url  # noqa: N815 - the name is theirs

    return Client(api_key=sandbox.credentials.api_key)


@pytest.fixture
async def session(client: Any, sandbox: SandboxProcess) -> dict[str, Any]:
    """The data of a login."""
    known = sandbox.credentials
    answer = await asyncio.to_thread(client.generateSession, known.client_code, known.pin, known.totp())
    data: dict[str, Any] = answer["data"]
    return data


def order(**changes: Any) -> dict[str, Any]:
    return {
        "variety": "NORMAL",
        **SBIN,
        "transactiontype": "BUY",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": "900.00",
        "quantity": "10",
        "ordertag": "TAG1",
        **changes,
    }


async def place(client: Any, **changes: Any) -> dict[str, Any]:
    answer = await asyncio.to_thread(client.placeOrderFullResponse, order(**changes))
    assert answer["status"] is True, answer
    data: dict[str, Any] = answer["data"]
    return data


async def status_of(client: Any, placed: dict[str, Any]) -> str:
    answer = await asyncio.to_thread(client.individual_order_details, placed["uniqueorderid"])
    return str(answer["data"]["status"])


async def until_status(client: Any, placed: dict[str, Any], wanted: str) -> None:
    async def reached() -> bool:
        return await status_of(client, placed) == wanted

    await eventually(reached, interval=0.05, what=f"order is {wanted}")


async def test_login_profile_tokens_and_logout(client: Any, session: dict[str, Any], sandbox: SandboxProcess) -> None:
    assert session["clientcode"] == sandbox.credentials.client_code
    assert session["jwtToken"].startswith("Bearer ")
    renewed = await asyncio.to_thread(client.generateToken, session["refreshToken"])
    assert renewed["data"]["feedToken"]
    assert (await asyncio.to_thread(client.terminateSession, sandbox.credentials.client_code))["status"] is True
    after = await asyncio.to_thread(client.rmsLimit)
    assert after == {"success": False, "message": "Invalid Token", "errorCode": "AG8001", "data": ""}


async def test_wrong_credentials_and_wrong_keys_are_told_in_their_own_dialects(
    client: Any, sandbox: SandboxProcess
) -> None:
    known = sandbox.credentials
    wrong = await asyncio.to_thread(client.generateSession, known.client_code, known.pin, "000000")
    assert (wrong["status"], wrong["errorcode"], wrong["message"]) == (False, "AB1050", "Invalid totp")
    assert (await asyncio.to_thread(client.orderBook))["errorCode"] == "AG8003"
    client.privateKey = "other"
    assert (await asyncio.to_thread(client.orderBook))["errorCode"] == "AG8004"


async def test_an_order_that_crosses_shows_up_in_every_book(client: Any, session: dict[str, Any]) -> None:
    assert (await asyncio.to_thread(client.orderBook))["data"] is None
    assert (await asyncio.to_thread(client.tradeBook))["data"] is None
    assert (await asyncio.to_thread(client.position))["data"] is None
    placed = await place(client, price="980.00")
    assert len(placed["orderid"]) == 15
    assert placed["script"] == "SBIN-EQ"
    await until_status(client, placed, "complete")
    (row,) = (await asyncio.to_thread(client.orderBook))["data"]
    assert (row["orderid"], row["ordertag"], row["filledshares"], row["quantity"]) == (
        placed["orderid"],
        "TAG1",
        "10",
        "10",
    )
    assert row["price"] == 980.0
    (trade,) = (await asyncio.to_thread(client.tradeBook))["data"]
    assert (trade["orderid"], trade["fillsize"], float(trade["fillprice"])) == (
        placed["orderid"],
        "10",
        row["averageprice"],
    )
    (position,) = (await asyncio.to_thread(client.position))["data"]
    assert (position["netqty"], position["producttype"]) == ("10", "INTRADAY")
    assert all(isinstance(value, str) for value in position.values())
    rms = (await asyncio.to_thread(client.rmsLimit))["data"]
    assert float(rms["availablecash"]) == pytest.approx(10_000_000 - 0.2 * 10 * row["averageprice"], abs=0.01)
    assert rms["utilisedspan"] is None


async def test_a_resting_order_can_be_modified_and_cancelled(client: Any, session: dict[str, Any]) -> None:
    placed = await place(client)
    await until_status(client, placed, "open")
    changed = await asyncio.to_thread(client.modifyOrder, {**order(price="901.00"), "orderid": placed["orderid"]})
    assert changed["data"] == {key: placed[key] for key in ("orderid", "uniqueorderid")}
    await until_status(client, placed, "open")
    details = await asyncio.to_thread(client.individual_order_details, placed["uniqueorderid"])
    assert (details["data"]["price"], details["data"]["orderid"]) == (901.0, placed["orderid"])
    assert (await asyncio.to_thread(client.cancelOrder, placed["orderid"], "NORMAL"))["status"] is True
    await until_status(client, placed, "cancelled")
    again = await asyncio.to_thread(client.cancelOrder, placed["orderid"], "NORMAL")
    assert (again["status"], again["errorcode"]) == (False, "AB1013")


async def test_refusals_come_back_in_full_and_rejections_come_later(client: Any, session: dict[str, Any]) -> None:
    market = await asyncio.to_thread(client.placeOrderFullResponse, order(ordertype="MARKET"))
    assert (market["status"], market["data"]) == (False, None)
    assert "MARKET orders are not allowed" in market["message"]
    tag = await asyncio.to_thread(client.placeOrderFullResponse, order(ordertag="X" * 21))
    assert tag["errorcode"] == "AB4008"
    assert (await asyncio.to_thread(client.cancelOrder, "261122000009999", "NORMAL"))["errorcode"] == "AB1013"
    off_grid = await place(client, price="900.03")
    await until_status(client, off_grid, "rejected")
    details = await asyncio.to_thread(client.individual_order_details, off_grid["uniqueorderid"])
    assert "tick size 0.10" in details["data"]["text"]


async def test_quotes_and_search(client: Any, session: dict[str, Any]) -> None:
    ltp = (await asyncio.to_thread(client.ltpData, *SBIN.values()))["data"]
    assert 900 < ltp["ltp"] < 980
    full = (await asyncio.to_thread(client.getMarketData, "FULL", {"NSE": ["3045", "99926000", "1"]}))["data"]
    assert [row["symbolToken"] for row in full["fetched"]] == ["3045", "99926000"]
    assert len(full["fetched"][0]["depth"]["buy"]) == 5
    assert full["unfetched"][0]["errorCode"] == "AB4018"
    ohlc = (await asyncio.to_thread(client.getMarketData, "OHLC", {"NSE": ["3045"]}))["data"]["fetched"][0]
    assert set(ohlc) == {"exchange", "tradingSymbol", "symbolToken", "ltp", "open", "high", "low", "close"}
    many = await asyncio.to_thread(client.getMarketData, "LTP", {"NSE": [str(n) for n in range(51)]})
    assert many["errorcode"] == "AB4029"
    hits = (await asyncio.to_thread(client.searchScrip, "NSE", "SBIN"))["data"]
    assert hits == [SBIN]


def in_thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


async def test_ticks_arrive_in_all_three_modes(
    smart_api: Any, client: Any, session: dict[str, Any], sandbox: SandboxProcess
) -> None:
    class Ticks(smart_api.smartWebSocketV2.SmartWebSocketV2):
        ROOT_URI = sandbox.market_stream_url
        HEART_BEAT_INTERVAL = 1

    known = sandbox.credentials
    tokens = (session["jwtToken"], known.api_key, known.client_code, session["feedToken"])
    socket = Ticks(*tokens, max_retry_attempt=0)
    seen: dict[tuple[int, str], list[dict[str, Any]]] = {}

    def on_open(_: Any) -> None:
        for mode in (1, 2, 3):
            socket.subscribe("abcde12345", mode, [{"exchangeType": 1, "tokens": list(ALL_TOKENS)}])

    socket.on_open = on_open
    socket.on_data = lambda _, tick: seen.setdefault((tick["subscription_mode"], tick["token"]), []).append(tick)
    socket.on_error = lambda *args: None
    thread = in_thread(socket.connect)
    wanted = {(mode, token) for mode in (1, 2, 3) for token in ALL_TOKENS}
    await eventually(lambda: set(seen) == wanted and all(len(t) > 5 for t in seen.values()), timeout=15)
    socket.close_connection()
    await asyncio.to_thread(thread.join, 5)

    snap = seen[3, "3045"][-1]
    assert len(snap["best_5_buy_data"]) == len(snap["best_5_sell_data"]) == 5
    best_bid, best_ask = snap["best_5_buy_data"][0]["price"], snap["best_5_sell_data"][0]["price"]
    assert best_bid <= snap["last_traded_price"] <= best_ask
    assert snap["lower_circuit_limit"] < best_bid < snap["upper_circuit_limit"]
    for token in ALL_TOKENS:
        numbers = [[tick["sequence_number"] for tick in seen[mode, token]] for mode in (1, 2, 3)]
        assert all(n == sorted(set(n)) for n in numbers), "they only rise"
        since, until = max(n[0] for n in numbers), min(n[-1] for n in numbers)
        at_once = [[number for number in n if since <= number <= until] for n in numbers]
        assert at_once[0] == at_once[1] == at_once[2], "one frame per tick and mode, none lost"
    in_mode_2 = {t["sequence_number"]: t["last_traded_price"] for t in seen[2, "3045"]}
    in_mode_1 = {t["sequence_number"]: t["last_traded_price"] for t in seen[1, "3045"]}
    assert all(in_mode_1[n] == price for n, price in in_mode_2.items() if n in in_mode_1)


async def test_order_events_arrive_with_the_brokers_codes(
    smart_api: Any, client: Any, session: dict[str, Any], sandbox: SandboxProcess
) -> None:
    class Updates(smart_api.smartWebSocketOrderUpdate.SmartWebSocketOrderUpdate):
        WEBSOCKET_URI = sandbox.order_stream_url
        MAX_CONNECTION_RETRY_ATTEMPTS = 0

    known = sandbox.credentials
    socket = Updates(session["jwtToken"], known.api_key, known.client_code, session["feedToken"])
    frames: list[dict[str, Any]] = []
    socket.on_message = lambda _, message: frames.append(json.loads(message)) if isinstance(message, str) else None
    thread = in_thread(socket.connect)
    await eventually(lambda: frames, what="the greeting")
    assert (frames[0]["order-status"], frames[0]["user-id"]) == ("AB00", known.client_code)
    assert frames[0]["orderData"]["orderid"] == ""

    resting = await place(client, ordertag="REST")
    await until_status(client, resting, "open")
    await asyncio.to_thread(client.modifyOrder, {**order(price="901.00"), "orderid": resting["orderid"]})
    await eventually(lambda: codes_of(frames, "REST")[-1:] == ["AB04"])
    await asyncio.to_thread(client.cancelOrder, resting["orderid"], "NORMAL")
    await place(client, ordertag="CROSS", price="980.00")
    await place(client, ordertag="BAD", price="900.01")
    stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "990.00", "price": "991.00"}
    await place(client, ordertag="STOP", **stop)
    await eventually(lambda: codes_of(frames, "STOP")[-1:] == ["AB10"])
    await eventually(lambda: codes_of(frames, "REST") == ["AB09", "AB01", "AB11", "AB04", "AB02"])
    await eventually(lambda: codes_of(frames, "CROSS") == ["AB09", "AB01", "AB05"])
    await eventually(lambda: codes_of(frames, "BAD") == ["AB09", "AB03"])
    filled = frames[-1 - [f["order-status"] for f in reversed(frames)].index("AB05")]["orderData"]
    assert (filled["filledshares"], filled["unfilledshares"], filled["orderstatus"]) == ("10", "0", "complete")
    assert filled["averageprice"] > 0
    assert "uniqueorderid" not in filled
    socket.close_connection()
    await asyncio.to_thread(thread.join, 5)


def codes_of(frames: list[dict[str, Any]], tag: str) -> list[str]:
    return [frame["order-status"] for frame in frames if frame["orderData"]["ordertag"] == tag]
