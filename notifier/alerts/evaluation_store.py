"""What the evaluator says to PostgreSQL: the lease, the alerts, what it has seen. Every statement carries its own guard. What fires is
in `firing.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any, Final, NamedTuple

from notifier.alerts.domain.vocabulary import Condition, Frequency, Measure, Reference
from notifier.alerts.rows import Row, RowTable, from_copy
from tradewinds.database.session import Database

LEASE: Final = "evaluator"
SUBSCRIBER: Final = "price-alerts"
_SECONDS: Final = 5.0
# For what reads or writes many rows, where two seconds, which is what other statements have, may not do.
_LONG_SECONDS: Final = 60.0
_TAKE_TIME: Final = f"SET LOCAL statement_timeout = '{_LONG_SECONDS:.0f}s'"


def _number_of(column: str, names: Sequence[str], first: int) -> str:
    cases = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(names, first))
    return f"(CASE {column} {cases} END)::int2"


def _microseconds(column: str) -> str:
    return f"coalesce((extract(epoch FROM {column}) * 1000000)::int8, 0)"


# In the order of `Row`; the slot is where the instrument stands in $1.
_COLUMNS: Final = f"""
    a.alert_number, a.generation, (i.slot - 1)::int4,
    {_number_of("a.measure", [m.name for m in Measure], 0)},
    {_number_of("a.condition", [c.name for c in Condition], 1)},
    {_number_of("a.reference", [r.name for r in Reference], 0)},
    {_number_of("a.frequency", [f.name for f in Frequency], 1)},
    a.bar_minutes, a.arms, a.cooldown_seconds, a.basis_points, a.lower, a.upper, a.distance, a.hysteresis, a.mark, a.seen,
    a.not_before_ms, {_microseconds("a.cooling_until")}, {_microseconds("a.snoozed_until")}
"""
# Grouped, so that PostgreSQL knows each instrument to be there once: else it builds its table of the alerts, on disk, and in one process.
_FROM: Final = """
    FROM price_alerts a JOIN (
        SELECT instrument, min(slot) AS slot FROM unnest($1::text[]) WITH ORDINALITY AS g (instrument, slot) GROUP BY instrument
    ) AS i USING (instrument)
    WHERE a.state = 'ACTIVE'
