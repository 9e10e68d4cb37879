"""The daily partitions of what is kept: made days ahead, dropped whole when they are old.

Days are UTC. A delivery lies in the partition of the moment it was decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from asyncpg.pool import PoolConnectionProxy

from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("notifier.partitions")

TABLES: Final = ("notifications", "notification_deliveries")
DAYS_AHEAD: Final = 7
_EVERY_SECONDS: Final = 3_600.0
_AGAIN_SECONDS: Final = 60.0
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('notification partitions', 0))"
# A table is not made while an insert runs.
_PATIENCE: Final = "SET LOCAL statement_timeout = '20s'; SET LOCAL lock_timeout = '5s'"
_EXISTING: Final = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = $1::text::regclass
"""
# What has no partitions goes in small pieces.
_FORGET: Final = (
    """
    DELETE FROM notification_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM notification_keys WHERE created_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))
    """,
    """
    DELETE FROM notification_escalations WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM notification_escalations WHERE created_at < $1 AND state <> 'ACTIVE' LIMIT 5000 FOR UPDATE SKIP LOCKED))
    """,
    # What was taken and never finished stays for whoever finds it. The audit log keeps what was done.
    """
    DELETE FROM phone_commands WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM phone_commands WHERE created_at < $1 AND state <> 'ACCEPTED' LIMIT 5000 FOR UPDATE SKIP LOCKED))
    """,
)


class Partitions:
    """`keep` before serving, then `run` as a watched task."""

    def __init__(self, database: Database, clock: Clock, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    async def run(self) -> None:
        """Keep them for ever; while PostgreSQL is away there is a week of them left."""
        while True:
            delay = _EVERY_SECONDS
            try:
                await self.keep()
            except PASSING_FAULTS as e:
                log.warning_throttled("not_kept", error=describe(e))
                delay = _AGAIN_SECONDS
            await asyncio.sleep(delay)

    async def keep(self) -> None:
        """Make those of the coming days, drop those that are too old."""
        today = self._clock.now().astimezone(UTC).date()
        oldest = today - self._retention
        async with self._database.pool.acquire() as connection:
            for table in TABLES:
                async with connection.transaction():
                    await connection.execute(_PATIENCE)
                    await connection.execute(_LOCK)
                    await _make(connection, table, today)
                    await _drop(connection, table, oldest)
            for statement in _FORGET:
                while await connection.execute(statement, datetime.combine(oldest, time(), UTC)) == "DELETE 5000":
                    pass


async def _make(connection: PoolConnectionProxy[Any], table: str, today: date) -> None:
    existing = await _days(connection, table)
    for day in _coming(today):
        if day not in existing:
            name = f"{table}_{day:%Y_%m_%d}"
            await connection.execute(
                f"CREATE TABLE {name} PARTITION OF {table} "
                f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
            )


async def _drop(connection: PoolConnectionProxy[Any], table: str, oldest: date) -> None:
    for day in sorted(await _days(connection, table)):
        if day < oldest:
            await connection.execute(f"DROP TABLE {table}_{day:%Y_%m_%d}")
            log.info("dropped", table=table, day=str(day))


def _coming(today: date) -> Iterator[date]:
    # Yesterday too: a clock that is a little behind, around midnight.
    return (today + timedelta(days=number) for number in range(-1, DAYS_AHEAD + 1))


async def _days(connection: PoolConnectionProxy[Any], table: str) -> set[date]:
    rows = await connection.fetch(_EXISTING, table)
    names = (row["relname"].removeprefix(f"{table}_") for row in rows)
    return {datetime.strptime(name, "%Y_%m_%d").replace(tzinfo=UTC).date() for name in names}
