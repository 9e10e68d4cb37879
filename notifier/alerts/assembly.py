"""What this process has for price alerts, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from notifier.alerts.desk import AlertDesk
from notifier.alerts.evaluator import Evaluator
from notifier.alerts.fire_store import FireStore
from notifier.alerts.teller import Teller
from notifier.alerts.templated import TemplatedFires
from notifier.arrival import one_by_one
from notifier.drafts import Accepted
from notifier.notification import NewNotification
from notifier.ports import PreferenceSource
from notifier.sending import Sender
from notifier.settings import NotifierSettings
from tradewinds import ids, service
from tradewinds.clock import Clock
from tradewinds.database.session import Database


@dataclass(frozen=True)
class Alerts:
    """For the rpcs; `evaluator` is to be stopped in order."""

    database: Database
    desk: AlertDesk
    fires: FireStore
    evaluator: Evaluator
    templated: TemplatedFires


class _TemplatedSending:
    """The notifier's sending, of fires in their templates' words."""

    def __init__(self, sender: Sender, templated: TemplatedFires) -> None:
        self._sender = sender
        self._templated = templated

    async def accept(self, news: Sequence[NewNotification], *, is_known_new: bool = False) -> Accepted:
        arrival = one_by_one(await self._templated.worded(news))
        return await self._sender.accept(arrival, lambda index: f"[{index}].", is_known_new=is_known_new)

    async def tell(self, accepted: Accepted) -> object:
        return await self._sender.tell_together([accepted])


def start_alerts(
    running: service.Service,
    database: Database,
    redis: Redis,
    clock: Clock,
    sender: Sender,
    settings: NotifierSettings,
    templated: TemplatedFires,
    preferences: PreferenceSource,
) -> Alerts:
    """Run what judges and what tells."""
    fires = FireStore(database)
    teller = Teller(fires, _TemplatedSending(sender, templated), clock, timedelta(days=settings.retention_days))
    # Another life of this process is another holder: it must not go on with a lease whose memory is gone.
    evaluator = Evaluator(database, redis, teller, preferences, clock, ids.new_id("judge"))
    running.spawn("price alerts", evaluator.run())
    running.spawn("price alert teller", teller.run())
    running.spawn("price alert sweeper", teller.sweep())
    return Alerts(
        database,
        AlertDesk(redis, clock, ids.new_id, alerts_per_user=settings.alerts_per_user),
        fires,
        evaluator,
        templated,
    )
