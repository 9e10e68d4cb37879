"""What keeps notifications, without a notifier: partitions by day, and the statement that inserts them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from notifier.partitions import DAYS_AHEAD, Partitions
from notifier.store import NotificationStore
from tests.support.settings import database_settings
from tradewinds.database.session import Database


class Day:
    """A clock that stands still."""

    def __init__(self, day: datetime) -> None:
        self.day = day

    def now(self) -> datetime:
        return self.day

    def monotonic(self) -> float:
        return 0.0


async def test_partitions_come_days_ahead_and_go_whole_when_they_are_old(database: Database) -> None:
    clock = Day(datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    partitions = Partitions(database, clock, retention_days=3)
    await asyncio.gather(partitions.keep(), partitions.keep())
    days = await tables(database)
    assert len(days) == DAYS_AHEAD + 2
    assert days[0] == "notifications_2026_02_28"
    await database.pool.execute(
        "INSERT INTO notifications (notification_id, created_at, user_id, type, severity, title, message) "
        "VALUES ('n', '2026-03-01', 'alice', 'ORDER_EXECUTED', 'INFO', 't', '')"
    )
    await database.pool.execute(
        "INSERT INTO notification_keys VALUES ('alice', 'old', 'n', '2026-03-01'), ('alice', 'new', 'm', '2026-03-05')"
    )
    await database.pool.execute(
        """
        INSERT INTO phone_commands (command_id, bot_id, chat_id, user_id, command, state, created_at) VALUES
        ('old', 'b', 1, 'alice', '/pnl', 'DONE', '2026-03-01'), ('taken', 'b', 1, 'alice', '/kill', 'ACCEPTED', '2026-03-01'),
        ('new', 'b', 1, 'alice', '/pnl', 'DONE', '2026-03-05')
        """
    )
    clock.day = datetime(2026, 3, 5, tzinfo=UTC)
    await partitions.keep()
    assert (await tables(database))[0] == "notifications_2026_03_02"
    assert await database.pool.fetchval("SELECT count(*) FROM notifications") == 0
    assert await database.pool.fetch("SELECT dedupe_key FROM notification_keys") == [("new",)]
    assert await database.pool.fetch("SELECT command_id FROM phone_commands ORDER BY 1") == [("new",), ("taken",)]


async def tables(database: Database) -> list[str]:
    rows = await database.pool.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^notifications_[0-9]' AND relkind = 'r' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def test_before_the_first_is_kept_its_statement_is_planned_for_good_however_small_the_pool(
    database_url: str,
) -> None:
    database = Database(database_settings(database_url))
    await database.connect()
    plans = """
    SELECT custom_plans, generic_plans FROM pg_prepared_statements
    WHERE statement LIKE '%INSERT INTO notification_keys%' AND statement NOT LIKE '%pg_prepared_statements%'
    """
    try:
        await NotificationStore(database).begin()
        async with database.pool.acquire() as one, database.pool.acquire() as other:
            assert database.pool.get_max_size() == 2
            for connection in (one, other):
                (planned,) = await connection.fetch(plans)
                assert planned["generic_plans"] > 0, planned
    finally:
        await database.close()
