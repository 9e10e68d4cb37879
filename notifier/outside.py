"""What this process has for everything that is kept and sent outside, put together."""

from __future__ import annotations

import os
from dataclasses import dataclass

from redis.asyncio import Redis

from notifier.delivery.addresses import AddressGuard
from notifier.delivery.endpoint_store import EndpointStore, Sealing
from notifier.delivery.records import DeliveryRecords
from notifier.inbox import Inbox
from notifier.keeping import PlannedKeeper
from notifier.partitions import Partitions
from notifier.planning import Planner
from notifier.preference_store import PreferenceStore
from notifier.settings import OutsideSettings
from notifier.store import NotificationStore
from notifier.usage import UsageCounters
from tradewinds import ids, service
from tradewinds.clock import Clock
from tradewinds.config import SealSettings, load
from tradewinds.database.session import Database


@dataclass(frozen=True)
class Outside:
    """For the rpcs and for sending."""

    keeper: PlannedKeeper
    preferences: PreferenceStore
    endpoints: EndpointStore
    guard: AddressGuard
    inbox: Inbox
    records: DeliveryRecords


async def start_outside(
    running: service.Service, database: Database, redis: Redis, clock: Clock, retention_days: int
) -> Outside:
    """Make today's partitions, and run what works in the background."""
    settings = load(OutsideSettings)
    service.log_settings(settings)
    partitions = Partitions(database, clock, retention_days)
    await partitions.keep()
    running.spawn("partitions", partitions.run())
    preferences = PreferenceStore(database)
    await preferences.start()
    planner = Planner(preferences, UsageCounters(redis), clock, ids.new_id)
    return Outside(
        keeper=PlannedKeeper(planner, NotificationStore(database), lambda: None),
        preferences=preferences,
        endpoints=EndpointStore(database, Sealing(_seal_key())),
        guard=AddressGuard(settings.networks()),
        inbox=Inbox(database),
        records=DeliveryRecords(database),
    )


def _seal_key() -> bytes | None:
    """Endpoints with secrets need one; the rest does without."""
    return load(SealSettings).key_bytes() if os.environ.get("SEAL_KEY") else None
