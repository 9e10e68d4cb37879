"""The scrip masters that were accepted, kept in PostgreSQL as the broker sent them: the last good one serves when the broker has none.

As the broker sent them, so that another program of ours reads them as well as it reads today's.
"""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any, Final

from engine_server.feed.listing import Listing
from engine_server.feed.master_reader import read_master
from tradewinds.database.session import Database

_WAIT_SECONDS: Final = 3.0
_TRANSFER_SECONDS: Final = 60.0  # some megabytes, perhaps from another machine
_CHUNK_BYTES: Final = 1 << 20
_LEVEL: Final = 3
_GZIP_WINDOW: Final = 31
_NEWEST = """
SELECT version, trade_day, row_count, rows_by_exchange FROM scrip_masters ORDER BY fetched_at DESC, version LIMIT 1
"""
_DAY_OF = "SELECT trade_day FROM scrip_masters WHERE version = $1"
# The same content on another day: its megabytes need not travel again.
_AGAIN = """
UPDATE scrip_masters SET trade_day = $2, fetched_at = now() WHERE version = $1 RETURNING version
"""
_KEEP = """
INSERT INTO scrip_masters (version, trade_day, row_count, rows_by_exchange, content, fetched_at)
VALUES ($1, $2, $3, $4, $5, now())
ON CONFLICT (version) DO UPDATE SET trade_day = excluded.trade_day, fetched_at = excluded.fetched_at
"""
_FORGET = "DELETE FROM scrip_masters WHERE fetched_at < now() - $2::interval AND version <> $1"


@dataclass(frozen=True)
class KeptMaster:
    """What is known of one without reading its content."""

    version: str
    trade_day: date
    rows_by_exchange: Mapping[str, int]

    @property
    def row_count(self) -> int:
        """How many instruments."""
        return sum(self.rows_by_exchange.values())


class MasterArchive:
    """All methods raise asyncpg's errors. One older than `retention` is forgotten, never the newest."""

    def __init__(self, database: Database, *, retention: timedelta, minimum_rows: int) -> None:
        self._database = database
        self._retention = retention
        self._minimum_rows = minimum_rows

    async def newest(self) -> KeptMaster | None:
        """The one that was accepted last."""
        async with self._database.pool.acquire(timeout=_WAIT_SECONDS) as connection:
            row = await connection.fetchrow(_NEWEST, timeout=_WAIT_SECONDS)
        return KeptMaster(row["version"], row["trade_day"], row["rows_by_exchange"]) if row is not None else None

    async def day_of(self, version: str) -> date | None:
        """The day under which this content was accepted last; None where it never was."""
        async with self._database.pool.acquire(timeout=_WAIT_SECONDS) as connection:
            day: date | None = await connection.fetchval(_DAY_OF, version, timeout=_WAIT_SECONDS)
        return day

    async def keep(self, connection: Any, master: KeptMaster, packed: bytes) -> None:
        """Keep `master`, whose content is `packed` (gzip), as the newest, in the caller's transaction."""
        known = await connection.fetchval(_AGAIN, master.version, master.trade_day, timeout=_WAIT_SECONDS)
        if known is None:
            values = (master.version, master.trade_day, master.row_count, dict(master.rows_by_exchange), packed)
            await connection.execute(_KEEP, *values, timeout=_TRANSFER_SECONDS)
        await connection.execute(_FORGET, master.version, self._retention, timeout=_TRANSFER_SECONDS)

    async def load(self, master: KeptMaster) -> Listing:
        """`master` with its instruments; raises `ScripMasterError` too, when it is not one that we would accept."""
        with tempfile.TemporaryFile(prefix="scrip-master-") as file:
            file.write(await self._content(master.version))
            read = await read_master(file, minimum_rows=self._minimum_rows)
        return Listing(read.head.version, read.instruments, master.trade_day)

    async def _content(self, version: str) -> bytes:
        async with self._database.pool.acquire(timeout=_WAIT_SECONDS) as connection:
            content: bytes | None = await connection.fetchval(
                "SELECT content FROM scrip_masters WHERE version = $1", version, timeout=_TRANSFER_SECONDS
            )
        return content or b""


async def packed(file: IO[bytes]) -> bytes:
    """What is in `file`, from its beginning, as gzip; in a thread, so that ticks go on."""
    return await asyncio.to_thread(_packed, file)


def _packed(file: IO[bytes]) -> bytes:
    file.seek(0)
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    parts = []
    while chunk := file.read(_CHUNK_BYTES):
        parts.append(compressor.compress(chunk))
    return b"".join((*parts, compressor.flush()))
