"""The scrip master on its way: fetched, judged, kept, published."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine_server.feed.download import DownloadError, download, tls_context
from engine_server.feed.instrument_keeper import InstrumentKeeper
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.instruments.catalog import InstrumentCatalog
from tests.support.feed_process import Valkey
from tests.support.waiting import eventually
from tests.unit.feed.test_scrip_master import NIFTY, SBIN, row
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.errors import ConfigurationError

TLS = ssl.create_default_context()


class Site:
    """Serves one file, as long as it has one."""

    def __init__(self) -> None:
        self.url = ""
        self.body: bytes | None = None
        self.asked = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.body is None:
            return web.Response(status=503)
        response = web.Response(body=self.body)
        response.enable_compression()
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


def master(*rows: dict[str, Any]) -> bytes:
    return json.dumps([SBIN, NIFTY, *rows]).encode()


Start = Callable[[], tuple[InstrumentKeeper, list[Listing]]]


@pytest.fixture
async def start(site: Site, valkey: Valkey) -> AsyncIterator[Start]:
    """Starts a keeper, which ends with the test."""
    tasks: list[asyncio.Task[None]] = []

    def start() -> tuple[InstrumentKeeper, list[Listing]]:
        seen: list[Listing] = []
        keeper = InstrumentKeeper(
            lambda sink: download(site.url, TLS, sink),
            InstrumentPublisher(valkey, "test"),
            InstrumentCatalog(valkey),
            minimum_rows=2,
            market_clock=MarketClock(),
            clock=SystemClock(),
            on_change=seen.append,
        )
        tasks.append(asyncio.create_task(keeper.run()))
        return keeper, seen

    yield start
    for task in tasks:
        task.cancel()
        await asyncio.wait([task])


async def published(valkey: Valkey) -> set[str]:
    catalog = InstrumentCatalog(valkey)
    await catalog.load()
    return set(catalog.instruments)


async def test_a_good_file_is_in_force_and_published(site: Site, valkey: Valkey, start: Start) -> None:
    site.body = master(row("2885", "RELIANCE-EQ"))
    _, seen = start()
    await eventually(lambda: published(valkey))
    assert await published(valkey) == {"NSE:SBIN-EQ", "NSE:NIFTY 50", "NSE:RELIANCE-EQ"}
    assert [set(listing.instruments) for listing in seen] == [await published(valkey)]


async def test_a_site_that_is_down_is_asked_again_until_it_is_up(site: Site, valkey: Valkey, start: Start) -> None:
    start()
    await eventually(lambda: site.asked >= 2)
    assert await published(valkey) == set()
    site.body = master()
    await eventually(lambda: published(valkey), timeout=10)


async def test_a_bad_file_changes_nothing_and_what_redis_has_serves(site: Site, valkey: Valkey, start: Start) -> None:
    site.body = master(row("2885", "RELIANCE-EQ"))
    start()
    await eventually(lambda: published(valkey))
    site.body = b"<html>Request Rejected</html>"
    asked = site.asked
    keeper, seen = start()
    await eventually(lambda: site.asked > asked)
    await eventually(lambda: seen)
    assert set(keeper.listing.instruments) == {"NSE:SBIN-EQ", "NSE:NIFTY 50", "NSE:RELIANCE-EQ"}
    assert await published(valkey) == set(keeper.listing.instruments)


async def test_what_redis_lost_is_written_again(site: Site, valkey: Valkey, start: Start) -> None:
    site.body = master()
    start()
    await eventually(lambda: published(valkey))
    await valkey.flushall()
    await eventually(lambda: published(valkey), timeout=3)


async def test_a_download_that_fails_says_why(site: Site) -> None:
    with pytest.raises(DownloadError, match=r"master\.json answered HTTP 503"):
        await download(site.url, TLS, io.BytesIO())
    with pytest.raises(DownloadError, match="could not be fetched"):
        await download("http://127.0.0.1:1/nothing", TLS, io.BytesIO())


async def test_a_gzipped_answer_is_unzipped(site: Site) -> None:
    site.body = b"x" * 100_000
    sink = io.BytesIO()
    assert await download(site.url, TLS, sink) == len(site.body)
    assert sink.getvalue() == site.body


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"BROKER_CA_FILE: /no/such\.pem cannot be read"):
        tls_context(Path("/no/such.pem"))
