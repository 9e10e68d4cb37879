"""Keeps today's scrip master: fetched at start and every morning, judged, published, published again where Redis lost it.

A file that cannot be fetched or trusted changes nothing: the last good one stays in force, in memory, in Redis and in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import IO, Final

import msgspec
from redis.exceptions import RedisError

from engine_server.feed.database_errors import DATABASE_ERRORS
from engine_server.feed.download import Downloaded, DownloadError
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import EMPTY_LISTING, Listing
from engine_server.feed.master_age import day_of, outdated
from engine_server.feed.master_alarm import MasterAlarm
from engine_server.feed.master_archive import packed
from engine_server.feed.master_ledger import MasterLedger
from engine_server.feed.master_reader import MasterContent, read_master
from engine_server.feed.scrip_master import ScripMasterError, shrunken
from engine_server.instruments.master_gate import TradingDay, master_day
from tradewinds.clock import Clock, MarketClock, ist
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.instruments")

_CHECK_SECONDS = 1.0
_CLOCK_SET_BACK = timedelta(minutes=1)
_CLOCK_WAIT_SECONDS: Final = 10.0
_REFRESH_HOUR, _REFRESH_MINUTE = 8, 30  # the day's file is there, the market is not open yet
_RETRY_FIRST_SECONDS, _RETRY_CAP_SECONDS = 1.0, 60.0

Fetch = Callable[[IO[bytes]], Awaitable[Downloaded]]


@dataclass(frozen=True)
class MasterRules:
    """What a file must have: so many rows, and this share of the last good one's in each exchange segment. `may_repeat`: the same
    content may serve on another trading day."""

    minimum_rows: int
    least_share: float
    may_repeat: bool = False


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
    """The feed's own instruments (`listing`), and the copy of them in Redis. `on_change` is called with every new listing;
    `until_clock_known(seconds)` waits for the market's time: the day's file is fetched for a day."""

    def __init__(
        self,
        fetch: Fetch,
        publisher: InstrumentPublisher,
        ledger: MasterLedger,
        alarm: MasterAlarm,
        *,
        rules: MasterRules,
        may_trade: TradingDay,
        until_clock_known: Callable[[float], Awaitable[None]],
        market_clock: MarketClock,
        clock: Clock,
        on_change: Callable[[Listing], None],
    ) -> None:
        self._fetch = fetch
        self._publisher = publisher
        self._ledger = ledger
        self._alarm = alarm
        self._rules = rules
        self._may_trade = may_trade
        self._until_clock_known = until_clock_known
        self._market_clock = market_clock
        self._clock = clock
        self._on_change = on_change
        self._fetched_at: datetime | None = None
        self._try_after = 0.0
        self._backoff = Backoff(_RETRY_FIRST_SECONDS, _RETRY_CAP_SECONDS)
        self._write_anyway = False
        self.listing = EMPTY_LISTING
        self.problem = ""  # why the broker's newest file is not in force, for a person

    async def run(self) -> None:
        """Keep, for ever."""
        await self._until_clock_known(_CLOCK_WAIT_SECONDS)
        await self._adopt_published()
        while True:
            if self._clock.monotonic() >= self._try_after and refresh_due(self._fetched_at, self._market_clock.now()):
                await self._refresh()
            await self._keep_published()
            await self._ledger.write()
            await asyncio.sleep(_CHECK_SECONDS)

    async def _adopt_published(self) -> None:
        """What a feed before us left in Redis serves until the file is here."""
        try:
            published = await self._publisher.published()
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError) as e:
            log.warning("adopt.failed", error=describe(e))
            return
        if published is not None:
            self._take(published)

    async def _refresh(self) -> None:
        fetched_at = self._market_clock.now()
        try:
            master, day, content = await self._read(fetched_at)
        except (DownloadError, ScripMasterError) as e:
            await self._refuse(str(e))
            return
        self._backoff.reset()
        self._alarm.accepted()
        self.problem = ""
        # Also when nothing changed: an older program may have written the rows in another form.
        self._write_anyway = self._fetched_at is None
        self._fetched_at = fetched_at
        head = master.head
        log.info("accepted", version=head.version, instruments=head.rows, left_out=head.skipped)
        before = self.listing
        listing = Listing(head.version, master.instruments, day)
        self._ledger.accept(before, listing, content)
        if listing.version != before.version or self._write_anyway:
            self._take(listing)
        else:
            self.listing = listing

    async def _read(self, fetched_at: datetime) -> tuple[MasterContent, date, bytes]:
        with tempfile.TemporaryFile(prefix="scrip-master-") as file:
            downloaded = await self._fetch(file)
            master = await read_master(file, minimum_rows=self._rules.minimum_rows)
            if lost := shrunken(
                await self._last_rows(), master.instruments.rows_by_exchange(), self._rules.least_share
            ):
                raise ScripMasterError(f"it has shrunk: {lost}; if that is right, lower SCRIP_MASTER_LEAST_SHARE")
            day = await self._day_of(master.head.version, downloaded.last_modified, fetched_at)
            return master, day, await packed(file)

    async def _day_of(self, version: str, last_modified: datetime | None, fetched_at: datetime) -> date:
        """Raises `ScripMasterError` when it is too old."""
        if self._rules.may_repeat:
            return master_day(fetched_at)
        known_of = self.listing.trade_day if version == self.listing.version else await self._day_on_record(version)
        day = day_of(known_of, last_modified, fetched_at)
        if why := outdated(day, fetched_at, self._may_trade):
            raise ScripMasterError(why)
        return day

    async def _day_on_record(self, version: str) -> date | None:
        try:
            return await self._ledger.day_of(version)
        except DATABASE_ERRORS as e:
            log.warning("kept.unreadable", error=describe(e))
            return None

    async def _last_rows(self) -> Mapping[str, int]:
        """Of the last good file, in force or kept."""
        if self.listing is not EMPTY_LISTING:
            return self.listing.instruments.rows_by_exchange()
        try:
            kept = await self._ledger.newest()
        except DATABASE_ERRORS as e:
            log.warning("kept.unreadable", error=describe(e))
            return {}
        return kept.rows_by_exchange if kept is not None else {}

    async def _refuse(self, why: str) -> None:
        delay = self._backoff.next_delay()
        self._try_after = self._clock.monotonic() + delay
        if self.listing is EMPTY_LISTING:
            await self._fall_back()
        self.problem = f"the broker's file is refused ({why}); that of {self.listing.trade_day or 'no day'} is in force"
        log.warning("refused", error=why, kept=self.listing.version, again_in_seconds=round(delay, 1))
        await self._alarm.refused(self.listing, why)

    async def _fall_back(self) -> None:
        """Neither Redis nor the broker has one: the last good one is in PostgreSQL."""
        try:
            kept = await self._ledger.load_newest()
        except DATABASE_ERRORS as e:
            log.warning("kept.unreadable", error=describe(e))
            return
        except ScripMasterError as e:
            log.warning("kept.unreadable", error=describe(e))
            return
        if kept is not None:
            log.warning("fell_back", version=kept.version, day=str(kept.trade_day), instruments=len(kept.instruments))
            self._take(kept)

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
