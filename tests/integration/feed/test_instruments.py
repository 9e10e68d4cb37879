"""The scrip master on its way: fetched, judged, kept, published."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine_server.feed.download import Downloaded, DownloadError, download, tls_context
from engine_server.feed.instrument_keeper import InstrumentKeeper, MasterRules
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.feed.master_alarm import PATIENCE_SECONDS, MasterAlarm
from engine_server.feed.master_archive import MasterArchive
from engine_server.feed.master_ledger import MasterLedger
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.master_gate import not_in_because
from tests.integration.database.rows import an_account
from tests.support.feed_process import Valkey, wish
from tests.support.waiting import eventually
from tests.unit.feed.test_scrip_master import NIFTY, SBIN, row
from tradewinds import redis_keys
from tradewinds.clock import IST, ClockReading, MarketClock, SystemClock
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError

TLS = ssl.create_default_context()
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
TODAY = TUESDAY


class Site:
    """Serves one file, as long as it has one."""

    def __init__(self) -> None:
        self.url = ""
        self.body: bytes | None = None
        self.last_modified: datetime | None = None
        self.asked = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.body is None:
            return web.Response(status=503)
        response = web.Response(body=self.body)
        response.enable_compression()
        response.last_modified = self.last_modified
        return response


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_get("/master.json", site.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/master.json"
    yield site
    await runner.cleanup()


def at(text: str) -> datetime:
    """A moment in India."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def master(*rows: dict[str, Any]) -> bytes:
    return json.dumps([SBIN, NIFTY, *rows]).encode()


@dataclass
class Kept:
    """A keeper that runs, and every listing that it said was in force."""

    keeper: InstrumentKeeper
    task: asyncio.Task[None]
    seen: list[Listing] = field(default_factory=list)

    async def stop(self) -> None:
        """As `Service.close` does: a cancellation may get lost in the end of a request."""
        while not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task], timeout=0.5)

    @property
    def keys(self) -> set[str]:
        return set(self.keeper.listing.instruments)


class Starter:
    """Starts keepers; `now` is their market clock's, `clock_known` says when that is read."""

    def __init__(self, site: Site, valkey: Valkey, database: Database) -> None:
        self.site = site
        self.valkey = valkey
        self.database = database
        self.market_clock = MarketClock()
        self.clock_known = asyncio.Event()
        self.clock_known.set()
        self.monotonic = 0.0
        self.days_off: set[date] = set()
        self.started: list[Kept] = []

    def __call__(self, *, least_share: float = 0.5, may_repeat: bool = False) -> Kept:
        seen: list[Listing] = []
        archive = MasterArchive(self.database, retention=timedelta(days=7), minimum_rows=2)
        keeper = InstrumentKeeper(
            lambda sink: download(self.site.url, TLS, sink),
            InstrumentPublisher(self.valkey, "test"),
            MasterLedger(self.database, archive, self.market_clock),
            MasterAlarm(self.database, self.not_in, lambda: TODAY, lambda: self.monotonic),
            rules=MasterRules(2, least_share, may_repeat),
            may_trade=lambda day: day not in self.days_off,
            until_clock_known=self.until_clock_known,
            market_clock=self.market_clock,
            clock=SystemClock(),
            on_change=seen.append,
        )
        kept = Kept(keeper, asyncio.create_task(keeper.run()), seen)
        self.started.append(kept)
        return kept

    async def until_clock_known(self, at_most_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self.clock_known.wait()

    def not_in(self, listing: Listing) -> str:
        return not_in_because(bool(listing.version), listing.trade_day, self.market_clock.now(), lambda _day: True)

    def at(self, text: str) -> None:
        """Set market time."""
        self.market_clock.set(ClockReading(int(at(text).timestamp() * 1000), int(time.time() * 1000), 1.0))


@pytest.fixture
async def start(site: Site, valkey: Valkey, database: Database) -> AsyncIterator[Starter]:
    """Starts keepers, which end with the test."""
    starter = Starter(site, valkey, database)
    starter.at("2026-11-23T09:00:00")
    yield starter
    for kept in starter.started:
        await kept.stop()


async def published(valkey: Valkey) -> set[str]:
    catalog = InstrumentCatalog(valkey)
    await catalog.load()
    return set(catalog.instruments)


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


async def on_record(database: Database) -> list[Any]:
    return list(await database.pool.fetch("SELECT * FROM scrip_masters ORDER BY fetched_at DESC"))


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
    await eventually(lambda: _days(database, [TUESDAY, MONDAY]))
    assert kept.keeper.problem == ""


async def _days(database: Database, days: list[date]) -> bool:
    return [record["trade_day"] for record in await on_record(database)] == days


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


async def test_what_is_old_is_forgotten_and_the_same_file_is_kept_once(
    site: Site, database: Database, start: Starter
) -> None:
    await database.pool.execute(
        "INSERT INTO scrip_masters (version, trade_day, row_count, rows_by_exchange, content, fetched_at)"
        " VALUES ('old', '2026-11-01', 1, '{}', '', now() - interval '8 days'),"
        " ('recent', '2026-11-20', 1, '{}', '', now() - interval '3 days')"
    )
    site.body = master()
    kept = start()
    await eventually(lambda: _days(database, [MONDAY, date(2026, 11, 20)]))
    site.last_modified = at("2026-11-24T06:00:00")
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: _days(database, [TUESDAY, date(2026, 11, 20)]), timeout=10)
    assert kept.keeper.listing.trade_day == TUESDAY


