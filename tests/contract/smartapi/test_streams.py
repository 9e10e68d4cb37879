"""Both sockets of the stock client: ticks in all four modes, order events with the broker's codes.

Its classes are subclassed for their addresses, and for their retry counts: they reconnect even after their own close.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.contract.smartapi import captured
from tests.contract.smartapi.stock import ABOVE, StockClient, in_thread, order
from tests.support.waiting import eventually

SHARES = ["3045", "2885"]
ALL_TOKENS = [*SHARES, "99926000"]
DEPTH = 4


def keys_of(client: StockClient) -> tuple[str, str, str, str]:
    known = client.process.credentials
    return client.session["jwtToken"], known.api_key, known.client_code, client.session["feedToken"]


async def test_ticks_arrive_in_all_four_modes(smart_api: Any, client: StockClient) -> None:
    class Ticks(smart_api.smartWebSocketV2.SmartWebSocketV2):
        ROOT_URI = client.process.market_stream_url
        HEART_BEAT_INTERVAL = 1

    socket = Ticks(*keys_of(client), max_retry_attempt=0)
    seen: dict[tuple[int, str], list[dict[str, Any]]] = {}

    def on_open(_: Any) -> None:
        for mode in (1, 2, 3):
            socket.subscribe("abcde12345", mode, [{"exchangeType": 1, "tokens": list(ALL_TOKENS)}])
        socket.subscribe("abcde12345", DEPTH, [{"exchangeType": 1, "tokens": list(SHARES)}])

    socket.on_open = on_open
    socket.on_data = lambda _, tick: seen.setdefault((tick["subscription_mode"], tick["token"]), []).append(tick)
    socket.on_error = lambda *args: None
    thread = in_thread(socket.connect)
    wanted = {(mode, token) for mode in (1, 2, 3) for token in ALL_TOKENS} | {(DEPTH, token) for token in SHARES}
    await eventually(lambda: set(seen) == wanted and all(len(t) > 5 for t in seen.values()), timeout=15)
    socket.close_connection()
    await asyncio.to_thread(thread.join, 5)

    _check_snap(seen[3, "3045"][-1])
    _check_depth(seen[DEPTH, "3045"][-1])
    for token in ALL_TOKENS:
        numbers = [[tick["sequence_number"] for tick in seen[mode, token]] for mode in (1, 2, 3)]
        assert all(n == sorted(set(n)) for n in numbers), "they only rise"
        since, until = max(n[0] for n in numbers), min(n[-1] for n in numbers)
        at_once = [[number for number in n if since <= number <= until] for n in numbers]
        assert at_once[0] == at_once[1] == at_once[2], "one frame per tick and mode, none lost"
    in_mode_2 = {t["sequence_number"]: t["last_traded_price"] for t in seen[2, "3045"]}
    in_mode_1 = {t["sequence_number"]: t["last_traded_price"] for t in seen[1, "3045"]}
    assert all(in_mode_1[n] == price for n, price in in_mode_2.items() if n in in_mode_1)


def _check_snap(snap: dict[str, Any]) -> None:
    assert len(snap["best_5_buy_data"]) == len(snap["best_5_sell_data"]) == 5
    best_bid, best_ask = snap["best_5_buy_data"][0]["price"], snap["best_5_sell_data"][0]["price"]
    assert best_bid <= snap["last_traded_price"] <= best_ask
    assert snap["lower_circuit_limit"] < best_bid < snap["upper_circuit_limit"]


def _check_depth(tick: dict[str, Any]) -> None:
    """Twenty levels a side, the best first; no number, no last price."""
    buys, sells = tick["depth_20_buy_data"], tick["depth_20_sell_data"]
    assert (len(buys), len(sells)) == (20, 20)
    bids, asks = [level["price"] for level in buys], [level["price"] for level in sells]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert all(level["quantity"] > 0 and level["num_of_orders"] > 0 for level in (*buys, *sells))
    assert "sequence_number" not in tick
    assert "last_traded_price" not in tick


async def test_order_events_arrive_with_the_brokers_codes(smart_api: Any, client: StockClient) -> None:
    class Updates(smart_api.smartWebSocketOrderUpdate.SmartWebSocketOrderUpdate):
        WEBSOCKET_URI = client.process.order_stream_url
        MAX_CONNECTION_RETRY_ATTEMPTS = 0

    socket = Updates(*keys_of(client))
    frames: list[dict[str, Any]] = []
    socket.on_message = lambda _, message: frames.append(json.loads(message)) if isinstance(message, str) else None
    thread = in_thread(socket.connect)
    await eventually(lambda: frames, what="the greeting")
    assert (frames[0]["order-status"], frames[0]["user-id"]) == ("AB00", client.process.credentials.client_code)
    assert frames[0]["orderData"]["orderid"] == ""

    resting = await client.place(ordertag="REST")
    await client.until_status(resting, "open")
    await client.data("modifyOrder", {**order(price="901.00"), "orderid": resting["orderid"]})
    await eventually(lambda: codes_of(frames, "REST")[-1:] == ["AB04"])
    await client.data("cancelOrder", resting["orderid"], "NORMAL")
    await client.place(ordertag="CROSS", price=ABOVE)
    await client.place(ordertag="BAD", price="900.01")
    stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "990.00", "price": "991.00"}
    await client.place(ordertag="STOP", **stop)
    await eventually(lambda: codes_of(frames, "STOP")[-1:] == ["AB10"])
    await eventually(lambda: codes_of(frames, "REST") == ["AB09", "AB01", "AB11", "AB04", "AB02"])
    await eventually(lambda: codes_of(frames, "CROSS") == ["AB09", "AB01", "AB05"])
    await eventually(lambda: codes_of(frames, "BAD") == ["AB09", "AB03"])
    filled = frames[-1 - [f["order-status"] for f in reversed(frames)].index("AB05")]["orderData"]
    assert (filled["filledshares"], filled["unfilledshares"], filled["orderstatus"]) == ("10", "0", "complete")
    assert filled["averageprice"] > 0
    assert all(list(frame["orderData"]) == captured.STREAM_ORDER_KEYS for frame in frames)
    socket.close_connection()
    await asyncio.to_thread(thread.join, 5)


def codes_of(frames: list[dict[str, Any]], tag: str) -> list[str]:
    return [frame["order-status"] for frame in frames if frame["orderData"]["ordertag"] == tag]
