"""The tables `calendar_versions` and `calendar_days`: only ever added to; the highest version of a day is in force.

Writers hold one advisory lock until they commit, so that versions become visible in their order and a reader that has seen one
has seen all below it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

import msgspec
from asyncpg.pool import PoolConnectionProxy

from engine_server.calendar.domain.days import Phase, PhaseSpan, SegmentDay, clock_minute
from tradewinds.database.session import Database

CHANNEL: Final = "calendar_days"
SEED_AUTHOR: Final = "system:seed"
WRITERS_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('calendar', 0))"
_ROWS_AT_ONCE: Final = 1_000  # a loop that reads seven years goes on serving others in between
_TIMEOUT_SECONDS: Final = 10.0
_SEED_SECONDS: Final = 60.0

_VERSION = "SELECT coalesce(max(version), 0) FROM calendar_days"
_NEWER = """
SELECT DISTINCT ON (d.segment, d.day, d.instrument_class)
       d.segment, d.day, d.instrument_class, d.version, d.phases::text AS phases, d.note, v.author
FROM calendar_days d JOIN calendar_versions v USING (version)
WHERE d.version > $1
ORDER BY d.segment, d.day, d.instrument_class, d.version DESC
"""
# Seven years are one statement, on a machine that may be starting nine processes at once; who comes second waits for it.
_PATIENT = f"SET LOCAL lock_timeout = '{_SEED_SECONDS:g}s'; SET LOCAL statement_timeout = '{_SEED_SECONDS:g}s'"
_WAS_SEEDED = "SELECT EXISTS (SELECT 1 FROM calendar_versions WHERE author = $1 AND reason = $2)"
_NEW_VERSION = "INSERT INTO calendar_versions (author, reason) VALUES ($1, $2) RETURNING version"
# What an operator has written stays; what an earlier seeding wrote is replaced where the lists have become better.
_SEED = """
WITH latest AS (
    SELECT DISTINCT ON (d.segment, d.day, d.instrument_class)
           d.segment, d.day, d.instrument_class, d.phases, d.note, v.author
    FROM calendar_days d JOIN calendar_versions v USING (version)
    ORDER BY d.segment, d.day, d.instrument_class, d.version DESC
)
INSERT INTO calendar_days (segment, day, instrument_class, version, phases, note)
SELECT seeded.segment, seeded.day, seeded.instrument_class, $1, seeded.phases::jsonb, seeded.note
FROM unnest($2::text[], $3::date[], $4::text[], $5::text[], $6::text[])
     AS seeded (segment, day, instrument_class, phases, note)
LEFT JOIN latest USING (segment, day, instrument_class)
WHERE latest.author IS NULL
   OR (latest.author = $7 AND (latest.phases, latest.note) IS DISTINCT FROM (seeded.phases::jsonb, seeded.note))
"""
_AUDIT_SEED = """
INSERT INTO audit_log (actor, action, subject_type, subject_id, reason, after, source)
VALUES ($1, 'calendar.seed', 'calendar', $2::text, $3, jsonb_build_object('days', $4::int), 'engine')
"""


class CalendarStore:
    """Reads and seeds. Raises asyncpg's errors, OSError and TimeoutError while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> int:
        """The highest version that is there; 0 before the first."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            return int(await connection.fetchval(_VERSION))

    async def read_after(self, version: int) -> list[SegmentDay]:
        """Every day that was written after `version`, as it is now."""
        found: list[SegmentDay] = []
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection, connection.transaction():
            cursor = await connection.cursor(_NEWER, version)
            while rows := await cursor.fetch(_ROWS_AT_ONCE):
                found += [_day(row) for row in rows]
        return found

    async def seed(self, days: Sequence[SegmentDay]) -> int:
        """Write what is not there, once for each content of `days`; how many days were written. Engines may call it at once."""
        reason = f"{days[0].day} to {days[-1].day}, content {_fingerprint(days)}"
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection, connection.transaction():
            # Another engine that starts now may be writing all of it, which takes longer than others may wait for a lock.
            await connection.execute(_PATIENT)
            await connection.execute(WRITERS_LOCK, timeout=_SEED_SECONDS)
            if await connection.fetchval(_WAS_SEEDED, SEED_AUTHOR, reason):
                return 0
            return await _seed(connection, days, reason)


async def _seed(connection: PoolConnectionProxy[Any], days: Sequence[SegmentDay], reason: str) -> int:
    version = await connection.fetchval(_NEW_VERSION, SEED_AUTHOR, reason)
    status = await connection.execute(
        _SEED,
        version,
        [day.segment for day in days],
        [day.day for day in days],
        [day.instrument_class for day in days],
        [phases_json(day.spans) for day in days],
        [day.note for day in days],
        SEED_AUTHOR,
        timeout=_SEED_SECONDS,
    )
    written = int(status.rsplit(" ", 1)[1])
    await connection.execute(_AUDIT_SEED, SEED_AUTHOR, str(version), reason, written)
    return written


@lru_cache(512)  # sixteen thousand days, some twenty shapes
def phases_json(spans: tuple[PhaseSpan, ...]) -> str:
    """As the column `phases` has them: `[["CONTINUOUS", "09:15", "15:30"]]`."""
    return msgspec.json.encode([span.as_texts() for span in spans]).decode()


def _day(row: Any) -> SegmentDay:
    return SegmentDay(
        segment=row["segment"],
        day=row["day"],
        instrument_class=row["instrument_class"],
        spans=_spans(row["phases"]),
        note=row["note"],
        version=row["version"],
        author=row["author"],
    )


@lru_cache(512)
def _spans(phases: str) -> tuple[PhaseSpan, ...]:
    written = msgspec.json.decode(phases, type=list[tuple[str, str, str]])
    return tuple(PhaseSpan(Phase(name), clock_minute(start), clock_minute(end)) for name, start, end in written)


def _fingerprint(days: Sequence[SegmentDay]) -> str:
    content = hashlib.sha256()
    for day in days:
        content.update(repr((day.segment, _ordinal(day.day), day.instrument_class, day.spans, day.note)).encode())
    return content.hexdigest()[:16]


def _ordinal(day: date) -> int:
    return day.toordinal()
