"""What was accepted goes on record: the file itself, and what it changed, in one transaction; tried again until PostgreSQL has it.

Changes are held against what is on record, not against what was in force: whoever dies in between leaves them to the next start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from engine_server.feed import change_notes
from engine_server.feed.database_errors import DATABASE_ERRORS
from engine_server.feed.listing import EMPTY_LISTING, Listing
from engine_server.feed.master_archive import KeptMaster, MasterArchive
from engine_server.feed.scrip_master import ScripMasterError
from engine_server.instruments.changes import InstrumentChange, changes
from tradewinds.clock import MarketClock, ist
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("feed.instruments")

_WAIT_SECONDS: Final = 3.0
_RETRY_FIRST_SECONDS: Final = 1.0
_RETRY_CAP_SECONDS: Final = 60.0


@dataclass(frozen=True)
class _Accepted:
    before: Listing
    listing: Listing
    packed: bytes


class MasterLedger:
    """`accept` what is in force, `write` until it is on record."""

    def __init__(
        self,
        database: Database,
        archive: MasterArchive,
        market_clock: MarketClock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._archive = archive
        self._market_clock = market_clock
        self._monotonic = monotonic
        self._unwritten: _Accepted | None = None
        self._backoff = Backoff(_RETRY_FIRST_SECONDS, _RETRY_CAP_SECONDS)
        self._try_after = 0.0

    def accept(self, before: Listing, listing: Listing, packed: bytes) -> None:
        """`listing` comes into force after `before`; `packed` is its file, in gzip."""
        if self._unwritten is not None:
            before = self._unwritten.before
        self._unwritten = _Accepted(before, listing, packed)

    async def newest(self) -> KeptMaster | None:
        """The one that was put on record last. Raises asyncpg's errors."""
        return await self._archive.newest()

    async def day_of(self, version: str) -> date | None:
        """The day under which this content is on record. Raises asyncpg's errors."""
        return await self._archive.day_of(version)

    async def load_newest(self) -> Listing | None:
        """It, with its instruments. Raises asyncpg's errors and `ScripMasterError`."""
        kept = await self._archive.newest()
        return await self._archive.load(kept) if kept is not None else None

    async def write(self) -> None:
        """Put on record what is not; what PostgreSQL does not take is tried again, ever more seldom."""
        if (accepted := self._unwritten) is None or self._monotonic() < self._try_after:
            return
        try:
            noted = await self._write(accepted)
        except DATABASE_ERRORS as e:
            self._try_after = self._monotonic() + self._backoff.next_delay()
            log.warning_throttled("not_on_record", version=accepted.listing.version, error=describe(e))
            return
        self._backoff.reset()
        if self._unwritten is accepted:
            self._unwritten = None
        for change in noted:
            log.warning("changed", instrument=change.instrument, kind=change.kind, what=change.described())

    async def _write(self, accepted: _Accepted) -> list[InstrumentChange]:
        listing = accepted.listing
        if listing.trade_day is None:
            raise AssertionError("what was fetched has a day")
        before = await self._on_record(accepted)
        found = await self._changes(before, listing) if before.version not in ("", listing.version) else []
        kept = KeptMaster(listing.version, listing.trade_day, listing.instruments.rows_by_exchange())
        async with self._database.pool.acquire(timeout=_WAIT_SECONDS) as connection, connection.transaction():
            noted = await change_notes.note(connection, listing.trade_day, found) if found else []
            await self._archive.keep(connection, kept, accepted.packed)
        return noted

    async def _on_record(self, accepted: _Accepted) -> Listing:
        kept = await self._archive.newest()
        if kept is None:
            return EMPTY_LISTING
        for known in (accepted.listing, accepted.before):
            if known.version == kept.version:
                return known
        try:
            return await self._archive.load(kept)
        except ScripMasterError as e:
            log.error("kept.unreadable", version=kept.version, error=str(e), exc_info=True)
            return EMPTY_LISTING

    async def _changes(self, before: Listing, now: Listing) -> list[InstrumentChange]:
        async with self._database.pool.acquire(timeout=_WAIT_SECONDS) as connection:
            used = await change_notes.used(connection)
        today = ist(self._market_clock.now()).date()
        return await asyncio.to_thread(changes, before.instruments, now.instruments, used, today)
