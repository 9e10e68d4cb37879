"""Positions and their conversion, holdings and their delivery, margins and charges, as the stock client reads them."""

from __future__ import annotations

from typing import Any

from sandbox.holdings import holding_row, total_of
from tests.contract.smartapi.captured import ALL_HOLDINGS, POSITION_ROW, TRAN_STATUS, VERIFY_DIS
from tests.contract.smartapi.shapes import differences
from tests.contract.smartapi.stock import ABOVE, SBIN, StockClient, order
from tests.support.waiting import eventually
from tests.unit.sandbox.desk_rig import DAY, DeskRig
from tests.unit.sandbox.desk_rig import SBIN as SBIN_KEY

SHARES = {"isin": "INE062A01020", "quantity": "10"}
COMPONENTS = ["netPremium", "spanMargin", "marginBenefit", "deliveryMargin", "nonNFOMargin", "totOptionsPremium"]


async def bought(client: StockClient, product: str = "INTRADAY") -> dict[str, Any]:
    """The position after ten SBIN-EQ were bought at once."""
    await client.call("placeOrderFullResponse", order(price=ABOVE, producttype=product))

    async def filled() -> dict[str, Any] | None:
        rows = (await client.call("position"))["data"] or []
        return next((row for row in rows if row["producttype"] == product and int(row["netqty"]) >= 10), None)

    return await eventually(filled, timeout=10, interval=0.3)  # type: ignore[no-any-return]


async def test_an_intraday_position_is_converted_to_delivery_and_no_more_than_it_has(client: StockClient) -> None:
    row = await bought(client)
    assert differences(row, POSITION_ROW) == []
    wanted = {
        **SBIN,
        "oldproducttype": "INTRADAY",
        "newproducttype": "DELIVERY",
        "transactiontype": "BUY",
        "quantity": int(row["netqty"]),
        "type": "DAY",
    }
    answer = await client.call("convertPosition", wanted)
    assert (answer["status"], answer["data"]) == (True, None)
    rows = {r["producttype"]: r["netqty"] for r in (await client.call("position"))["data"]}
    assert rows == {"INTRADAY": "0", "DELIVERY": row["netqty"]}
    refused = await client.call("convertPosition", wanted)
    assert (refused["status"], refused["errorcode"]) == (False, "AB1017")


async def test_nobody_who_holds_nothing_has_holdings(client: StockClient) -> None:
    assert (await client.call("holding"))["data"] is None
    everything = (await client.call("allholding"))["data"]
    assert differences(everything, ALL_HOLDINGS) == []
    assert everything == {"holdings": [], "totalholding": None}


def test_a_holding_has_the_captured_row_and_the_rows_make_the_total() -> None:
    rig = DeskRig()
    holdings = rig.book.ledger.holdings
    holdings.receive(SBIN_KEY, "SBIN-EQ", 10, 900_000, DAY + 1)
    rows = [holding_row(h, rig.universe.find(*h.key), rig.board.quote(h.key)) for h in holdings]
    assert differences({"holdings": rows, "totalholding": total_of(rows)}, ALL_HOLDINGS) == []
    (row,) = rows
    assert (row["t1quantity"], row["realisedquantity"], row["averageprice"], row["ltp"]) == (10, 0, 900.0, 940.0)
    assert (row["profitandloss"], row["pnlpercentage"]) == (400.0, 4.44)
    assert total_of(rows) == {
        "totalholdingvalue": 9_400.0,
        "totalinvvalue": 9_000.0,
        "totalprofitandloss": 400.0,
        "totalpnlpercentage": 4.44,
    }


async def test_the_margin_of_a_batch_nets_what_hedges_itself(client: StockClient) -> None:
    line = {"exchange": "NSE", "qty": 10, "price": 900, "productType": "INTRADAY", "token": "3045", "tradeType": "BUY"}
    one = (await client.call("getMarginApi", {"positions": [line]}))["data"]
    assert list(one["marginComponents"]) == COMPONENTS
    assert one["totalMarginRequired"] == 1800.0
    both = (await client.call("getMarginApi", {"positions": [line, {**line, "tradeType": "SELL"}]}))["data"]
    assert both["totalMarginRequired"] == 0
    assert both["marginComponents"]["marginBenefit"] == 3600.0
    nothing = await client.call("getMarginApi", {"positions": []})
    assert (nothing["status"], nothing["errorcode"]) == (False, "AB4022")


async def test_charges_are_broken_up_and_their_parts_add_up(client: StockClient) -> None:
    line = {
        "product_type": "DELIVERY",
        "transaction_type": "BUY",
        "quantity": "10",
        "price": "900",
        "exchange": "NSE",
        "symbol_name": "SBIN-EQ",
        "token": "3045",
    }
    data = (await client.call("estimateCharges", {"orders": [line, {**line, "transaction_type": "SELL"}]}))["data"]
    buy, sell = data["charges"]
    assert (buy["trade_value"], data["summary"]["trade_value"]) == (9000.0, 18000.0)
    assert [part["name"] for part in buy["breakup"]] == ["Angel One Brokerage", "External Charges", "Taxes"]
    assert round(sum(part["amount"] for part in buy["breakup"]), 2) == buy["total_charges"]
    assert round(buy["total_charges"] + sell["total_charges"], 2) == data["summary"]["total_charges"]
    stamp = {part["name"]: part["amount"] for part in sell["breakup"][1]["breakup"]}
    assert stamp["Stamp Duty"] == 0, "the buyer pays it"


async def test_a_permission_is_asked_for_given_and_looked_up(client: StockClient) -> None:
    asked = await client.data("verifyDis", SHARES)
    assert differences(asked, VERIFY_DIS) == []
    pan = {"dpId": asked["DPId"], "ReqId": asked["ReqId"], "boid": asked["BOID"], "pan": "ABCDE1234F"}
    assert await client.data("generateTPIN", pan) is None
    status = await client.data("getTranStatus", {"ReqId": asked["ReqId"]})
    assert differences(status, TRAN_STATUS) == []
    assert status["TransResDtls"]["ResStatus"] == "success"
    assert (await client.call("verifyDis", SHARES))["errorcode"] == "AG1000", "it was given today"
    assert (await client.call("verifyDis", {"isin": "", "quantity": "1"}))["errorcode"] == "AG2001"