"""
_INSTRUMENTS: Final = "SELECT DISTINCT instrument FROM price_alerts WHERE state = 'ACTIVE' ORDER BY instrument"
_LOAD: Final = f"SELECT {_COLUMNS} {_FROM}"
_CHANGED: Final = f"SELECT {_COLUMNS} {_FROM} AND a.alert_number = ANY($2)"
# So many are remembered anyway (`PreferenceStore`); others are asked for when they fire.
_USERS: Final = "SELECT DISTINCT user_id FROM price_alerts WHERE state = 'ACTIVE' LIMIT 50000"
_INSTRUMENTS_OF: Final = (
    "SELECT DISTINCT instrument FROM price_alerts WHERE state = 'ACTIVE' AND alert_number = ANY($1)"
)

_TAKE: Final = """
INSERT INTO price_alert_leases AS l (lease_name, holder, epoch, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + $3::interval)
ON CONFLICT (lease_name) DO UPDATE
SET holder = excluded.holder, epoch = l.epoch + 1, expires_at = excluded.expires_at
WHERE l.expires_at <= clock_timestamp() OR l.holder = excluded.holder
RETURNING epoch, positions
"""
_RELEASE: Final = """
UPDATE price_alert_leases SET expires_at = clock_timestamp() WHERE lease_name = $1 AND holder = $2 AND epoch = $3
"""
_RENEW: Final = """
UPDATE price_alert_leases SET expires_at = clock_timestamp() + $4::interval, positions = $5
WHERE lease_name = $1 AND holder = $2 AND epoch = $3 RETURNING epoch
"""
_KEEP: Final = """
UPDATE price_alerts a SET arms = g.arms, mark = g.mark, not_before_ms = g.not_before_ms
FROM unnest($1::int8[], $2::int4[], $3::int2[], $4::int8[], $5::int8[]) AS g (number, generation, arms, mark, not_before_ms)
WHERE a.alert_number = g.number AND a.generation = g.generation
"""
_KEPT_AT_ONCE: Final = 10_000
# A thousand at a time: many end with the same session. `now()` is one moment to the planner, which `clock_timestamp()` is not.
_EXPIRE: Final = """
UPDATE price_alerts SET state = 'EXPIRED'
WHERE alert_number IN (
    SELECT alert_number FROM price_alerts WHERE state = 'ACTIVE' AND expires_at <= now() LIMIT 1000 FOR UPDATE SKIP LOCKED
)
RETURNING alert_number
"""
# Guarded by the lease, so that one who lost it takes nothing away that its successor has asked for.
_WANT: Final = """
INSERT INTO market_subscriptions (subscriber, instrument, mode, priority)
SELECT $4, instrument, 'SNAP_QUOTE', -1
FROM unnest($5::text[]) AS instrument, price_alert_leases
WHERE lease_name = $1 AND holder = $2 AND epoch = $3
ON CONFLICT DO NOTHING
"""
_WANT_NO_MORE: Final = """
DELETE FROM market_subscriptions s USING price_alert_leases
WHERE lease_name = $1 AND holder = $2 AND epoch = $3 AND s.subscriber = $4 AND s.instrument = ANY($5)
"""
_WANTED: Final = "SELECT instrument FROM market_subscriptions WHERE subscriber = $1"
_MARK_GONE: Final = """
UPDATE price_alerts SET problem = $2 WHERE state = 'ACTIVE' AND instrument = ANY($1) AND problem = ''
RETURNING user_id, instrument
"""
_MARK_BACK: Final = """
UPDATE price_alerts SET problem = '' WHERE state = 'ACTIVE' AND instrument = ANY($1) AND problem <> ''
"""
_OWNERS: Final = """
SELECT DISTINCT user_id, instrument FROM price_alerts WHERE state = 'ACTIVE' AND instrument = ANY($1)
"""


class Lease(NamedTuple):
    """A turn at judging. `positions` are entries by stream, as the predecessor kept them."""

    holder: str
    epoch: int
    positions: Mapping[str, str]


class Watcher(NamedTuple):
    """Somebody who has an alert on an instrument."""

    user_id: str
    instrument: str


class EvaluationStore:
    """Raises asyncpg's errors, OSError and TimeoutError while PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_lease(self, holder: str, ttl: timedelta) -> Lease | None:
        """The lease, where nobody else holds it."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            row = await connection.fetchrow(_TAKE, LEASE, holder, ttl)
        return Lease(holder, row["epoch"], row["positions"]) if row is not None else None

    async def release_lease(self, lease: Lease) -> None:
        """Somebody else may have it at once."""
        await self._execute(_RELEASE, LEASE, lease.holder, lease.epoch)

    async def keep(self, lease: Lease, ttl: timedelta, positions: Mapping[str, str], seen: Sequence[Row]) -> bool:
        """Renew the lease, and keep what was seen up to `positions`, in one transaction; False when the lease is another's."""
        async with self._taking_time() as connection:
            epoch = await connection.fetchval(_RENEW, LEASE, lease.holder, lease.epoch, ttl, dict(positions))
            if epoch is None:
                return False
            for start in range(0, len(seen), _KEPT_AT_ONCE):
                columns = _seen_columns(seen[start : start + _KEPT_AT_ONCE])
                await connection.execute(_KEEP, *columns, timeout=_LONG_SECONDS)
        return True

    async def instruments(self) -> list[str]:
        """Those that active alerts watch."""
        async with self._taking_time() as connection:
            return [row["instrument"] for row in await connection.fetch(_INSTRUMENTS, timeout=_LONG_SECONDS)]

    async def users(self) -> list[str]:
        """Those who wait for active alerts; of very many, some."""
        async with self._taking_time() as connection:
            return [row["user_id"] for row in await connection.fetch(_USERS, timeout=_LONG_SECONDS)]

    async def load(self, instruments: Sequence[str]) -> RowTable:
        """Every active alert on `instruments`; an instrument's position is its slot. A million are 150 MB on the way."""
        copied = BytesIO()

        async def take(piece: bytes) -> None:
            # Here: into a file asyncpg writes each of ten thousand pieces in a thread.
            copied.write(piece)

        async with self._taking_time() as connection:
            await connection.copy_from_query(
                _LOAD, list(instruments), output=take, format="binary", timeout=_LONG_SECONDS
            )
        return from_copy(copied.getvalue())

    async def instruments_of(self, numbers: Sequence[int]) -> list[str]:
        """Those of these alerts, as far as they are active."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return [row["instrument"] for row in await connection.fetch(_INSTRUMENTS_OF, list(numbers))]

    async def changed(self, instruments: Sequence[str], numbers: Sequence[int]) -> list[Row]:
        """These alerts as they are; those that are missing are not active."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return [Row(*row.values()) for row in await connection.fetch(_CHANGED, list(instruments), list(numbers))]

    async def expire(self) -> list[int]:
        """End those whose time is over; their numbers."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return [row["alert_number"] for row in await connection.fetch(_EXPIRE)]

    async def wanted(self) -> set[str]:
        """The instruments that the feed is asked for in the name of alerts."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return {row["instrument"] for row in await connection.fetch(_WANTED, SUBSCRIBER)}

    async def want(self, lease: Lease, instruments: Sequence[str]) -> None:
        """Ask the feed for these too."""
        await self._execute(_WANT, LEASE, lease.holder, lease.epoch, SUBSCRIBER, list(instruments))

    async def want_no_more(self, lease: Lease, instruments: Sequence[str]) -> None:
        """Nobody waits for these."""
        await self._execute(_WANT_NO_MORE, LEASE, lease.holder, lease.epoch, SUBSCRIBER, list(instruments))

    async def mark_gone(self, instruments: Sequence[str], problem: str) -> list[Watcher]:
        """These are not in the scrip master any more; whom that is news for."""
        async with self._taking_time() as connection:
            rows = await connection.fetch(_MARK_GONE, list(instruments), problem, timeout=_LONG_SECONDS)
        return _watchers(rows)

    async def mark_back(self, instruments: Sequence[str]) -> None:
        """These are."""
        await self._execute(_MARK_BACK, list(instruments))

    async def watchers(self, instruments: Sequence[str]) -> list[Watcher]:
        """Who has alerts on these."""
        async with self._taking_time() as connection:
            return _watchers(await connection.fetch(_OWNERS, list(instruments), timeout=_LONG_SECONDS))

    @asynccontextmanager
    async def _taking_time(self) -> AsyncIterator[Any]:
        """A connection in a transaction whose statements may take long."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection, connection.transaction():
            await connection.execute(_TAKE_TIME)
            yield connection

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            await connection.execute(statement, *arguments)


def _watchers(rows: Sequence[Mapping[str, Any]]) -> list[Watcher]:
    return list(dict.fromkeys(Watcher(row["user_id"], row["instrument"]) for row in rows))


def _seen_columns(seen: Sequence[Row]) -> list[list[int]]:
    return [
        [row.number for row in seen],
        [row.generation for row in seen],
        [row.arms for row in seen],
        [row.mark for row in seen],
        [row.not_before_ms for row in seen],
    ]
