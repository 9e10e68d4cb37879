"""Keeping with the plan: a notification and everything that is to be sent of it are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from notifier.notification import Notification
from notifier.planning import Planner
from notifier.ports import Stored
from notifier.store import NotificationStore
from tradewinds import failpoints


class PlannedKeeper:
    """The `Keeper` of sending. `on_deliveries` is called when there is something new to send."""

    def __init__(self, planner: Planner, store: NotificationStore, on_deliveries: Callable[[], None]) -> None:
        self._planner = planner
        self._store = store
        self._on_deliveries = on_deliveries

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        """Decide, then store all in one statement; durable when this returns."""
        plans = await self._planner.plan(notifications)
        await failpoints.reach("notifier.keep.before", (one.type for one in notifications))
        stored = await self._store.insert(notifications, dedupe_keys, plans)
        await failpoints.reach("notifier.keep.after", (one.type for one in notifications))
        if any(plan.deliveries for plan in plans):
            self._on_deliveries()
        return stored
