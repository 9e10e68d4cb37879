"""From a row of market_subscriptions to ticks in Redis, through a real feed, sandbox, PostgreSQL and Valkey."""

from __future__ import annotations

import json

import numpy as np

from tests.support.feed_process import FeedProcess, TickReader, Valkey, feed_state, is_state, quoted, wish
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.database.session import Database
from tradewinds.ticks import unpack


async def test_a_row_in_market_subscriptions_becomes_ticks_and_a_quote(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await is_state(valkey, "IDLE")
    reader = TickReader(valkey)
    await wish(database, "NSE:RELIANCE-EQ", "NSE:NIFTY 50")
    seen: dict[int, np.void] = {}

    async def both_came() -> bool:
        for records in await reader.read():
            for record in records:
                seen[int(record["token"])] = record
        return len(seen) == 2

    await eventually(both_came, timeout=10)
    reliance, index = seen[2885], seen[99926000]
    assert reliance["exchange_type"] == 1
    assert reliance["bid_price_e4"] <= reliance["last_price_e4"] <= reliance["ask_price_e4"]
    assert reliance["bid_price_e4"] % 500 == 0
    assert reliance["volume"] > 0
    assert (index["bid_price_e4"], index["ask_price_e4"]) == (0, 0)
    assert await quoted(valkey) == {"NSE:RELIANCE-EQ", "NSE:NIFTY 50"}
    [quote] = unpack(await valkey.hget(redis_keys.QUOTES, "NSE:RELIANCE-EQ"))
    assert quote["token"] == 2885
    await is_state(valkey, "LIVE")
    state = await feed_state(valkey)
    assert (state["streamed"], state["connected"]) == ("2", "1")
    assert json.loads(state["subscribers"]) == {"config:c1": {"streamed": 2, "rotated": 0, "unknown": 0}}
    sockets = json.loads(state["sockets"])
    assert [(s["connected"], s["quota"], s["connections"]) for s in sockets] == [(True, 1000, 1)] * 2


async def test_all_ticks_of_an_instrument_are_in_the_stream_and_in_order(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ")

    async def enough() -> bool:
        return int(await valkey.xlen(redis_keys.TICKS)) >= 8

    await eventually(enough, timeout=15)
    records = np.concatenate([unpack(fields[b"t"]) for _, fields in await valkey.xrange(redis_keys.TICKS)])
    assert set(records["token"]) == {3045}
    assert (np.diff(records["exchange_ms"]) >= 0).all()
    assert (np.diff(records["received_ns"]) > 0).all()


async def test_nobody_wants_it_any_more_and_its_quote_goes(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:TCS-EQ", subscriber="config:a")
    await wish(database, "NSE:TCS-EQ", "NSE:INFY-EQ", subscriber="config:b")

    async def quotes_are(wanted: set[str]) -> bool:
        assert await quoted(valkey) == wanted
        return True

    await eventually(lambda: quotes_are({"NSE:TCS-EQ", "NSE:INFY-EQ"}), timeout=10)
    await database.pool.execute("DELETE FROM market_subscriptions WHERE subscriber = 'config:b'")
    await eventually(lambda: quotes_are({"NSE:TCS-EQ"}), timeout=5)
    connections = (await feed.sandbox.get("/sandbox/state"))["market_stream"]["connections"]
    subscribed = sorted(one for connection in connections for one in connection["subscriptions"])
    assert subscribed == ["NSE:11536/3", "NSE:99926000/3", "NSE:99926000/3"]  # the canary is on every socket


async def test_an_expired_wish_is_dropped_and_unsubscribed(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    async def quotes_are(wanted: set[str]) -> bool:
        return await quoted(valkey) == wanted

    await wish(database, "NSE:TCS-EQ", subscriber="config:a")
    await eventually(lambda: quotes_are({"NSE:TCS-EQ"}), timeout=20)  # the scrip master is in
    await wish(database, "NSE:LT-EQ", subscriber="quotes:u1", seconds=3)
    await eventually(lambda: quotes_are({"NSE:TCS-EQ", "NSE:LT-EQ"}), timeout=3)
    await eventually(lambda: quotes_are({"NSE:TCS-EQ"}), timeout=10)
    assert await database.pool.fetchval("SELECT count(*) FROM market_subscriptions") == 1
    await database.pool.execute("DELETE FROM market_subscriptions")
    await is_state(valkey, "IDLE")


async def test_an_unknown_instrument_is_ignored_and_counted(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:NO-SUCH", "NSE:ITC-EQ")

    async def told() -> bool:
        state = await feed_state(valkey)
        return (state.get("unknown_instruments"), state.get("streamed")) == ('["NSE:NO-SUCH"]', "1")

    await eventually(told, timeout=10)
    assert "feed.subscriptions.unknown_instruments" in feed.log_actions()
