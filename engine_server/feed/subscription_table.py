"""The table `market_subscriptions`: who wants what. Expiry is judged by database time."""

from __future__ import annotations

from engine_server.feed.subscriptions import Wish
from tradewinds.database.session import Database

CHANNEL = "market_subscriptions"

_READ = """
SELECT subscriber, instrument, priority, coalesce(expires_at <= now(), false) AS expired FROM market_subscriptions
ORDER BY subscriber, instrument
"""
# The trigger notifies per statement, even where no row is hit: this runs only after expired rows were seen.
_DELETE_EXPIRED = "DELETE FROM market_subscriptions WHERE expires_at <= now()"
_TIMEOUT_SECONDS = 3.0


class SubscriptionTable:
    """Reads the wishes. Raises asyncpg's errors, OSError and TimeoutError while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wishes(self) -> list[Wish]:
        """The wishes that hold now; those that have expired are deleted on the way."""
        async with self._database.pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
            rows = await connection.fetch(_READ)
            if any(row["expired"] for row in rows):
                await connection.execute(_DELETE_EXPIRED)
        return [Wish(row["subscriber"], row["instrument"], row["priority"]) for row in rows if not row["expired"]]
