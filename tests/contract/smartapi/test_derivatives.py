"""Derivatives data and marked shares, as the stock client asks for them."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.contract.smartapi.shapes import Text, differences
from tests.contract.smartapi.stock import StockClient, order

SIX = Text(r"-?\d+\.\d{6}")
GREEK = {
    "name": "NIFTY",
    "expiry": Text(r"\d\d[A-Z]{3}\d{4}"),
    "strikePrice": SIX,
    "optionType": Text("CE|PE"),
    **dict.fromkeys(("delta", "gamma", "theta", "vega", "impliedVolatility", "tradeVolume"), SIX),
}
BUILD_UP = dict.fromkeys(
    ("symbolToken", "ltp", "netChange", "percentChange", "opnInterest", "netChangeOpnInterest", "tradingSymbol"), ""
)


async def first_expiry(client: StockClient) -> str:
    async with aiohttp.ClientSession() as http, http.get(client.process.scrip_master_url) as answer:
        rows: list[dict[str, Any]] = await answer.json(content_type=None)
    return next(str(row["expiry"]) for row in rows if row["name"] == "NIFTY" and row["instrumenttype"] == "OPTIDX")


async def test_greeks_of_an_expiry_behave_as_greeks_do(client: StockClient) -> None:
    rows = await client.data("optionGreek", {"name": "NIFTY", "expirydate": await first_expiry(client)})
    assert [d for row in rows for d in differences(row, GREEK)] == []
    calls = [row for row in rows if row["optionType"] == "CE"]
    deltas = [float(row["delta"]) for row in calls]
    assert deltas == sorted(deltas, reverse=True), "the higher the strike, the less a call follows"
    assert 0 < deltas[-1] < 0.5 < deltas[0] < 1
    assert all(float(row["theta"]) < 0 < float(row["vega"]) for row in calls)
    refused = await client.call("optionGreek", {"name": "NIFTY", "expirydate": "01JAN2020"})
    assert refused["status"] is False


async def test_movers_ratios_and_build_ups(client: StockClient) -> None:
    risen = await client.data("gainersLosers", {"datatype": "PercPriceGainers", "expirytype": "NEAR"})
    changes = [row["percentChange"] for row in risen]
    assert changes == sorted(changes, reverse=True)
    assert all(change > 0 for change in changes)
    ratios = {row["tradingSymbol"]: row["pcr"] for row in await client.data("putCallRatio")}
    assert len(ratios) >= 10
    assert all(0 < ratio < 20 for ratio in ratios.values())
    kinds = ("Long Built Up", "Short Built Up", "Short Covering", "Long Unwinding")
    found = [await client.data("oIBuildup", {"expirytype": "NEAR", "datatype": kind}) for kind in kinds]
    assert [d for rows in found for row in rows for d in differences(row, BUILD_UP)] == []
    symbols = [row["tradingSymbol"] for rows in found for row in rows]
    assert len(symbols) == len(set(symbols)), "each contract is in one of the four"
    unknown = await client.call("gainersLosers", {"datatype": "X", "expirytype": "NEAR"})
    assert (unknown["status"], unknown["errorcode"]) == (False, "AB1007")


async def test_a_cautionary_share_needs_a_consent(client: StockClient) -> None:
    leveraged = {row["SymbolName"] for row in await client.data("nseIntraday")}
    assert "SBIN-EQ" in leveraged
    assert {row["Exchange"] for row in await client.data("bseIntraday")} == {"BSE"}
    headers = {
        "Authorization": f"Bearer {client.smart.access_token}",
        "X-PrivateKey": client.process.credentials.api_key,
    }
    url = f"{client.process.http_url}/rest/secure/angelbroking/securities/v1/cautionaryScrips"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        rows = (await answer.json())["data"]
    share = next(row for row in rows if row["symbol"] not in leveraged and row["symbol"].endswith(("-EQ", "-BE")))
    wanted = order(
        tradingsymbol=share["symbol"], symboltoken=share["token"], producttype="DELIVERY", quantity="1", price="1.00"
    )
    refused = await client.call("placeOrderFullResponse", wanted)
    assert (refused["status"], refused["errorcode"]) == (False, "AB4036")
    accepted = await client.call("placeOrderFullResponse", {**wanted, "scripconsent": "yes"})
    assert accepted["status"] is True
