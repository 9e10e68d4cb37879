"""A user's limit holds, also when all come at once."""

from __future__ import annotations

import asyncio

from notifier.alerts.desk import AlertDesk
from notifier.alerts.domain.definition import Wish
from notifier.alerts.domain.vocabulary import Condition
from tests.integration.alerts.market import SBIN, list_instruments
from tradewinds.clock import SystemClock
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.ids import new_id


async def test_one_alert_too_many_is_refused_with_what_to_do(database: Database, redis: RedisConnection) -> None:
    await list_instruments(redis.client, SBIN)
    desk = AlertDesk(redis.client, SystemClock(), new_id, alerts_per_user=2)

    async def create(user_id: str) -> str:
        try:
            async with database.session() as session:
                await desk.create(session, user_id, "SBIN", Wish(Condition.ABOVE, threshold="800"))
                await session.commit()
        except PreconditionError as e:
            return e.reason if "delete some first" in e.message else e.message
        return "made"

    assert sorted(await asyncio.gather(*(create("alice") for _ in range(4)))) == ["TOO_MANY_ALERTS"] * 2 + ["made"] * 2
    assert await create("bob") == "made"
