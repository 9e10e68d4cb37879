"""Orders by the stock client, from placing to the books, held to the captured rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.smartapi import captured
from tests.contract.smartapi.shapes import differences
from tests.contract.smartapi.stock import ABOVE, StockClient, order
from tests.support.sandbox_process import SandboxProcess


async def test_an_order_that_crosses_shows_up_in_every_book(connect_to: Any, fresh_sandbox: SandboxProcess) -> None:
    client: StockClient = connect_to(fresh_sandbox)
    await client.login()
    for book in ("orderBook", "tradeBook", "position"):
        assert await client.data(book) is None, "an empty book is null"
    placed = await client.filled()
    assert differences(placed, captured.PLACED) == []
    (row,) = await client.data("orderBook")
    assert differences(row, captured.ORDER_ROW) == []
    details = await client.data("individual_order_details", placed["uniqueorderid"])
    assert details == row
    assert (row["orderid"], row["ordertag"], row["filledshares"], row["quantity"], row["price"]) == (
        *(placed["orderid"], "TAG1", "10", "10"),
        float(ABOVE),
    )
    (trade,) = await client.data("tradeBook")
    assert differences(trade, captured.TRADE_ROW) == []
    assert (trade["orderid"], trade["fillsize"], float(trade["fillprice"])) == (
        *(placed["orderid"], "10"),
        row["averageprice"],
    )
    (position,) = await client.data("position")
    assert differences(position, captured.POSITION_ROW) == []
    assert (position["netqty"], position["producttype"]) == ("10", "INTRADAY")
    rms = await client.data("rmsLimit")
    assert differences(rms, captured.FUNDS_ROW) == []
    assert float(rms["availablecash"]) == pytest.approx(10_000_000 - 0.2 * 10 * row["averageprice"], abs=0.01)


async def test_a_resting_order_can_be_modified_and_cancelled(client: StockClient) -> None:
    placed = await client.place()
    await client.until_status(placed, "open")
    changed = await client.data("modifyOrder", {**order(price="901.00"), "orderid": placed["orderid"]})
    assert differences(changed, captured.CHANGED) == []
    assert changed == {key: placed[key] for key in ("orderid", "uniqueorderid")}
    await client.until_status(placed, "open")
    details = await client.data("individual_order_details", placed["uniqueorderid"])
    assert differences(details, captured.ORDER_ROW) == []
    assert (details["price"], details["orderid"]) == (901.0, placed["orderid"])
    assert differences(await client.data("cancelOrder", placed["orderid"], "NORMAL"), captured.CHANGED) == []
    await client.until_status(placed, "cancelled")
    again = await client.call("cancelOrder", placed["orderid"], "NORMAL")
    assert (again["status"], again["errorcode"]) == (False, "AB1013")


async def test_the_shorter_placing_call_returns_the_id_or_nothing(client: StockClient) -> None:
    order_id = await client.call("placeOrder", order(ordertag="SHORT"))
    assert order_id in {row["orderid"] for row in await client.data("orderBook")}
    assert await client.call("placeOrder", order(ordertype="MARKET")) is None


async def test_refusals_come_back_in_full_and_rejections_come_later(client: StockClient) -> None:
    market = await client.call("placeOrderFullResponse", order(ordertype="MARKET"))
    assert (market["status"], market["data"]) == (False, None)
    assert "MARKET orders are not allowed" in market["message"]
    assert (await client.call("placeOrderFullResponse", order(ordertag="X" * 21)))["errorcode"] == "AB4008"
    assert (await client.call("cancelOrder", "261122000009999", "NORMAL"))["errorcode"] == "AB1013"
    off_grid = await client.place(price="900.03")
    await client.until_status(off_grid, "rejected")
    details = await client.data("individual_order_details", off_grid["uniqueorderid"])
    assert "tick size 0.10" in details["text"]
