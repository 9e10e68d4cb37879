"""The monthly partitions of `minute_bars`: made before they are written to, dropped when they are too old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from engine_server.bars import statements
from tradewinds.database.session import Database

_PREFIX = "minute_bars_"
_TIMEOUT_SECONDS = 5.0
Month = tuple[int, int]


class MonthPartitions:
    """Months of UTC: no Indian session touches midnight there. Raises asyncpg's errors, OSError and TimeoutError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: set[Month] = set()

    async def prepare(self, times_ms: Iterable[int]) -> None:
        """Make the months that these times are in, where they are not there."""
        for month in sorted(set(map(_month, times_ms)) - self._made):
            await self._make(month)
            self._made.add(month)

    async def drop_before(self, keep_from_ms: int) -> list[str]:
        """Drop the months that lie wholly before a time; returns their names. What was whole is so from there on."""
        cut = datetime(*_month(keep_from_ms), 1, tzinfo=UTC)
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection, connection.transaction():
            names = [record[0] for record in await connection.fetch(statements.PARTITIONS)]
            old = sorted(name for name in names if name.rpartition(_PREFIX)[2] < f"{cut:%Y_%m}")
            for name in old:
                await connection.execute(f"DROP TABLE {name}")
            if old:
                await connection.execute(statements.CUT_RANGES, cut)
        self._made.clear()
        return old

    async def _make(self, month: Month) -> None:
        year, number = month
        first, following = f"{year}-{number:02}", f"{year + number // 12}-{number % 12 + 1:02}"
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection, connection.transaction():
            await connection.execute(statements.PARTITION_LOCK)
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {_PREFIX}{year}_{number:02} PARTITION OF minute_bars"
                f" FOR VALUES FROM ('{first}-01 00:00+00') TO ('{following}-01 00:00+00')"
            )


def _month(time_ms: int) -> Month:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.year, moment.month
