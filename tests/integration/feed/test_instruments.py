"""The scrip master on its way: fetched, judged, kept, published."""

from __future__ import annotations

import asyncio
import gzip
from datetime import date

import pytest

from engine_server.feed.master_alarm import PATIENCE_SECONDS
from tests.integration.database.rows import an_account
from tests.integration.feed.scrip_master_site import (
    MONDAY,
    TUESDAY,
    Site,
    Starter,
    has_days,
    master,
    on_record,
    published,
)
from tests.support.feed_process import Valkey
from tests.support.waiting import eventually
from tests.unit.feed.test_scrip_master import row
from tradewinds import redis_keys
from tradewinds.clock import MarketClock
from tradewinds.database.session import Database


async def test_a_good_file_is_in_force_and_published(site: Site, valkey: Valkey, start: Starter) -> None:
    site.body = master(row("2885", "RELIANCE-EQ"))
    kept = start()
    await eventually(lambda: published(valkey))
    assert await published(valkey) == {"NSE:SBIN-EQ", "NSE:NIFTY 50", "NSE:RELIANCE-EQ"}
    assert [set(listing.instruments) for listing in kept.seen] == [await published(valkey)]


async def test_a_site_that_is_down_is_asked_again_until_it_is_up(site: Site, valkey: Valkey, start: Starter) -> None:
    start()
    await eventually(lambda: site.asked >= 2)
    assert await published(valkey) == set()
    site.body = master()
    await eventually(lambda: published(valkey), timeout=10)


async def test_a_bad_file_changes_nothing_and_what_redis_has_serves(site: Site, valkey: Valkey, start: Starter) -> None:
    site.body = master(row("2885", "RELIANCE-EQ"))
    start()
    await eventually(lambda: published(valkey))
    site.body = b"<html>Request Rejected</html>"
    asked = site.asked
    kept = start()
    await eventually(lambda: site.asked > asked)
    await eventually(lambda: kept.seen)
    assert kept.keys == {"NSE:SBIN-EQ", "NSE:NIFTY 50", "NSE:RELIANCE-EQ"}
    assert await published(valkey) == kept.keys


async def test_what_redis_lost_is_written_again(site: Site, valkey: Valkey, start: Starter) -> None:
    site.body = master()
    start()
    await eventually(lambda: published(valkey))
    await valkey.flushall()
    await eventually(lambda: published(valkey), timeout=3)


BAD: dict[str, bytes | None] = {
    "down": None,
    "empty": b"",
    "shrunken": master(),
    "truncated": master(*(row(str(n), f"S{n}-EQ") for n in range(9)))[:-7],
}


@pytest.mark.parametrize("bad", BAD)
async def test_with_a_bad_file_and_an_empty_redis_the_last_good_one_comes_out_of_the_database(
    site: Site, valkey: Valkey, database: Database, start: Starter, bad: str
) -> None:
    site.body = master(*(row(str(n), f"S{n}-EQ") for n in range(6)))
    first = start()
    (record,) = await eventually(lambda: on_record(database))
    assert (record["trade_day"], record["row_count"], record["rows_by_exchange"]) == (MONDAY, 8, {"NSE": 8})
    assert gzip.decompress(record["content"]) == site.body
    await first.stop()
    await valkey.flushall()
    site.body = BAD[bad]
    start.at("2026-11-24T09:00:00")
    kept = start()
    await eventually(lambda: published(valkey))
    assert await published(valkey) == kept.keys == set(first.keeper.listing.instruments)
    assert (kept.keeper.listing.version, kept.keeper.listing.trade_day) == (record["version"], MONDAY)
    assert await valkey.get(redis_keys.INSTRUMENTS_DAY) == b"2026-11-23"
    await eventually(lambda: kept.keeper.problem)
    assert "that of 2026-11-23 is in force" in kept.keeper.problem
    site.body = master(*(row(str(n), f"S{n}-EQ") for n in range(7)))
    await eventually(lambda: kept.keeper.listing.trade_day == TUESDAY, timeout=10)
    await eventually(lambda: has_days(database, [TUESDAY, MONDAY]))
    assert kept.keeper.problem == ""


async def test_a_shrunken_file_is_taken_where_the_operator_says_so(
    site: Site, valkey: Valkey, database: Database, start: Starter
) -> None:
    site.body = master(*(row(str(n), f"S{n}-EQ") for n in range(6)))
    first = start()
    await eventually(lambda: on_record(database))
    await first.stop()
    site.body = master()
    refusing = start()
    await eventually(lambda: refusing.keeper.problem)
    assert "NSE has 2 rows, the last good one had 8" in refusing.keeper.problem
    assert "lower SCRIP_MASTER_LEAST_SHARE" in refusing.keeper.problem
    await refusing.stop()
    taking = start(least_share=0)
    await eventually(lambda: taking.keys == {"NSE:SBIN-EQ", "NSE:NIFTY 50"})


async def test_what_the_database_does_not_take_now_is_in_force_and_goes_on_record_later(
    site: Site, valkey: Valkey, database: Database, start: Starter
) -> None:
    await database.pool.execute("ALTER TABLE scrip_masters RENAME TO elsewhere")
    site.body = master()
    kept = start()
    await eventually(lambda: published(valkey))
    assert kept.keys == {"NSE:SBIN-EQ", "NSE:NIFTY 50"}
    await database.pool.execute("ALTER TABLE elsewhere RENAME TO scrip_masters")
    await eventually(lambda: has_days(database, [MONDAY]))


async def test_the_owners_are_told_once_when_no_good_file_comes_in(
    site: Site, database: Database, start: Starter
) -> None:
    async with database.session() as session:
        await an_account(session)
    kept = start()
    await eventually(lambda: site.asked >= 2)
    assert not await database.pool.fetch("SELECT * FROM outbox"), "a moment's outage alarms nobody"
    start.monotonic += PATIENCE_SECONDS
    await eventually(lambda: database.pool.fetch("SELECT * FROM outbox"), timeout=20)
    start.monotonic += PATIENCE_SECONDS
    again = start()
    await eventually(lambda: again.keeper.problem)
    (told,) = await database.pool.fetch("SELECT * FROM outbox")
    assert (told["topic"], told["dedupe_key"]) == ("SCRIP_MASTER_NOT_IN", "scrip_master_not_in:2026-11-24")
    assert "HTTP 503" in told["payload"]["message"]
    assert "Exits and cancels go on" in told["payload"]["message"]
    assert kept.keeper.listing.version == ""


async def test_the_file_is_fetched_once_when_the_market_clock_is_known(site: Site, start: Starter) -> None:
    start.market_clock = MarketClock()
    start.clock_known.clear()
    site.body = master()
    kept = start()
    await asyncio.sleep(0.2)
    assert site.asked == 0
    start.at("2021-06-08T10:00:00")
    start.clock_known.set()
    await eventually(lambda: kept.seen)
    await asyncio.sleep(1.2)  # another look
    assert (site.asked, kept.keeper.listing.trade_day) == (1, date(2021, 6, 8))
