"""The evaluator on real PostgreSQL and Valkey: one fire whoever judges and whoever dies, and nothing missed that can be known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis

from notifier.alerts.book import AlertBook, Fire
from notifier.alerts.evaluation_store import EvaluationStore
from notifier.alerts.fire_store import FireStore
from notifier.alerts.firing import STORM_BUDGET, Firing
from notifier.alerts.tick_source import latest_quotes
from tests.integration.alerts.market import FUTURE, RELIANCE, SBIN, Market, list_instruments
from tests.integration.alerts.replicas import Told, an_alert, lease_expires, replica
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError

SECONDS = 20.0  # on a busy machine


@pytest.fixture(name="valkey")
async def listed(redis: RedisConnection) -> Redis:
    """With a scrip master."""
    await list_instruments(redis.client, SBIN, RELIANCE, FUTURE)
    return redis.client


@pytest.fixture
def market(valkey: Redis) -> Market:
    return Market(valkey)


@pytest.fixture
def told() -> Told:
    return Told()


async def is_judging(database: Database) -> None:
    """Everything is loaded: the subscriptions are written after it."""

    async def is_there() -> bool:
        return bool(await database.pool.fetchval("SELECT count(*) FROM market_subscriptions"))

    await eventually(is_there, timeout=SECONDS)


@asynccontextmanager
async def firing(database: Database) -> AsyncIterator[Firing]:
    """On a connection of its own."""
    one = Firing(database)
    try:
        yield one
    finally:
        await one.close()


async def fires(database: Database) -> list[Any]:
    return list(await database.pool.fetch("SELECT * FROM price_alert_fires ORDER BY fire_number"))


async def fired(database: Database, count: int) -> list[Any]:
    async def are_there() -> list[Any]:
        found = await fires(database)
        return found if len(found) >= count else []

    return await eventually(are_there, timeout=SECONDS, what=f"{count} fires")


async def kept(database: Database, number: int, **expected: int) -> None:
    """What was seen of an alert has been kept."""

    async def is_kept() -> bool:
        row = await database.pool.fetchrow("SELECT * FROM price_alerts WHERE alert_number = $1", number)
        assert row is not None
        assert {name: row[name] for name in expected} == expected
        return True

    await eventually(is_kept, timeout=SECONDS)


async def test_a_cross_is_committed_with_the_market_and_told_once(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    await an_alert(database, SBIN, note="sell half")
    async with replica(database, valkey, told):
        await is_judging(database)
        await market.tick(SBIN, 799, 800.5, volume=7, open_interest=9)
        (fire,) = await fired(database, 1)
        is_told = "SELECT told_at IS NOT NULL FROM price_alert_fires"
        await eventually(lambda: database.pool.fetchval(is_told), timeout=SECONDS)
    assert told.titles == ["NSE:SBIN-EQ: price crosses up through ₹800.00"]
    (notification,) = told.by_key.values()
    assert notification.message == "It is ₹800.50 (before: ₹799.00). Your note: sell half"
    assert (fire["value"], fire["previous"], fire["level"], fire["late"]) == (8_005_000, 7_990_000, 8_000_000, False)
    assert fire["snapshot"]["last_price"] == "800.50"
    assert (fire["snapshot"]["volume"], fire["snapshot"]["open_interest"]) == (7, 9)
    row = await database.pool.fetchrow("SELECT * FROM price_alerts")
    assert row is not None
    assert (row["state"], row["generation"], row["fire_count"]) == ("TRIGGERED", 2, 1)


async def test_parallel_fires_of_one_generation_are_one(database: Database, valkey: Redis) -> None:
    """Two evaluators that each believe the lease theirs, on one PostgreSQL."""
    numbers = [await an_alert(database, SBIN, frequency="EVERY_TIME", cooldown_seconds=60) for _ in range(20)]
    store = EvaluationStore(database)
    market = Market(valkey)
    await market.tick(SBIN, 801)
    ticks = await latest_quotes(valkey, [SBIN])

    async def judged() -> list[Fire]:
        book = AlertBook([(1, 3045)], await store.load([SBIN]), 1)
        found = book.judge(ticks, np.array([5]), 1)
        assert len(found) == 20
        return found

    async def commit(found: list[Fire]) -> set[int]:
        async with firing(database) as one:
            return {row["alert_number"] for row in await one.fire(found)}

    won = await asyncio.gather(*[commit(found) for found in [await judged() for _ in range(3)]])
    assert sorted(number for part in won for number in part) == sorted(numbers)
    assert len(await fires(database)) == 20


async def test_a_fire_whose_connection_was_cut_is_committed_on_another(database: Database, valkey: Redis) -> None:
    await an_alert(database, SBIN)
    await Market(valkey).tick(SBIN, 801)
    book = AlertBook([(1, 3045)], await EvaluationStore(database).load([SBIN]), 1)
    found = book.judge(await latest_quotes(valkey, [SBIN]), np.array([5]), 1)
    async with firing(database) as one:
        await one.begin()
        await database.pool.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE '%json_to_recordset%'"
            " AND pid <> pg_backend_pid() AND datname = current_database()"
        )
        with pytest.raises(PASSING_FAULTS):
            await one.fire(found)
        assert len(await one.fire(found)) == 1
    assert len(await fires(database)) == 1


async def test_two_replicas_and_a_take_over_tell_each_cross_once(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    await an_alert(database, SBIN)
    second = await an_alert(database, SBIN, upper=8_100_000, lower=8_100_000)
    async with replica(database, valkey, told):
        await is_judging(database)
        await market.tick(SBIN, 801)
        await fired(database, 1)
    async with replica(database, valkey, told), replica(database, valkey, told):
        await market.tick(SBIN, 811)
        await lease_expires(database)
        assert len(await fired(database, 2)) == 2
        await eventually(lambda: len(told.titles) == 2, timeout=SECONDS)
    assert len(await fires(database)) == 2
    await kept(database, second, generation=2)


async def test_ticks_that_came_while_nobody_judged_are_judged_by_the_next(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    number = await an_alert(database, SBIN, arms=0)
    async with replica(database, valkey, told) as first:
        await is_judging(database)
        await market.tick(SBIN, 799)
        await kept(database, number, arms=1)
        await first.stop()
    await market.tick(SBIN, 803, 795)
    async with replica(database, valkey, told):
        (fire,) = await fired(database, 1)
    assert (fire["value"], fire["late"]) == (8_030_000, False)


async def test_a_restart_is_not_a_cross(database: Database, valkey: Redis, market: Market, told: Told) -> None:
    """The side was kept: the first tick after a restart is not the first one ever."""
    number = await an_alert(database, SBIN, arms=4)
    watched = await an_alert(database, RELIANCE)
    async with replica(database, valkey, told) as first:
        await is_judging(database)
        await market.tick(SBIN, 805)
        await kept(database, number, arms=0)
        await first.stop()
    async with replica(database, valkey, told):
        await market.tick(SBIN, 806)
        await market.tick(RELIANCE, 806)
        await kept(database, watched, generation=2)
    assert len(await fires(database)) == 1


async def test_a_cross_that_nobody_saw_is_found_in_the_last_quote_and_says_so(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    await an_alert(database, SBIN)
    await market.tick(SBIN, 820, is_streamed=False)
    async with replica(database, valkey, told):
        (fire,) = await fired(database, 1)
        await eventually(lambda: told.by_key, timeout=SECONDS)
    assert fire["late"]
    assert "Nobody watched" in next(iter(told.by_key.values())).message


async def test_an_alert_made_changed_and_deleted_while_the_evaluator_runs(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    await an_alert(database, RELIANCE)
    async with replica(database, valkey, told):
        await is_judging(database)
        for_ever = await an_alert(database, SBIN)
        deleted = await an_alert(database, SBIN)
        await database.pool.execute("DELETE FROM price_alerts WHERE alert_number = $1", deleted)
        await database.pool.execute("SELECT pg_notify('price_alerts', $1)", str(deleted))

        async def is_wanted() -> bool:
            found = await database.pool.fetch("SELECT instrument, subscriber FROM market_subscriptions")
            return {tuple(row) for row in found} == {(SBIN, "price-alerts"), (RELIANCE, "price-alerts")}

        await eventually(is_wanted, timeout=SECONDS)
        await market.tick(SBIN, 801)
        await kept(database, for_ever, generation=2)

        async def is_wanted_no_more() -> bool:
            return bool(await database.pool.fetchval("SELECT count(*) = 1 FROM market_subscriptions"))

        await eventually(is_wanted_no_more, timeout=SECONDS)
    assert len(await fires(database)) == 1


async def test_what_has_expired_or_is_snoozed_in_the_table_does_not_fire(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    """Whatever the index believes: the statement judges by the database's clock."""
    store = EvaluationStore(database)
    expired = await an_alert(database, SBIN)
    snoozed = await an_alert(database, SBIN)
    book = AlertBook([(1, 3045)], await store.load([SBIN]), 1)
    await database.pool.execute(
        "UPDATE price_alerts SET expires_at = clock_timestamp() WHERE alert_number = $1", expired
    )
    await database.pool.execute(
        "UPDATE price_alerts SET snoozed_until = clock_timestamp() + interval '1 hour' WHERE alert_number = $1", snoozed
    )
    await market.tick(SBIN, 801)
    found = book.judge(await latest_quotes(valkey, [SBIN]), np.array([5]), 1)
    assert len(found) == 2
    async with firing(database) as one:
        assert await one.fire(found) == []
    assert await store.expire() == [expired]


