"""The sandbox replays real recorded sessions (see TRADEWINDS_MARKET_DATA): gaps, late openings, nights and all."""

from __future__ import annotations

import csv
import gzip
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox_client import SandboxClient, subscription
from tests.support.sandbox_process import REPOSITORY, SandboxProcess
from tests.support.waiting import eventually
from tradewinds.clock import IST

DATA = Path(os.environ.get("TRADEWINDS_MARKET_DATA", REPOSITORY / "../shared/data"))
BARS = DATA / "nse_1m.csv.gz"
TICKS = DATA / "ticks" / "nse_ticks_2021-06-09.csv.gz"

pytestmark = pytest.mark.skipif(
    not (BARS.exists() and TICKS.exists()),
    reason=f"no recorded market data in {DATA}: set TRADEWINDS_MARKET_DATA to a folder with nse_1m.csv.gz and ticks/",
)


async def ltp(client: SandboxClient) -> dict[str, Any]:
    body = {"exchange": "NSE", "tradingsymbol": "RELIANCE-EQ", "symboltoken": "2885"}
    return await client.call("POST", "/rest/secure/angelbroking/order/v1/getLtpData", body)


async def test_eight_days_of_bars_are_replayed_over_their_nights_on_a_grid_of_five_paise() -> None:
    arguments = ("--replay", str(BARS), "--speed", "9000")
    async with SandboxProcess(arguments) as sandbox, SandboxClient(sandbox) as client:
        clock = await sandbox.get("/sandbox/clock")
        assert clock["market_time"].startswith("2021-05-31T09:") or clock["market_time"].startswith("2021-05-31T1")
        rows = await (await client.http.get(sandbox.scrip_master_url)).json(content_type=None)
        assert {row["symbol"]: row["tick_size"] for row in rows}["RELIANCE-EQ"] == "5.000000"

        async def next_day() -> bool:
            return bool((await sandbox.get("/sandbox/clock"))["jump"] >= 2)

        await eventually(next_day, timeout=60, interval=0.1)
        jumps = await sandbox.truth("clock")
        # To the next opening; from when is the machine's to say: a second here is two and a half hours there.
        assert datetime.fromtimestamp(jumps[0]["to_ms"] / 1000, IST) == datetime(2021, 6, 1, 9, 15, tzinfo=IST)
        await client.login()  # the tokens ended at midnight
        quote = (await ltp(client))["data"]
        assert quote["low"] <= quote["ltp"] <= quote["high"]
        assert round(quote["ltp"] * 100) % 5 == 0
        # ITC is listed but was not recorded: it has no price, and says so.
        body = {"mode": "LTP", "exchangeTokens": {"NSE": ["1660"]}}
        unfetched = (await client.call("POST", "/rest/secure/angelbroking/market/v1/quote", body))["data"]["unfetched"]
        assert unfetched[0]["message"] == "Symbol unavailable"


async def test_recorded_ticks_are_sent_as_they_were_and_orders_trade_against_them() -> None:
    async with SandboxProcess(("--replay", str(TICKS), "--speed", "60")) as sandbox, SandboxClient(sandbox) as client:
        stream = await client.market_stream()
        await stream.send_json(subscription(["2885"], mode=2))
        seen: list[tuple[int, int, int]] = []
        while len(seen) < 200:
            packet = (await stream.receive()).data
            at_ms, price = (int.from_bytes(packet[a : a + 8], "little") for a in (35, 43))
            volume = int.from_bytes(packet[67:75], "little")
            seen.append((at_ms, price, volume))
        recorded = _recorded("RELIANCE")
        first = recorded.index(seen[0])
        assert seen == recorded[first : first + len(seen)]
        limit = f"{seen[-1][1] / 100 * 1.01 // 0.05 * 0.05:.2f}"
        body = {"tradingsymbol": "RELIANCE-EQ", "symboltoken": "2885", "price": limit, "quantity": "7"}
        placed = await client.place(**body)

        async def filled() -> bool:
            return (await client.statuses())[placed["orderid"]] == "complete"

        await eventually(filled)
        assert [(p["tradingsymbol"], p["netqty"]) for p in await client.positions()] == [("RELIANCE-EQ", "7")]


def _recorded(symbol: str) -> list[tuple[int, int, int]]:
    with gzip.open(TICKS, "rt") as file:
        return [
            (
                int(datetime.fromisoformat(row["ts"]).timestamp() * 1000),
                round(float(row["ltp"]) * 100),
                int(row["cum_volume"]),
            )
            for row in csv.DictReader(file)
            if row["symbol"] == symbol
        ]
