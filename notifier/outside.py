"""What this process has for everything that is kept and sent outside, put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom

from redis.asyncio import Redis

from notifier.channels import Channel
from notifier.delivery.addresses import AddressGuard
from notifier.delivery.claims import Claims
from notifier.delivery.endpoint_store import EndpointStore, Sealing
from notifier.delivery.gathering import Gatherer
from notifier.delivery.receipts import AnswersLater, ReceiptAsker
from notifier.delivery.records import DeliveryRecords
from notifier.delivery.routes import Routes
from notifier.delivery.unsubscribe import UnsubscribeLinks
from notifier.delivery.verification import EndpointVerifier
from notifier.delivery.worker import ChannelWorker
from notifier.escalation import Escalator
from notifier.inbox import Inbox
from notifier.keeping import PlannedKeeper
from notifier.partitions import Partitions
from notifier.planning import Planner
from notifier.preference_store import PreferenceStore
from notifier.provider_settings import ProviderSettings, routes
from notifier.settings import OutsideSettings
from notifier.store import NotificationStore
from notifier.templates.reference import Parts
from notifier.templates.store import TemplateStore
from notifier.unsubscribing import Unsubscribing
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
    templates: TemplateStore
    reachable: frozenset[Channel]
    verifier: EndpointVerifier | None
    unsubscribing: Unsubscribing | None
    wake: Callable[[], None]


async def start_outside(
    running: service.Service, database: Database, redis: Redis, clock: Clock, retention_days: int
) -> Outside:
    """Make today's partitions, and run what works in the background."""
    settings, providers = load(OutsideSettings), load(ProviderSettings)
    service.log_settings(settings, providers)
    partitions = Partitions(database, clock, retention_days)
    await partitions.keep()
    running.spawn("partitions", partitions.run())
    preferences = PreferenceStore(database)
    await preferences.start()
    templates = TemplateStore(database)
    await templates.start()
    notifications = NotificationStore(database)
    await notifications.begin()
    usage = UsageCounters(redis)
    planner = Planner(preferences, usage, clock, ids.new_id)
    guard, key = AddressGuard(settings.networks()), _seal_key()
    sealing = Sealing(key)
    links = UnsubscribeLinks(key, settings.public_url) if key is not None and settings.public_url else None
    outward = routes(providers, guard, clock, links)
    wake = _start_workers(running, database, sealing, clock, outward, Parts(templates), providers.concurrency)
    return Outside(
        keeper=PlannedKeeper(planner, notifications, wake),
        preferences=preferences,
        endpoints=EndpointStore(database, sealing),
        guard=guard,
        inbox=Inbox(database),
        records=DeliveryRecords(database),
        templates=templates,
        reachable=frozenset(channel for channel, some in outward.items() if some.lead_somewhere),
        verifier=EndpointVerifier(outward, usage, clock) if settings.endpoint_verification else None,
        unsubscribing=Unsubscribing(links, preferences) if links is not None else None,
        wake=wake,
    )


def _start_workers(
    running: service.Service,
    database: Database,
    sealing: Sealing,
    clock: Clock,
    outward: Mapping[Channel, Routes],
    parts: Parts,
    concurrency: int,
) -> Callable[[], None]:
    """One worker for each channel, and what gathers; returns what wakes them."""
    workers = []
    for channel, some in outward.items():
        claims = Claims(database, sealing, ids.new_id("wkr"))
        worker = ChannelWorker(some, claims, parts, clock, SystemRandom().random, concurrency)
        running.spawn(f"deliver {channel}", worker.run())
        workers.append(worker)
        if later := [provider for provider in some.providers if isinstance(provider, AnswersLater)]:
            running.spawn(f"receipts {channel}", ReceiptAsker(database, channel, later).run())

    def wake() -> None:
        for worker in workers:
            worker.wake()

    running.spawn("gather", Gatherer(database, wake).run())
    running.spawn("escalate", Escalator(database, ids.new_id, wake).run())
    return wake


def _seal_key() -> bytes | None:
    """Endpoints with secrets need one; the rest does without."""
    return load(SealSettings).key_bytes() if os.environ.get("SEAL_KEY") else None
