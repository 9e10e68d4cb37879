"""A site that serves a scrip master, and keepers that fetch it from there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from engine_server.feed.download import download
from engine_server.feed.instrument_keeper import InstrumentKeeper, MasterRules
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.feed.master_alarm import MasterAlarm
from engine_server.feed.master_archive import MasterArchive
from engine_server.feed.master_ledger import MasterLedger
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.master_gate import not_in_because
from tests.support.feed_process import Valkey
from tests.unit.feed.test_scrip_master import NIFTY, SBIN
from tradewinds.clock import IST, ClockReading, MarketClock, SystemClock
from tradewinds.database.session import Database

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


async def published(valkey: Valkey) -> set[str]:
    catalog = InstrumentCatalog(valkey)
    await catalog.load()
    return set(catalog.instruments)


async def on_record(database: Database) -> list[Any]:
    return list(await database.pool.fetch("SELECT * FROM scrip_masters ORDER BY fetched_at DESC"))


async def has_days(database: Database, days: list[date]) -> bool:
    return [record["trade_day"] for record in await on_record(database)] == days
