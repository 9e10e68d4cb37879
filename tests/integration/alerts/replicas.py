"""Replicas of the evaluator in the test's own process, which can be stopped and cut off at any moment."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from notifier.alerts.evaluator import Evaluator
from notifier.alerts.fire_store import FireStore
from notifier.alerts.teller import Teller
from notifier.notification import NewNotification
from notifier.preference_store import PreferenceStore
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database


class Told:
    """Collects notifications as the notifier's sending does: one for each key. `refusing` is a notifier that cannot keep them."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[str, str], NewNotification] = {}
        self.times = 0
        self.failure: Exception | None = None

    async def accept(self, news: Sequence[NewNotification], *, is_known_new: bool = False) -> Sequence[NewNotification]:
        if self.failure is not None:
            raise self.failure
        return news

    async def tell(self, news: Sequence[NewNotification]) -> object:
        self.times += len(news)
        for new in news:
            self.by_key.setdefault((new.user_id, new.dedupe_key), new)
        return None

    @property
    def titles(self) -> list[str]:
        return [new.title for new in self.by_key.values()]


@asynccontextmanager
async def replica(database: Database, redis: Redis, told: Told) -> AsyncIterator[Evaluator]:
    """A replica; leaving the block kills it, lease and all."""
    teller = Teller(FireStore(database), told, SystemClock(), timedelta(days=90))
    evaluator = Evaluator(
        database, redis, teller, PreferenceStore(database), SystemClock(), f"judge-{secrets.token_hex(4)}"
    )
    tasks = [asyncio.create_task(one) for one in (evaluator.run(), teller.run(), teller.sweep())]
    try:
        yield evaluator
        for task in tasks:
            assert not task.done() or not task.exception(), task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def an_alert(database: Database, instrument: str, **columns: Any) -> int:
    """A row, as a person may insert it; it crosses up through 800 and has seen the price below. Its number."""
    values: Mapping[str, Any] = {
        "alert_id": f"alr-{secrets.token_hex(6)}",
        "user_id": "alice",
        "instrument": instrument,
        "condition": "CROSSES_UP",
        "lower": 8_000_000,
        "upper": 8_000_000,
        "arms": 1,
        **columns,
    }
    names, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
    number = await database.pool.fetchval(
        f"INSERT INTO price_alerts ({names}) VALUES ({places}) RETURNING alert_number",  # noqa: S608
        *values.values(),
    )
    await database.pool.execute("SELECT pg_notify('price_alerts', $1)", str(number))
    return int(number)


async def lease_expires(database: Database) -> None:
    """Its holder has not been heard of for long enough."""
    await database.pool.execute("UPDATE price_alert_leases SET expires_at = clock_timestamp()")