@pytest.mark.parametrize("restarted", [False, True])
async def test_yesterdays_file_served_again_is_not_todays(
    site: Site, valkey: Valkey, database: Database, start: Starter, restarted: bool
) -> None:
    site.body, site.last_modified = master(), at("2026-11-23T07:30:00")
    kept = start()
    await eventually(lambda: _days(database, [MONDAY]))
    start.at("2026-11-24T09:00:00")
    if restarted:
        await kept.stop()
        await valkey.flushall()
        kept = start()
    await eventually(lambda: kept.keeper.problem, timeout=10)
    assert "still serves that of 2026-11-23, unchanged; 2026-11-24's is not there yet" in kept.keeper.problem
    assert "SCRIP_MASTER_MAY_REPEAT" in kept.keeper.problem
    await eventually(lambda: published(valkey), timeout=10)
    assert kept.keeper.listing.trade_day == MONDAY
    assert await valkey.get(redis_keys.INSTRUMENTS_DAY) == b"2026-11-23"
    site.body = master(row("2885", "RELIANCE-EQ"))
    await eventually(lambda: kept.keeper.listing.trade_day == TUESDAY, timeout=20)
    assert kept.keeper.problem == ""


async def test_an_unchanged_file_serves_where_the_operator_says_so(
    site: Site, database: Database, start: Starter
) -> None:
    site.body = master()
    kept = start(may_repeat=True)
    await eventually(lambda: _days(database, [MONDAY]))
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: kept.keeper.listing.trade_day == TUESDAY, timeout=10)


async def test_on_a_day_off_an_unchanged_file_goes_on_serving_under_its_own_day(
    site: Site, database: Database, start: Starter
) -> None:
    start.days_off = {TUESDAY}
    site.body = master()
    kept = start()
    await eventually(lambda: _days(database, [MONDAY]))
    asked = site.asked
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: site.asked > asked and not kept.keeper.problem, timeout=10)
    assert kept.keeper.listing.trade_day == MONDAY


async def test_what_the_database_does_not_take_now_is_in_force_and_goes_on_record_later(
    site: Site, valkey: Valkey, database: Database, start: Starter
) -> None:
    await database.pool.execute("ALTER TABLE scrip_masters RENAME TO elsewhere")
    site.body = master()
    kept = start()
    await eventually(lambda: published(valkey))
    assert kept.keys == {"NSE:SBIN-EQ", "NSE:NIFTY 50"}
    await database.pool.execute("ALTER TABLE elsewhere RENAME TO scrip_masters")
    await eventually(lambda: _days(database, [MONDAY]))


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


async def test_a_changed_series_is_written_down_once_pauses_whom_it_concerns_and_is_told(
    site: Site, valkey: Valkey, database: Database, start: Starter
) -> None:
    async with database.session() as session:
        await an_account(session)
    for name, config in (
        ("one", {"symbols": ["NSE:XYZ-EQ", "NSE:SBIN-EQ"]}),
        ("two", {"symbol": "NSE:SBIN-EQ"}),
        ("watching", {}),
    ):
        await database.pool.execute(
            "INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config)"
            " VALUES ($1, 'u1', 'a1', 'm', 'C', $2)",
            *(name, config),
        )
    await wish(database, "NSE:XYZ-EQ", subscriber="config:watching")
    site.body = master(row("11", "XYZ-EQ", name="XYZ"))
    first = start()
    await eventually(lambda: on_record(database))
    # It dies after tomorrow's is in force, before that is on record.
    await first.stop()
    site.body = master(row("12", "XYZ-BE", name="XYZ"))
    start.at("2026-11-24T09:00:00")
    for _ in range(2):
        await valkey.flushall()
        kept = start()
        await eventually(lambda: _days(database, [TUESDAY, MONDAY]))
        await kept.stop()
    (change,) = await database.pool.fetch("SELECT * FROM instrument_changes")
    assert (change["trade_day"], change["instrument"], change["kind"]) == (TUESDAY, "NSE:XYZ-EQ", "SERIES")
    assert (change["before"], change["after"]) == ("NSE:XYZ-EQ", "NSE:XYZ-BE")
    commands = await database.pool.fetch("SELECT * FROM strategy_commands ORDER BY config_id")
    assert [(c["config_id"], c["verb"], c["issuer"]) for c in commands] == [
        ("one", "PAUSE", "scrip master"),
        ("watching", "PAUSE", "scrip master"),
    ]
    assert commands[0]["reason"] == "NSE:XYZ-EQ changed its series: it is NSE:XYZ-BE now (scrip master of 2026-11-24)"
    told, _ = await database.pool.fetch("SELECT * FROM outbox ORDER BY payload -> 'data' ->> 'config_id'")
    assert (told["topic"], told["payload"]["data"]["config_id"]) == ("INSTRUMENT_CHANGED", "one")
    assert "resume it" in told["payload"]["message"]


async def test_a_download_that_fails_says_why(site: Site) -> None:
    with pytest.raises(DownloadError, match=r"master\.json answered HTTP 503"):
        await download(site.url, TLS, io.BytesIO())
    with pytest.raises(DownloadError, match="could not be fetched"):
        await download("http://127.0.0.1:1/nothing", TLS, io.BytesIO())


async def test_a_gzipped_answer_is_unzipped(site: Site) -> None:
    site.body = b"x" * 100_000
    sink = io.BytesIO()
    site.last_modified = at("2026-11-24T06:00:00")
    assert await download(site.url, TLS, sink) == Downloaded(len(site.body), site.last_modified)
    assert sink.getvalue() == site.body


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"BROKER_CA_FILE: /no/such\.pem cannot be read"):
        tls_context(Path("/no/such.pem"))
