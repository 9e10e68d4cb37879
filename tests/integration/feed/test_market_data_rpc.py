"""The MarketData service over a real gRPC server, fed by a real feed that the tests share: who stops it starts it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis

from tests.support.datastores import PostgresForTests
from tests.support.feed_process import FeedProcess, Valkey, log_in, quoted, write_session
from tests.support.market_data_client import Client, served_market_data
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import errors
from tradewinds.config import DatabaseSettings
from tradewinds.database.session import Database
from tradewinds.v1 import market_data_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def database_url(postgres_server: PostgresForTests) -> Iterator[str]:
    with postgres_server.fresh_database() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(DatabaseSettings(url=SecretStr(database_url), pool_size=4))
    await database.connect()
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def valkey(valkey_url: str) -> AsyncIterator[Valkey]:
    """Emptied once."""
    async with Redis.from_url(valkey_url) as client:
        await client.flushall()
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def feed(
    database_url: str, database: Database, valkey_url: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FeedProcess]:
    async with SandboxProcess() as sandbox:
        process = FeedProcess(database_url, valkey_url, sandbox, tmp_path_factory.mktemp("feed"))
        await write_session(database, process.seal_key, await log_in(sandbox))
        async with process:
            yield process


@pytest_asyncio.fixture(loop_scope="module")
async def stopped_feed(feed: FeedProcess) -> AsyncIterator[FeedProcess]:
    """The shared one, which runs again afterwards."""
    yield feed
    await feed.stop()
    await feed.start()


@pytest_asyncio.fixture(loop_scope="module")
async def call(feed: FeedProcess, database: Database, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Client]:
    async with served_market_data(database, valkey, tmp_path) as client:
        yield client


async def test_a_quote_that_nobody_follows_comes_within_a_second_and_is_followed_for_ten_minutes(
    call: Client, database: Database
) -> None:
    answer = await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["SBIN", "Nifty 50"]))
    sbin, nifty = answer.quotes
    assert (sbin.instrument, nifty.instrument) == ("NSE:SBIN-EQ", "NSE:NIFTY 50")
    assert sbin.source == "STREAM"
    assert 0 <= sbin.age_ms < 1500
    assert float(sbin.bid_price) <= float(sbin.last_price) <= float(sbin.ask_price)
    assert (nifty.bid_price, nifty.ask_price) == ("", "")
    rows = await database.pool.fetch(
        "SELECT *, expires_at - now() AS rest FROM market_subscriptions WHERE subscriber LIKE 'quotes:%' ORDER BY instrument"
    )
    assert [row["instrument"] for row in rows] == ["NSE:NIFTY 50", "NSE:SBIN-EQ"]
    assert {row["subscriber"] for row in rows} == {"quotes:u1"}
    assert all(timedelta(minutes=9) < row["rest"] <= timedelta(minutes=10) for row in rows)


async def test_a_quote_that_does_not_come_is_said_to_be_missing(
    call: Client, stopped_feed: FeedProcess, valkey: Valkey
) -> None:
    await stopped_feed.stop()
    answer = await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["NSE:ITC-EQ"]))
    [quote] = answer.quotes
    assert (quote.source, quote.age_ms, quote.last_price) == ("NONE", -1, "")
    assert "NSE:ITC-EQ" not in await quoted(valkey)


async def test_an_unknown_instrument_is_named_with_what_is_near(call: Client) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="did you mean NSE:RELIANCE-EQ") as refused:
        await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["SBIN", "RELIANC"]))
    assert refused.value.reason == "UNKNOWN_INSTRUMENT"
    assert [violation.field for violation in refused.value.violations] == ["instruments[1]"]


@pytest.mark.parametrize("instruments", [[], ["SBIN"] * 101, ["S" * 65]])
async def test_a_request_that_is_too_small_or_too_big_is_refused(call: Client, instruments: list[str]) -> None:
    with pytest.raises(errors.InvalidArgumentError):
        await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=instruments))


async def test_instruments_are_found_by_their_beginning(call: Client) -> None:
    answer = await call("SearchInstruments", market_data_pb2.SearchInstrumentsRequest(query="rel", page_size=5))
    reliance = answer.instruments[0]
    assert (reliance.instrument, reliance.kind, reliance.tick_size) == ("NSE:RELIANCE-EQ", "EQ", "0.10")
    with pytest.raises(errors.InvalidArgumentError, match="query"):
        await call("SearchInstruments", market_data_pb2.SearchInstrumentsRequest(query=" "))


async def test_a_search_is_narrowed_to_an_exchange_and_a_kind(call: Client) -> None:
    request = market_data_pb2.SearchInstrumentsRequest(query="reliance", exchange="NFO", kind="FUT")
    found = (await call("SearchInstruments", request)).instruments
    assert found
    assert {(i.exchange, i.kind, i.name) for i in found} == {("NFO", "FUT", "RELIANCE")}


async def test_categories_count_what_todays_scrip_master_has(call: Client) -> None:
    answer = await call("ListCategories", market_data_pb2.ListCategoriesRequest())
    counted = {(c.exchange, c.kind, c.underlying): c.instruments for c in answer.categories}
    assert counted["NSE", "EQ", ""] == 12
    assert counted["NSE", "INDEX", ""] == 2
    assert counted["NFO", "OPT", "NIFTY"] > 50
    assert answer.scrip_master


async def test_an_option_chain_is_centred_on_the_money_and_quoted(call: Client) -> None:
    answer = await call("ListExpiries", market_data_pb2.ListExpiriesRequest(underlying="nifty", kind="OPT"))
    days = [expiry.expiry for expiry in answer.expiries]
    assert days == sorted(days)
    assert len(days) == 2

    async def quoted_chain() -> Any:
        answer = await call("GetOptionChain", market_data_pb2.GetOptionChainRequest(underlying="NIFTY", strikes=3))
        return answer if answer.rows and answer.rows[3].call.source == "STREAM" else None

    chain = await eventually(quoted_chain, timeout=20)
    assert (chain.underlying, chain.expiry, chain.underlying_instrument) == ("NIFTY", days[0], "NSE:NIFTY 50")
    strikes = [float(row.strike) for row in chain.rows]
    assert len(strikes) == 7
    assert strikes == sorted(strikes)
    assert abs(strikes[3] - float(chain.underlying_price)) <= (strikes[4] - strikes[3]) / 2 + 1
    middle = chain.rows[3]
    assert (middle.call.instrument[-2:], middle.put.instrument[-2:]) == ("CE", "PE")
    assert float(middle.call.bid_price) < float(middle.call.ask_price)
    assert middle.call.open_interest > 0
    assert all(0 <= quote.age_ms < 5_000 for quote in (middle.call, middle.put))


async def test_what_has_no_options_and_an_expiry_that_is_none_are_refused_with_the_remedy(call: Client) -> None:
    with pytest.raises(errors.NotFoundError, match=r"'RELIANC' has no futures or options; near it: .*RELIANCE"):
        await call("GetOptionChain", market_data_pb2.GetOptionChainRequest(underlying="RELIANC"))
    with pytest.raises(errors.InvalidArgumentError, match=r"2031-01-01 is no expiry of NIFTY; choose one of 20"):
        await call("GetOptionChain", market_data_pb2.GetOptionChainRequest(underlying="NIFTY", expiry="2031-01-01"))
    with pytest.raises(errors.InvalidArgumentError, match="strikes"):
        await call("GetOptionChain", market_data_pb2.GetOptionChainRequest(underlying="NIFTY", strikes=51))


async def test_a_calendar_day_is_shown_changed_and_audited_once(call: Client, database: Database) -> None:
    await call.calendar.start()
    asked = market_data_pb2.ListCalendarDaysRequest(start_day="2026-11-08", end_day="2026-11-09", segment="NSE_CM")
    sunday, monday, *_ = (await call("ListCalendarDays", asked)).days
    assert (sunday.day, sunday.known, monday.phases[0].phase) == ("2026-11-08", True, "PRE_OPEN")
    muhurat = market_data_pb2.CalendarPhase(phase="CONTINUOUS", start="18:00", end="19:00")
    wanted = market_data_pb2.UpdateCalendarDayRequest(
        segment="NSE_CM", day="2026-11-08", phases=[muhurat], reason="Diwali", request_id="muhurat-1"
    )
    changed = await call("UpdateCalendarDay", wanted)
    assert await call("UpdateCalendarDay", wanted) == changed
    assert (await call("ListCalendarDays", asked)).days[0] == changed
    assert (changed.author, changed.phases[0]) == ("u1", muhurat)
    audited = await database.pool.fetch("SELECT reason, actor FROM audit_log WHERE action = 'calendar.update'")
    assert [tuple(row) for row in audited] == [("Diwali", "u1")]
    wanted.phases.append(market_data_pb2.CalendarPhase(phase="CONTINUOUS", start="18:30", end="19:30"))
    wanted.request_id = ""
    with pytest.raises(errors.InvalidArgumentError, match="phases"):
        await call("UpdateCalendarDay", wanted)


async def test_the_market_clock_is_the_brokers(call: Client, feed: FeedProcess) -> None:
    answer = await call("GetMarketClock", market_data_pb2.GetMarketClockRequest())
    there = datetime.fromtimestamp((await feed.sandbox.get("/sandbox/clock"))["market_ms"] / 1000, UTC)
    assert abs(answer.market_time.ToDatetime(UTC) - there) < timedelta(seconds=1)
    assert answer.rate == 1.0


async def test_a_stream_of_quotes_begins_with_all_of_them_goes_on_with_what_changes_and_ends_in_band(
    call: Client,
) -> None:
    stream = call.watch("SBIN", "RELIANCE", interval_ms=20)
    first = await stream.read()
    assert first.snapshot
    assert [quote.instrument for quote in first.quotes] == ["NSE:SBIN-EQ", "NSE:RELIANCE-EQ"]

    seen: dict[str, list[datetime]] = {}
    while len(seen) < 2 or min(len(times) for times in seen.values()) < 3:
        response = await stream.read()
        assert not response.snapshot
        for quote in response.quotes:
            seen.setdefault(quote.instrument, []).append(quote.exchange_time.ToDatetime())
    assert all(times == sorted(set(times)) for times in seen.values()), "nothing old, nothing twice"

    call.stopping.set()
    while not (last := await stream.read()).HasField("end"):
        pass
    assert last.end.reason == "SERVER_STOPPING"


async def test_a_watcher_that_reads_slowly_gets_the_newest_of_each_and_no_backlog(call: Client) -> None:
    fast, slow = call.watch("SBIN", interval_ms=20), call.watch("SBIN", interval_ms=1_000)
    await slow.read()
    await fast.read()
    changes = 0
    while changes < 5:
        changes += len((await fast.read()).quotes)
        latest = datetime.now(UTC)
    [quote] = (await slow.read()).quotes
    assert quote.exchange_time.ToDatetime(tzinfo=UTC) <= latest + timedelta(days=1)
    assert quote.age_ms < 1_500
    slow.cancel()
    fast.cancel()


async def test_an_instrument_without_a_quote_is_in_the_snapshot_all_the_same(
    call: Client, stopped_feed: FeedProcess
) -> None:
    await stopped_feed.stop()
    stream = call.watch("TCS")
    [quote] = (await stream.read()).quotes
    assert (quote.source, quote.age_ms) == ("NONE", -1)
    stream.cancel()


@pytest.mark.parametrize("interval_ms", [-1, 5, 70_000])
async def test_an_interval_out_of_range_is_refused_by_name(call: Client, interval_ms: int) -> None:
    import grpc

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.watch("SBIN", interval_ms=interval_ms).read()
    error = errors.from_rpc_error(refused.value)
    assert isinstance(error, errors.InvalidArgumentError)
    assert "interval_ms" in str(error)


async def test_one_instrument_is_shown_whole_and_an_unknown_one_is_not_found_with_what_is_near(call: Client) -> None:
    found = await call("GetInstrument", market_data_pb2.GetInstrumentRequest(instrument="reliance"))
    assert (found.instrument, found.exchange, found.symbol, found.kind) == (
        "NSE:RELIANCE-EQ",
        "NSE",
        "RELIANCE-EQ",
        "EQ",
    )
    with pytest.raises(errors.NotFoundError, match="did you mean NSE:RELIANCE-EQ"):
        await call("GetInstrument", market_data_pb2.GetInstrumentRequest(instrument="RELIANCEE"))


async def test_the_state_of_the_feed_is_told_and_a_feed_that_has_died_is_down(
    call: Client, stopped_feed: FeedProcess, valkey: Valkey
) -> None:
    await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["SBIN"]))

    async def live() -> Any:
        status = await call("GetFeedStatus", market_data_pb2.GetFeedStatusRequest())
        return status if status.state == "LIVE" and status.ticks else None

    status = await eventually(live, timeout=10)
    assert status.scrip_master
    assert 0 <= status.age_ms < 5_000

    await stopped_feed.stop()
    await valkey.hset("md:feed", "updated_ms", 1_000)
    status = await call("GetFeedStatus", market_data_pb2.GetFeedStatusRequest())
    assert status.state == "DOWN"
    assert "has said nothing" in status.reason

    await valkey.delete("md:feed")
    status = await call("GetFeedStatus", market_data_pb2.GetFeedStatusRequest())
    assert (status.state, status.age_ms) == ("DOWN", -1)


async def test_bars_are_listed_in_pages_from_the_brokers_candles(call: Client) -> None:
    await call.calendar.start()
    request = market_data_pb2.ListBarsRequest(instrument="SBIN", interval="5m", page_size=3)
    last = await eventually(partial(_listed, call, request), timeout=30, what="bars are in")
    assert (last.instrument, last.interval, last.next_page_token) == ("NSE:SBIN-EQ", "5m", "")
    assert [(bar.source, bar.closed, bar.complete) for bar in last.bars] == [("BROKER", True, True)] * 3

    request.start_time.CopyFrom(last.bars[0].start_time)
    request.page_size = 2
    first = await eventually(partial(_listed, call, request), timeout=30, what="bars are in")
    assert first.bars == last.bars[:2]
    request.page_token = first.next_page_token
    following = await eventually(partial(_listed, call, request), timeout=30, what="bars are in")
    assert following.bars[0] == last.bars[2]

    request.interval = "15m"
    with pytest.raises(errors.InvalidArgumentError, match="belongs to 5m bars of NSE:SBIN-EQ"):
        await call("ListBars", request)


async def _listed(call: Client, request: Any) -> Any:
    """None while the feed is still fetching."""
    try:
        return await call("ListBars", request)
    except errors.UnavailableError:
        return None


async def test_a_request_for_bars_that_cannot_be_is_refused_by_name(call: Client) -> None:
    for asked, named in (
        ({"instrument": "NOTHING"}, "instrument"),
        ({"instrument": "SBIN", "interval": "2m"}, "interval"),
        ({"instrument": "SBIN", "page_size": -1}, "page_size"),
        ({"instrument": "SBIN", "page_token": "x"}, "page_token"),
    ):
        with pytest.raises(errors.InvalidArgumentError) as refused:
            await call("ListBars", market_data_pb2.ListBarsRequest(**asked))
        assert [violation.field for violation in refused.value.violations] == [named]