async def test_a_notification_that_could_not_be_handed_on_is_handed_on_by_whoever_comes_next(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    """Killed between the fire and its notification."""
    await an_alert(database, SBIN)
    told.failure = UnavailableError("PostgreSQL does not answer")
    async with replica(database, valkey, told):
        await is_judging(database)
        await market.tick(SBIN, 801)
        await fired(database, 1)
    told.failure = None
    async with replica(database, valkey, told):
        await eventually(lambda: told.titles, timeout=SECONDS)
    assert len(told.titles) == 1


async def test_a_storm_is_told_as_one_message_with_a_count(
    database: Database, valkey: Redis, market: Market, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.alerts.fire_store.GROUPED_AFTER", timedelta(0))
    for number in range(STORM_BUDGET + 37):
        await an_alert(database, SBIN, upper=8_000_000 + number, lower=8_000_000 + number)
    await an_alert(database, SBIN, user_id="bob")
    async with replica(database, valkey, told):
        await is_judging(database)
        await market.tick(SBIN, 810)
        await fired(database, STORM_BUDGET + 38)
        await eventually(lambda: len(told.titles) >= STORM_BUDGET + 2, timeout=SECONDS)

        async def all_are_told() -> bool:
            return bool(await database.pool.fetchval("SELECT bool_and(told_at IS NOT NULL) FROM price_alert_fires"))

        await eventually(all_are_told, timeout=SECONDS)
    assert len(told.titles) == STORM_BUDGET + 2
    (storm,) = [new for new in told.by_key.values() if "more price alerts" in new.title]
    assert (storm.title, storm.user_id, storm.data["count"]) == ("37 more price alerts", "alice", 37)
    assert "and 27 more" in storm.message


async def test_a_group_that_was_written_down_is_the_same_group_for_whoever_tells_it(database: Database) -> None:
    await an_alert(database, SBIN)
    for generation in range(1, 4):
        await database.pool.execute(
            "INSERT INTO price_alert_fires (alert_id, generation, user_id, instrument, measure, description, note, value, previous,"
            " level, direction, late, snapshot, grouped, fired_at)"
            " VALUES ('a', $1, 'alice', 'X', 'PRICE', '', '', 1, 1, 1, 1, false, '{}', true, now() - interval '1 minute')",
            generation,
        )
    first, second = await FireStore(database).groups(), await FireStore(database).groups()
    assert [[fire["fire_number"] for fire in group] for group in first] == [
        [f["fire_number"] for f in g] for g in second
    ]
    assert len(first) == 1
    assert {fire["message_key"] for fire in first[0]} == {f"price-alerts:{first[0][0]['fire_number']}"}


async def test_old_fires_that_were_told_are_forgotten(database: Database) -> None:
    for generation, is_told, days in ((1, True, 91), (2, False, 91), (3, True, 89)):
        await database.pool.execute(
            "INSERT INTO price_alert_fires (alert_id, generation, user_id, instrument, measure, description, note, value, previous,"
            " level, direction, late, snapshot, grouped, told_at, fired_at)"
            " VALUES ('a', $1, 'alice', 'X', 'PRICE', '', '', 1, 1, 1, 1, false, '{}', false, CASE WHEN $2 THEN now() END,"
            " now() - make_interval(days => $3))",
            *(generation, is_told, days),
        )
    await FireStore(database).forget(timedelta(days=90))
    assert [fire["generation"] for fire in await fires(database)] == [2, 3]


async def test_an_instrument_that_has_gone_says_so_and_comes_back(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    number = await an_alert(database, FUTURE)
    await an_alert(database, SBIN)
    async with replica(database, valkey, told):
        await is_judging(database)
        await list_instruments(valkey, SBIN, version="v2")
        await eventually(lambda: told.titles, timeout=SECONDS)
        assert await database.pool.fetchval("SELECT problem FROM price_alerts WHERE alert_number = $1", number) == (
            "UNKNOWN_INSTRUMENT"
        )
        await list_instruments(valkey, SBIN, FUTURE, version="v3")

        async def is_well() -> bool:
            return not await database.pool.fetchval("SELECT count(*) FROM price_alerts WHERE problem <> ''")

        await eventually(is_well, timeout=SECONDS)
    assert told.titles == ["Price alerts are blind on 1 instrument"]
    assert {new.type for new in told.by_key.values()} == {"PRICE_ALERT_BLIND"}


async def test_a_long_silence_in_an_open_market_is_told_once(
    database: Database, valkey: Redis, market: Market, told: Told
) -> None:
    await an_alert(database, SBIN)
    await an_alert(database, SBIN)
    await valkey.hset(redis_keys.STALE, SBIN, "1000")
    async with replica(database, valkey, told):
        await eventually(lambda: told.titles, timeout=SECONDS)
    async with replica(database, valkey, told):
        await lease_expires(database)
        await eventually(lambda: told.times >= 2, timeout=SECONDS)
    assert told.titles == ["Price alerts are blind on 1 instrument"]


async def test_a_frozen_holder_keeps_nothing_once_its_lease_is_anothers(database: Database) -> None:
    number = await an_alert(database, SBIN)
    store = EvaluationStore(database)
    ttl = timedelta(seconds=30)
    old = await store.take_lease("old", ttl)
    assert old is not None
    assert await store.take_lease("new", ttl) is None
    await lease_expires(database)
    new = await store.take_lease("new", ttl)
    assert new is not None
    assert new.epoch == old.epoch + 1
    book = AlertBook([(1, 3045)], await store.load([SBIN]), 1)
    row = book._table[0]._replace(arms=0)
    assert not await store.keep(old, ttl, {"md:ticks": "9-9"}, [row])
    await store.want(old, [SBIN])
    assert await store.wanted() == set()
    await kept(database, number, arms=1)
    assert await store.keep(new, ttl, {"md:ticks": "5-0"}, [row])
    await kept(database, number, arms=0)
    await store.release_lease(new)
    third = await store.take_lease("third", ttl)
    assert third is not None
    assert third.positions == {"md:ticks": "5-0"}
