"""`tradewinds up --replay`: a recorded day, sixty market seconds a second, traded by the sample strategy."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds.clock import ist

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

DATA = Path(os.environ.get("TRADEWINDS_MARKET_DATA") or Path(__file__).parents[2] / "../shared/data").resolve()
SPEED = 60
FIRST_FILL_SECONDS = 60.0

# What is recorded, and the day on which it begins.
RECORDINGS = {
    "ticks": (DATA / "ticks" / "nse_ticks_2021-06-09.csv.gz", date(2021, 6, 9)),
    "minute bars": (DATA / "nse_1m.csv.gz", date(2021, 5, 31)),
}


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request: pytest.FixtureRequest) -> tuple[Path, date]:
    file, day = RECORDINGS[request.param]
    if not file.is_file():
        pytest.skip(
            f"{file} is not there: recorded market data is not part of the project; name its folder in TRADEWINDS_MARKET_DATA"
        )
    return file, day


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_state_dir() as path:
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(recording: tuple[Path, date], folder: Path) -> AsyncIterator[UpProcess]:
    file, day = recording
    async with UpProcess(folder / f"state-{day}", "--replay", str(file), "--speed", str(SPEED)) as up:
        yield up


async def test_the_market_clock_is_on_that_day(stack: UpProcess, recording: tuple[Path, date]) -> None:
    async def is_on_that_day() -> bool:
        clock = await stack.get("/v1/market-clock")
        assert ist(datetime.fromisoformat(clock["market_time"])).date() == recording[1], clock
        return bool(clock["rate"] == SPEED)

    await eventually(is_on_that_day)  # the engine hears of it from the feed, which may be the last to be ready


async def test_the_sample_strategy_trades_that_day(stack: UpProcess, recording: tuple[Path, date]) -> None:
    async def filled() -> list[dict[str, Any]]:
        page = await stack.get("/v1/trades", config_id="momentum-replay")
        trades: list[dict[str, Any]] = page["trades"]
        return trades

    trades = await eventually(filled, timeout=FIRST_FILL_SECONDS, interval=0.5, what="a fill of the sample strategy")
    trade = trades[-1]
    assert trade["instrument"] in ("NSE:RELIANCE-EQ", "NSE:TCS-EQ")
    assert Decimal(trade["price"]) > 0
    assert ist(datetime.fromisoformat(trade["traded_at"])).date() == recording[1]
    page = await stack.get("/v1/orders", config_id="momentum-replay", state="ORDER_STATE_FILLED")
    assert page["orders"], "a trade, and no FILLED order"


async def test_positions_agree_with_the_broker_while_it_trades(stack: UpProcess) -> None:
    async def agree() -> bool:
        before = await broker_positions(stack)
        ours = {p["instrument"]: int(p["net_quantity"]) for p in (await stack.get("/v1/positions"))["positions"]}
        assert before == await broker_positions(stack), "the broker's have changed meanwhile"
        assert ours == before
        return bool(ours)

    await eventually(agree, timeout=20, interval=0.1)


async def broker_positions(stack: UpProcess) -> dict[str, int]:
    async with httpx.AsyncClient(trust_env=False) as client:
        state = (await client.get(f"{stack.facts['sandbox']}/sandbox/state")).json()
    return {f"{p['exchange']}:{p['tradingsymbol']}": int(p["netqty"]) for p in state["positions"]}
