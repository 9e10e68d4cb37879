"""Keeps today's scrip master: fetched at start and every morning, judged, published, published again where Redis lost it.

A file that cannot be fetched or trusted changes nothing: the last good one stays in force, in memory and in Redis.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import IO

import msgspec
from redis.exceptions import RedisError

from engine_server.feed.download import DownloadError
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import EMPTY_LISTING, Listing
from engine_server.feed.master_reader import MasterContent, read_master
from engine_server.feed.scrip_master import ScripMasterError
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.master_gate import master_day
from tradewinds.clock import Clock, MarketClock, ist
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.instruments")

_CHECK_SECONDS = 1.0
_CLOCK_SET_BACK = timedelta(minutes=1)
_REFRESH_HOUR, _REFRESH_MINUTE = 8, 30  # the day's file is there, the market is not open yet
_RETRY_FIRST_SECONDS, _RETRY_CAP_SECONDS = 1.0, 60.0


def refresh_due(last: datetime | None, now: datetime) -> bool:
    """Whether a file fetched at market time `last` is older than the latest 08:30 IST before `now`, or from another life of the
    market clock, which a replay sets years back."""
    if last is None or last > now + _CLOCK_SET_BACK:
        return True
    boundary = ist(now).replace(hour=_REFRESH_HOUR, minute=_REFRESH_MINUTE, second=0, microsecond=0)
    if boundary > now:
        boundary -= timedelta(days=1)
    return last < boundary


class InstrumentKeeper:
    """The feed's own instruments (`listing`), and the copy of them in Redis. `on_change` is called with every new listing."""

    def __init__(
        self,
        fetch: Callable[[IO[bytes]], Awaitable[int]],
        publisher: InstrumentPublisher,
        published: InstrumentCatalog,
        *,
        minimum_rows: int,
        market_clock: MarketClock,
        clock: Clock,
        on_change: Callable[[Listing], None],
    ) -> None:
        self._fetch = fetch
        self._publisher = publisher
        self._published = published
        self._minimum_rows = minimum_rows
        self._market_clock = market_clock
        self._clock = clock
        self._on_change = on_change
        self._fetched_at: datetime | None = None
        self._try_after = 0.0
        self._backoff = Backoff(_RETRY_FIRST_SECONDS, _RETRY_CAP_SECONDS)
        self._write_anyway = False
        self.listing = EMPTY_LISTING

    async def run(self) -> None:
        """Keep, for ever."""
        await self._adopt_published()
        while True:
            if self._clock.monotonic() >= self._try_after and refresh_due(self._fetched_at, self._market_clock.now()):
                await self._refresh()
            await self._keep_published()
            await asyncio.sleep(_CHECK_SECONDS)

    async def _adopt_published(self) -> None:
        """What a feed before us left in Redis serves until the file is here."""
        try:
            await self._published.load()
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError) as e:
            log.warning("adopt.failed", error=describe(e))
        if self._published.ready:
            self._take(Listing(self._published.version, self._published.instruments))

    async def _refresh(self) -> None:
        fetched_at = self._market_clock.now()
        try:
            master = await self._read()
        except (DownloadError, ScripMasterError) as e:
            delay = self._backoff.next_delay()
            self._try_after = self._clock.monotonic() + delay
            log.warning("refused", error=str(e), kept=self.listing.version, again_in_seconds=round(delay, 1))
            return
        self._backoff.reset()
        # Also when nothing changed: an older program may have written the rows in another form.
        self._write_anyway = self._fetched_at is None
        self._fetched_at = fetched_at
        head = master.head
        log.info("accepted", version=head.version, instruments=head.rows, left_out=head.skipped)
        listing = Listing(
            head.version, master.instruments, master_day(fetched_at), head.rows_by_exchange, head.categories
        )
        if listing.version != self.listing.version or self._write_anyway:
            self._take(listing)
        else:
            self.listing = listing

    async def _read(self) -> MasterContent:
        with tempfile.TemporaryFile(prefix="scrip-master-") as file:
            await self._fetch(file)
            return await read_master(file, minimum_rows=self._minimum_rows)

    def _take(self, listing: Listing) -> None:
        self.listing = listing
        self._on_change(listing)

    async def _keep_published(self) -> None:
        if self.listing is EMPTY_LISTING:
            return
        try:
            if self._write_anyway or not await self._publisher.is_published(self.listing):
                await self._publisher.publish(self.listing)
                self._write_anyway = False
                log.info("published", version=self.listing.version, instruments=len(self.listing.instruments))
            elif self.listing.trade_day is not None and not await self._publisher.is_day_published(self.listing):
                await self._publisher.publish_day(self.listing)
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("publish.failed", error=describe(e))
