"""Which day a scrip master is of: what changes from one to the next, what is served again, what is forgotten."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.database.rows import an_account
from tests.integration.feed.scrip_master_site import (
    MONDAY,
    TUESDAY,
    Site,
    Starter,
    at,
    has_days,
    master,
    on_record,
    published,
)
from tests.support.feed_process import Valkey, wish
from tests.support.waiting import eventually
from tests.unit.feed.test_scrip_master import row
from tradewinds import redis_keys
from tradewinds.database.session import Database


async def test_what_is_old_is_forgotten_and_the_same_file_is_kept_once(
    site: Site, database: Database, start: Starter
) -> None:
    await database.pool.execute(
        "INSERT INTO scrip_masters (version, trade_day, row_count, rows_by_exchange, content, fetched_at)"
        " VALUES ('old', '2026-11-01', 1, '{}', '', now() - interval '8 days'),"
        " ('recent', '2026-11-20', 1, '{}', '', now() - interval '3 days')"
    )
    site.body = master()
    kept = start()
    await eventually(lambda: has_days(database, [MONDAY, date(2026, 11, 20)]))
    site.last_modified = at("2026-11-24T06:00:00")
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: has_days(database, [TUESDAY, date(2026, 11, 20)]), timeout=10)
    assert kept.keeper.listing.trade_day == TUESDAY


@pytest.mark.parametrize("restarted", [False, True])
async def test_yesterdays_file_served_again_is_not_todays(
    site: Site, valkey: Valkey, database: Database, start: Starter, restarted: bool
) -> None:
    site.body, site.last_modified = master(), at("2026-11-23T07:30:00")
    kept = start()
    await eventually(lambda: has_days(database, [MONDAY]))
    start.at("2026-11-24T09:00:00")
    if restarted:
        await kept.stop()
        await valkey.flushall()
        kept = start()
    await eventually(lambda: kept.keeper.problem, timeout=10)
    assert "still serves that of 2026-11-23, unchanged; 2026-11-24's is not there yet" in kept.keeper.problem
    assert "SCRIP_MASTER_MAY_REPEAT" in kept.keeper.problem
    await eventually(lambda: published(valkey), timeout=10)
    assert kept.keeper.listing.trade_day == MONDAY
    assert await valkey.get(redis_keys.INSTRUMENTS_DAY) == b"2026-11-23"
    site.body = master(row("2885", "RELIANCE-EQ"))
    await eventually(lambda: kept.keeper.listing.trade_day == TUESDAY, timeout=20)
    assert kept.keeper.problem == ""


async def test_an_unchanged_file_serves_where_the_operator_says_so(
    site: Site, database: Database, start: Starter
) -> None:
    site.body = master()
    kept = start(may_repeat=True)
    await eventually(lambda: has_days(database, [MONDAY]))
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: kept.keeper.listing.trade_day == TUESDAY, timeout=10)


async def test_on_a_day_off_an_unchanged_file_goes_on_serving_under_its_own_day(
    site: Site, database: Database, start: Starter
) -> None:
    start.days_off = {TUESDAY}
    site.body = master()
    kept = start()
    await eventually(lambda: has_days(database, [MONDAY]))
    asked = site.asked
    start.at("2026-11-24T09:00:00")
    await eventually(lambda: site.asked > asked and not kept.keeper.problem, timeout=10)
    assert kept.keeper.listing.trade_day == MONDAY


async def test_a_changed_series_is_written_down_once_pauses_whom_it_concerns_and_is_told(
    site: Site, valkey: Valkey, database: Database, start: Starter
) -> None:
    async with database.session() as session:
        await an_account(session)
    for name, config in (
        ("one", {"symbols": ["NSE:XYZ-EQ", "NSE:SBIN-EQ"]}),
        ("two", {"symbol": "NSE:SBIN-EQ"}),
        ("watching", {}),
    ):
        await database.pool.execute(
            "INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config)"
            " VALUES ($1, 'u1', 'a1', 'm', 'C', $2)",
            *(name, config),
        )
    await wish(database, "NSE:XYZ-EQ", subscriber="config:watching")
    site.body = master(row("11", "XYZ-EQ", name="XYZ"))
    first = start()
    await eventually(lambda: on_record(database))
    # It dies after tomorrow's is in force, before that is on record.
    await first.stop()
    site.body = master(row("12", "XYZ-BE", name="XYZ"))
    start.at("2026-11-24T09:00:00")
    for _ in range(2):
        await valkey.flushall()
        kept = start()
        await eventually(lambda: has_days(database, [TUESDAY, MONDAY]))
        await kept.stop()
    (change,) = await database.pool.fetch("SELECT * FROM instrument_changes")
    assert (change["trade_day"], change["instrument"], change["kind"]) == (TUESDAY, "NSE:XYZ-EQ", "SERIES")
    assert (change["before"], change["after"]) == ("NSE:XYZ-EQ", "NSE:XYZ-BE")
    commands = await database.pool.fetch("SELECT * FROM strategy_commands ORDER BY config_id")
    assert [(c["config_id"], c["verb"], c["issuer"]) for c in commands] == [
        ("one", "PAUSE", "scrip master"),
        ("watching", "PAUSE", "scrip master"),
    ]
    assert commands[0]["reason"] == "NSE:XYZ-EQ changed its series: it is NSE:XYZ-BE now (scrip master of 2026-11-24)"
    told, _ = await database.pool.fetch("SELECT * FROM outbox ORDER BY payload -> 'data' ->> 'config_id'")
    assert (told["topic"], told["payload"]["data"]["config_id"]) == ("INSTRUMENT_CHANGED", "one")
    assert "resume it" in told["payload"]["message"]
