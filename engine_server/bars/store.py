"""`minute_bars`, `day_bars` and `bar_ranges`: what is stored of bars, and which stretch of it is whole.

A bar of the stream never replaces the broker's candle. A stretch and the bars in it are one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from asyncpg.pool import PoolConnectionProxy

from engine_server.bars import statements
from engine_server.bars.domain.ranges import Range
from engine_server.bars.domain.rows import ROW, Rows
from engine_server.bars.domain.sessions import MINUTE_MS, day_start_ms, ist_day
from engine_server.bars.partitions import MonthPartitions
from tradewinds.bars import BROKER, STREAM, Bar
from tradewinds.database.session import Database
from tradewinds.instruments import InstrumentKey

_TIMEOUT_SECONDS: Final = 5.0
_EPOCH: Final = date(1970, 1, 1)
_COLUMNS: Final = ("open_e4", "high_e4", "low_e4", "close_e4", "volume", "open_interest")


class StoredMinutes:
    """One-minute bars as the builder's rows. `complete` says of each that it is the broker's own candle, as `from_broker` does."""

    def __init__(self, records: Sequence[Any]) -> None:
        values = np.array([tuple(record) for record in records], np.int64).reshape(len(records), 8)
        self.rows: Rows = np.zeros(len(records), ROW)
        self.rows["start_ms"] = values[:, 0]
        self.rows["end_ms"] = self.rows["filled_ms"] = values[:, 0] + MINUTE_MS
        for number, name in enumerate(_COLUMNS, start=1):
            self.rows[name] = values[:, number]
        self.from_broker = self.rows["complete"] = values[:, 7].astype(np.bool_)


class BarStore:
    """Raises asyncpg's errors, OSError and TimeoutError while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._partitions = MonthPartitions(database)

    async def write_stream(self, bars: Sequence[Bar], whole: Sequence[tuple[InstrumentKey, Range]]) -> None:
        """One-minute bars of the stream, and the stretches that are whole with them."""
        await self._partitions.prepare(bar.start_ms for bar in bars)
        async with self._transaction() as connection:
            await _write_minutes(connection, bars, STREAM)
            if whole:
                keys, spans = [key for key, _ in whole], [span for _, span in whole]
                began, until = [s.from_ms // 1000 for s in spans], [s.until_ms // 1000 for s in spans]
                await connection.execute(statements.GROW_RANGES, keys, began, until)

    async def write_candles(self, key: InstrumentKey, interval: str, bars: Sequence[Bar], whole: Range) -> None:
        """The broker's candles of one instrument, and the stretch that is whole now."""
        if interval == "1m":
            await self._partitions.prepare(bar.start_ms for bar in bars)
        async with self._transaction() as connection:
            if interval == "1m":
                await _write_minutes(connection, bars, BROKER)
            else:
                await _write_days(connection, bars)
            await connection.execute(statements.SET_RANGE, key, interval, whole.from_ms // 1000, whole.until_ms // 1000)

    async def shrink(self, lost: Sequence[tuple[InstrumentKey, int]]) -> None:
        """Ticks of these have been missed since then (epoch ms): what was whole ends there."""
        async with self._transaction() as connection:
            await connection.execute(
                statements.SHRINK_RANGES, [key for key, _ in lost], [since // 1000 for _, since in lost]
            )

    async def whole(self, key: InstrumentKey, interval: str) -> Range | None:
        """The stretch that is whole; None where nothing is known."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            row = await connection.fetchrow(statements.READ_RANGE, key, interval)
        return Range(row[0] * 1000, row[1] * 1000) if row is not None else None

    async def whole_minutes(self, keys: Sequence[InstrumentKey]) -> dict[InstrumentKey, Range]:
        """The stretches of minutes that are whole, of these instruments."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            rows = await connection.fetch(statements.READ_RANGES, keys)
        return {row[0]: Range(row[1] * 1000, row[2] * 1000) for row in rows}

    async def minutes(self, key: InstrumentKey, within: Range) -> StoredMinutes:
        """One-minute bars, oldest first."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            return StoredMinutes(
                await connection.fetch(
                    statements.READ_MINUTES, key, within.from_ms // 1000, -(-within.until_ms // 1000)
                )
            )

    async def days(self, key: InstrumentKey, within: Range) -> list[Bar]:
        """Day bars whose midnight is within, oldest first."""
        first = ist_day(within.from_ms + 86_399_999)
        bounds = (_EPOCH + timedelta(days=day) for day in (first, ist_day(within.until_ms + 86_399_999)))
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            records = await connection.fetch(statements.READ_DAYS, key, *bounds)
        return [_day_bar(key, record) for record in records]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[PoolConnectionProxy[Any]]:
        """A connection in a transaction that may take its ten seconds: thousands of rows at once."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection, connection.transaction():
            await connection.execute(statements.LONGER_STATEMENTS)
            yield connection


async def _write_minutes(connection: PoolConnectionProxy[Any], bars: Sequence[Bar], source: str) -> None:
    if bars:
        started = [bar.start_ms // 1000 for bar in bars]
        await connection.execute(
            statements.WRITE_MINUTES, [bar.instrument for bar in bars], started, *_columns(bars), source
        )


async def _write_days(connection: PoolConnectionProxy[Any], bars: Sequence[Bar]) -> None:
    if bars:
        days = [ist_day(bar.start_ms) for bar in bars]
        await connection.execute(statements.WRITE_DAYS, [bar.instrument for bar in bars], days, *_columns(bars))


def _columns(bars: Sequence[Bar]) -> list[list[int]]:
    return [[getattr(bar, name) for bar in bars] for name in _COLUMNS]


def _day_bar(key: InstrumentKey, record: Sequence[int]) -> Bar:
    day, first, high, low, last, volume, open_interest = record
    return Bar(key, "1d", day_start_ms(day), first, high, low, last, volume, open_interest, BROKER)
