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

from tests.e2e.traders_walk import CHAT, PIN, Curl, Trader, web_socket
from tests.support.datastores import temporary_state_dir
from tests.support.outside_world import Mailbox
from tests.support.stack import UpProcess
from tests.support.telegram import BotServer
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
async def outside(recording: tuple[Path, date]) -> AsyncIterator[tuple[Mailbox, BotServer]]:
    """Of each recording: nobody finds the other's mail."""
    async with Mailbox() as mailbox, BotServer() as bot:
        yield mailbox, bot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    recording: tuple[Path, date], folder: Path, outside: tuple[Mailbox, BotServer]
) -> AsyncIterator[UpProcess]:
    file, day = recording
    mailbox, bot = outside
    environment = {
        "EMAIL_PROVIDERS": mailbox.url,
        "TELEGRAM_PROVIDERS": bot.provider,
        "PHONE_CONTROL": "true",
    }
    state = folder / f"state-{day}"
    async with UpProcess(state, "--replay", str(file), "--speed", str(SPEED), environment=environment) as up:
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


async def test_a_trader_is_told_everywhere_misses_nothing_and_squares_off_from_her_phone(
    stack: UpProcess, recording: tuple[Path, date], outside: tuple[Mailbox, BotServer]
) -> None:
    trader, curl, instrument = Trader(stack, *outside), Curl(), "NSE:RELIANCE-EQ"
    endpoint = {"channel": "NOTIFICATION_CHANNEL_EMAIL", "address": "owner@example.com"}
    added = await trader.post("/v1/notification-settings/me/endpoints", endpoint)
    code = await eventually(trader.mailed_code, timeout=20)
    await trader.post(f"/v1/notification-settings/me/endpoints/{added['endpoint_id']}:verify", {"code": code})
    await trader.is_quiet(now=True)
    await curl.start(stack)
    async with web_socket(stack) as told_by_socket:
        # In her quiet hours: on every screen and in the inbox, and no mail.
        await trader.alert(instrument, "quiet")
        first = await trader.told_in_inbox("quiet")
        await eventually(lambda: first["title"] in curl.told and first["title"] in told_by_socket, timeout=20)
        why = await stack.get(f"/v1/notifications/{first['notification_id']}:explain")
        reasons = {one["channel"]: one["reason"] for one in why["decisions"]}
        assert reasons["NOTIFICATION_CHANNEL_EMAIL"] == "QUIET_HOURS"
        assert not trader.mailed("quiet")
        # Outside them: by mail as well, and what was held back comes when she takes them back.
        await trader.is_quiet(now=False)
        await eventually(lambda: trader.mailed("quiet"), timeout=40, interval=0.2)
        await trader.alert(instrument, "loud")
        await trader.told_in_inbox("loud")
        await eventually(lambda: trader.mailed("loud"), timeout=40, interval=0.2)
    # The connection is cut, something happens, and nothing of it is missed.
    await eventually(lambda: len([title for title in curl.told if instrument in title]) >= 2, timeout=20)
    before, resyncs = len(curl.told), curl.resyncs
    await curl.cut()
    await trader.alert(instrument, "meanwhile")
    missed = await trader.told_in_inbox("meanwhile")
    await curl.start(stack)
    await eventually(lambda: missed["title"] in curl.told[before:], timeout=20)
    assert curl.resyncs == resyncs
    await curl.cut()
    # And from the telephone.
    allowed = await trader.post("/v1/phone-chats", {"chat_id": CHAT, "pin": PIN})
    assert "speaks for" in await trader.tell_bot(f"/link {allowed['link_code']}")
    assert "momentum-replay" in await trader.tell_bot("/status")
    assert "CLOSE every position" in await trader.tell_bot("/squareoff all")
    assert "square off" in await trader.tell_bot(PIN)

    async def flat() -> bool:
        open_ = [p for p in (await stack.get("/v1/positions"))["positions"] if int(p["net_quantity"])]
        return not open_ and not any((await broker_positions(stack)).values())

    await eventually(flat, timeout=40, interval=0.3, what="everything is closed, at the broker too")
    trail = await stack.get("/v1/audit", subject_type="kill_switch")
    said = [one["reason"] for one in trail["audit_events"] if one["action"] == "kill_switch.engage"]
    assert f"/squareoff all by telegram chat {CHAT}" in said


async def broker_positions(stack: UpProcess) -> dict[str, int]:
    async with httpx.AsyncClient(trust_env=False) as client:
        state = (await client.get(f"{stack.facts['sandbox']}/sandbox/state")).json()
    return {f"{p['exchange']}:{p['tradingsymbol']}": int(p["netqty"]) for p in state["positions"]}
