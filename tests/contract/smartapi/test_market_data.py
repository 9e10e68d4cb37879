"""Quotes, search, candles and open interest through the stock client, held to the captured rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.contract.smartapi import captured
from tests.contract.smartapi.shapes import differences
from tests.contract.smartapi.stock import SBIN, StockClient
from tests.support.sandbox_process import SandboxProcess


@pytest.fixture
async def span(client: StockClient, sandbox: SandboxProcess) -> dict[str, str]:
    """The week until yesterday, of the sandbox's market."""
    now = datetime.fromisoformat((await sandbox.get("/sandbox/clock"))["market_time"])
    first, last = now - timedelta(days=8), now - timedelta(days=1)
    return {"fromdate": f"{first:%Y-%m-%d} 09:15", "todate": f"{last:%Y-%m-%d} 15:30"}


async def test_candles_are_lists_of_rupees_stamped_in_india(client: StockClient, span: dict[str, str]) -> None:
    asked = {"exchange": "NSE", "symboltoken": "3045", "interval": "FIVE_MINUTE", **span}
    answer = await client.call("getCandleData", asked)
    assert (answer["status"], answer["message"], answer["errorcode"]) == (True, "SUCCESS", "")
    days = {row[0][:10] for row in answer["data"]}
    assert 3 <= len(days) <= 6
    assert all(row[0].endswith("+05:30") and len(row) == 6 for row in answer["data"])
    assert all(row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] for row in answer["data"])
    assert answer["data"] == sorted(answer["data"], key=lambda row: row[0])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"interval": "TWO_MINUTE"}, "AB1007"),
        ({"symboltoken": "none"}, "AB1018"),
        ({"fromdate": "yesterday"}, "AB1007"),
        ({"todate": "2001-01-01 09:15"}, "AB1004"),
        ({"interval": "ONE_MINUTE", "fromdate": "2001-01-01 09:15"}, "AB1004"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    client: StockClient, span: dict[str, str], changes: dict[str, Any], code: str
) -> None:
    asked = {"exchange": "NSE", "symboltoken": "3045", "interval": "ONE_DAY", **span, **changes}
    answer = await client.call("getCandleData", asked)
    assert (answer["status"], answer["errorcode"]) == (False, code)


async def test_open_interest_is_for_contracts(client: StockClient, span: dict[str, str]) -> None:
    asked = {"exchange": "NSE", "symboltoken": "3045", "interval": "ONE_DAY", **span}
    assert (await client.call("getOIData", asked))["data"] == []
    [future, *_] = (await client.call("searchScrip", "NFO", "NIFTY"))["data"]
    answer = await client.call("getOIData", asked | {"exchange": "NFO", "symboltoken": future["symboltoken"]})
    assert all(set(row) == {"time", "oi"} and row["oi"] >= 0 for row in answer["data"])


async def test_the_last_price_of_one_instrument(client: StockClient) -> None:
    ltp = await client.data("ltpData", *SBIN.values())
    assert differences(ltp, captured.LTP) == []
    assert 880 < ltp["ltp"] < 980


async def test_quotes_in_three_modes_and_what_cannot_be_quoted(client: StockClient) -> None:
    tokens = {"NSE": ["3045", "99926000", "1"]}
    for mode, row in (("LTP", captured.QUOTE_LTP), ("OHLC", captured.QUOTE_OHLC), ("FULL", captured.QUOTE_FULL)):
        answer = await client.data("getMarketData", mode, tokens)
        assert [quote["symbolToken"] for quote in answer["fetched"]] == ["3045", "99926000"]
        assert [d for quote in answer["fetched"] for d in differences(quote, row)] == []
        assert differences(answer["unfetched"], [captured.UNFETCHED]) == []
    full = answer["fetched"][0]
    assert len(full["depth"]["buy"]) == len(full["depth"]["sell"]) == 5
    many = await client.call("getMarketData", "LTP", {"NSE": [str(n) for n in range(51)]})
    assert many["errorcode"] == "AB4029"


async def test_a_search_finds_symbols_of_an_exchange(client: StockClient) -> None:
    hits = await client.data("searchScrip", "NSE", "SBIN")
    assert differences(hits, [captured.SEARCH_HIT]) == []
    assert SBIN in hits
