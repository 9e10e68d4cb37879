"""The end of the ladder: REDUCE_ONLY, only where it is wanted, in session, with something open; once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from notifier.engines import Engines
from notifier.escalation import Escalator
from notifier.last_resort import LastResort
from notifier.partitions import Partitions
from notifier.preference_store import PreferenceStore
from notifier.preferences import Preferences
from tests.integration.notifier.engine import Engine
from tests.integration.notifier.test_delivery import CLOCK
from tests.support.signing import Signing
from tradewinds import ids
from tradewinds.auth import SERVICE
from tradewinds.clock import IST
from tradewinds.database.session import Database
from tradewinds.v1 import risk_pb2

WILLING = Preferences(reduce_only_accounts=frozenset({"ACC1", "ACC9"}))


class Ladder:
    """An order of alice's whose outcome nobody knows, and nobody acknowledges."""

    def __init__(self, database: Database, engine: Engine, signing: Signing) -> None:
        self.database = database
        self.engine = engine
        self.preferences = PreferenceStore(database)
        self._engines = Engines([engine.address])
        token = signing.token("notifier-0", SERVICE)
        self.resorts = [LastResort(database, self.preferences, self._engines, token) for _ in range(2)]

    async def climb(self) -> None:
        """The next step's time has come."""
        await self.database.pool.execute("UPDATE notification_escalations SET due_at = now() WHERE state = 'ACTIVE'")
        assert await Escalator(self.database, ids.new_id, lambda: None).climb() == 1

    async def look(self) -> int:
        """Both replicas look at once; how many kill switches were engaged."""
        before = len(self.engine.asked)
        await asyncio.gather(*(one.look() for one in self.resorts))
        return len(self.engine.asked) - before

    async def close(self) -> None:
        await self._engines.close()


@pytest.fixture
async def ladder(database: Database, signing: Signing) -> AsyncIterator[Ladder]:
    await Partitions(database, CLOCK, 90).keep()
    await database.pool.execute(
        """
        INSERT INTO notifications (notification_id, user_id, type, severity, title, message, data, must_acknowledge, created_at)
        VALUES ('ntf-1', 'alice', 'ORDER_UNKNOWN', 'CRITICAL', 'BUY 10 TCS: unknown', '', '{"account_id": "ACC1"}', true, now())
        """
    )
    await database.pool.execute(
        "INSERT INTO notification_escalations (notification_id, user_id, steps, next_step, due_at) VALUES ('ntf-1', 'alice', $1, 1, now())",
        [{"after_seconds": 0, "user_id": "", "channels": []}, {"after_seconds": 60, "user_id": "bob", "channels": []}],
    )
    async with Engine(signing) as engine:
        engine.owner, engine.quantity = "alice", 10
        one = Ladder(database, engine, signing)
        yield one
        await one.close()


async def test_an_unanswered_ladder_ends_in_reduce_only_once(ladder: Ladder) -> None:
    await ladder.preferences.write("alice", WILLING, actor="alice")
    assert await ladder.look() == 0
    await ladder.climb()  # everybody has been told now
    assert await ladder.look() == 0
    await ladder.climb()  # and nobody has acknowledged for the time of a repetition
    assert await ladder.look() == 1
    actor, source, request = ladder.engine.asked[0]
    assert (actor, source) == ("notifier-0", "escalation")
    assert (request.action, request.subject_id) == (risk_pb2.KILL_ACTION_REDUCE_ONLY, "ACC1")
    assert "nobody acknowledged ORDER_UNKNOWN (ntf-1)" in request.reason
    await ladder.climb()
    assert await ladder.look() == 0


async def test_not_where_nobody_asked_for_it(ladder: Ladder) -> None:
    await ladder.climb()
    await ladder.climb()
    assert await ladder.look() == 0


async def test_not_for_an_account_of_somebody_else(ladder: Ladder) -> None:
    ladder.engine.owner = "bob"
    await ladder.preferences.write("alice", WILLING, actor="alice")
    await ladder.climb()
    await ladder.climb()
    assert await ladder.look() == 0


async def test_it_waits_for_the_session_and_for_exposure_and_ends_with_the_acknowledgement(ladder: Ladder) -> None:
    await ladder.preferences.write("alice", WILLING, actor="alice")
    await ladder.climb()
    await ladder.climb()
    ladder.engine.market_time = datetime(2026, 11, 27, 15, 30, tzinfo=IST)
    assert await ladder.look() == 0
    ladder.engine.market_time, ladder.engine.quantity = datetime(2026, 11, 27, 15, 29, tzinfo=IST), 0
    assert await ladder.look() == 0
    await ladder.database.pool.execute("UPDATE notification_escalations SET state = 'ACKNOWLEDGED'")
    ladder.engine.quantity = -10
    assert await ladder.look() == 0
    await ladder.database.pool.execute("UPDATE notification_escalations SET state = 'ACTIVE'")
    assert await ladder.look() == 1
