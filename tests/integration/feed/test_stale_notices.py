"""A silence of the feed is one message, once, and not for what passes by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine_server.feed.stale_notices import TELL_AFTER_SECONDS, StaleNotices
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database
from tradewinds.instruments import InstrumentKey

NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
async def owners(database: Database) -> Database:
    await database.pool.execute("INSERT INTO users (user_id, display_name) VALUES ('asha', 'Asha'), ('ravi', 'Ravi')")
    await database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) "
        "VALUES ('A', 'asha', 'A1', ''), ('B', 'ravi', 'B1', ''), ('C', 'ravi', 'C1', '')"
    )
    return database


async def test_a_silence_is_told_once_to_everybody_who_trades(owners: Database) -> None:
    clock, stale, active = _Clock(), dict[InstrumentKey, int](), True
    notices = StaleNotices(owners, lambda: stale, clock, lambda: active)

    async def topics() -> list[tuple[str, str]]:
        await notices.look()
        rows = await owners.pool.fetch("SELECT topic, payload FROM outbox ORDER BY topic, payload ->> 'user_id'")
        return [(row["topic"], row["payload"]["user_id"]) for row in rows]

    since = int(NOW.timestamp() * 1_000)
    stale |= {f"NSE:S{number}-EQ": since for number in range(7)}
    assert await topics() == []
    stale.clear()  # it was mended in time
    assert await topics() == []
    stale |= {f"NSE:S{number}-EQ": since for number in range(7)}
    clock.moment += timedelta(seconds=TELL_AFTER_SECONDS)
    told = [("FEED_STALE", "asha"), ("FEED_STALE", "ravi")]
    assert await topics() == told
    assert (await owners.pool.fetchval("SELECT payload ->> 'title' FROM outbox LIMIT 1")).endswith("S4-EQ and 2 more")
    stale["NSE:S8-EQ"] = since + 9_000  # more of the same silence
    assert await topics() == told
    stale.clear()
    assert await topics() == [("FEED_RESUMED", "asha"), ("FEED_RESUMED", "ravi"), *told]


async def test_a_feed_that_has_handed_over_says_nothing(owners: Database) -> None:
    notices = StaleNotices(owners, lambda: {"NSE:TCS-EQ": 0}, _Clock(), lambda: False)
    await notices.look()
    assert await owners.pool.fetchval("SELECT count(*) FROM outbox") == 0
