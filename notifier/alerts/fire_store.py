"""Fires as rows: which have to be told, which belong together, which have been told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tradewinds.database.session import Database

Fired = Mapping[str, Any]

_SECONDS: Final = 5.0
_AT_ONCE: Final = 200
# What fires beyond the budget waits so long for company.
GROUPED_AFTER: Final = timedelta(seconds=10)

_UNTOLD: Final = f"""
SELECT * FROM price_alert_fires
WHERE told_at IS NULL AND NOT grouped AND fired_at < now() - $1::interval
ORDER BY fire_number LIMIT {_AT_ONCE}
"""  # noqa: S608 - a constant
# The group is written down before anybody is told of it, so that whoever tells it again tells the same.
_GROUP: Final = """
UPDATE price_alert_fires f SET message_key = due.message_key
FROM (
    SELECT user_id, 'price-alerts:' || min(fire_number) AS message_key FROM price_alert_fires
    WHERE told_at IS NULL AND grouped AND message_key IS NULL
    GROUP BY user_id HAVING min(fired_at) < now() - $1::interval
) AS due
WHERE f.user_id = due.user_id AND f.told_at IS NULL AND f.grouped AND f.message_key IS NULL
"""
_GROUPS: Final = """
SELECT * FROM price_alert_fires WHERE told_at IS NULL AND grouped AND message_key IS NOT NULL ORDER BY fire_number
"""
_PAGE: Final = """
SELECT * FROM price_alert_fires
WHERE ($1::text IS NULL OR user_id = $1) AND ($2::text IS NULL OR alert_id = $2) AND ($3::int8 IS NULL OR fire_number < $3)
ORDER BY fire_number DESC LIMIT $4
"""
# From the old end, where the newest of a thousand says whether there is anything to do.
_FORGET: Final = """
DELETE FROM price_alert_fires WHERE told_at IS NOT NULL AND fired_at < now() - $1::interval AND fire_number IN (
    SELECT fire_number FROM price_alert_fires ORDER BY fire_number LIMIT 1000
)
"""
_TOLD: Final = """
UPDATE price_alert_fires SET told_at = clock_timestamp() WHERE fire_number = ANY($1) AND told_at IS NULL
"""


class FireStore:
    """Raises asyncpg's errors, OSError and TimeoutError while PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user_id: str | None, alert_id: str | None, before: int | None, limit: int) -> list[Fired]:
        """Newest first, of one user, of one alert or both, below the number of the last one seen."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return list(await connection.fetch(_PAGE, user_id, alert_id, before, limit))

    async def untold(self, older_than: timedelta) -> list[Fired]:
        """Some of those that somebody should have told by now, oldest first."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            return list(await connection.fetch(_UNTOLD, older_than))

    async def groups(self) -> list[Sequence[Fired]]:
        """Storms that are due, each the fires of one user that are told together."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            await connection.execute(_GROUP, GROUPED_AFTER)
            rows = await connection.fetch(_GROUPS)
        together: dict[str, list[Fired]] = {}
        for row in rows:
            together.setdefault(row["message_key"], []).append(row)
        return list(together.values())

    async def forget(self, older_than: timedelta) -> None:
        """Delete some of those that are too old."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            await connection.execute(_FORGET, older_than)

    async def told(self, fires: Sequence[Fired]) -> None:
        """Their notifications have been handed on."""
        async with self._database.pool.acquire(timeout=_SECONDS) as connection:
            await connection.execute(_TOLD, [fire["fire_number"] for fire in fires])
