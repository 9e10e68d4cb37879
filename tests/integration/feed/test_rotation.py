"""More is wanted than the sockets carry: the most urgent is streamed, the rest is asked for in turn, and each quote says which it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

from engine_server.messages.market import quote_message
from tests.support.feed_process import (
    FeedProcess,
    Valkey,
    feed_state,
    is_state,
    log_in,
    open_market,
    quoted,
    wish,
    write_session,
)
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database
from tradewinds.v1 import market_data_pb2

URGENT = ["NSE:RELIANCE-EQ", "NSE:SBIN-EQ", "NSE:TCS-EQ", "NSE:INFY-EQ"]
OTHERS = ["NSE:HDFCBANK-EQ", "NSE:ICICIBANK-EQ", "NSE:ITC-EQ"]


async def test_what_no_socket_has_room_for_is_quoted_by_request_and_says_so(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    feed = FeedProcess(database_url, redis_url, sandbox, tmp_path, environment={"FEED_SOCKET_QUOTA": "3"})
    await write_session(database, feed.seal_key, await log_in(sandbox))
    await open_market(database, sandbox)
    await wish(database, *OTHERS, subscriber="a person")
    await database.pool.execute("UPDATE market_subscriptions SET priority = -1")
    async with feed:
        await is_state(valkey, "LIVE")
        await wish(database, *URGENT, subscriber="config:c1")
        state = await eventually(lambda: _settled(valkey), timeout=10, what="four are streamed, three are not")
        assert set(json.loads(state["rotated_instruments"])) == set(OTHERS), "priorities decide"
        assert json.loads(state["subscribers"]) == {
            "a person": {"streamed": 0, "rotated": 3, "unknown": 0},
            "config:c1": {"streamed": 4, "rotated": 0, "unknown": 0},
        }
        await eventually(lambda: _all_quoted(valkey), timeout=10, what="each has a quote from where it should come")
        assert all([float((await _quote(valkey, key)).last_price) > 0 for key in OTHERS])
        first = await _asked_ms(valkey)
        await eventually(lambda: _are_asked_again(valkey, first), timeout=10, what="each is asked for again")
        assert max([(await _quote(valkey, key)).age_ms for key in OTHERS]) < 5_000
        await database.pool.execute("DELETE FROM market_subscriptions WHERE subscriber = 'config:c1'")
        await eventually(lambda: _streams(valkey, OTHERS), timeout=10, what="with room they are streamed")
        assert (await feed_state(valkey))["reason"] == ""


async def _settled(valkey: Valkey) -> dict[str, str]:
    state = await feed_state(valkey)
    return state if (state.get("streamed"), state.get("rotated")) == ("4", "3") else {}


async def _quote(valkey: Valkey, key: str) -> market_data_pb2.Quote:
    return quote_message(key, await valkey.hget(redis_keys.QUOTES, key), SystemClock())


async def _all_quoted(valkey: Valkey) -> bool:
    if await quoted(valkey) != {*URGENT, *OTHERS}:
        return False
    sources = {key: (await _quote(valkey, key)).source for key in (*URGENT, *OTHERS)}
    return sources == dict.fromkeys(URGENT, "STREAM") | dict.fromkeys(OTHERS, "REST")


async def _asked_ms(valkey: Valkey) -> dict[str, float]:
    """When each was asked for, by the age that its quote says."""
    return {key: time.time() * 1000 - (await _quote(valkey, key)).age_ms for key in OTHERS}


async def _are_asked_again(valkey: Valkey, before: dict[str, float]) -> bool:
    return all(asked > before[key] + 500 for key, asked in (await _asked_ms(valkey)).items())


async def _streams(valkey: Valkey, keys: list[str]) -> bool:
    return all([(await _quote(valkey, key)).source == "STREAM" for key in keys])
