"""The log of order events: in PostgreSQL for whoever was away, in the process for whoever is there. What other engines commit comes in
through the follower (event_follower.py).

What is published here is committed already. A subscriber that does not keep up loses events and is told so; the log has
them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine_server.oms import metrics
from engine_server.oms.records import OrderEventRecord, OrderRecord, TradeRecord
from tradewinds.database.session import Database

CAPACITY: Final = 4_096

_COLUMNS = "account_id, sequence, config_id, config_sequence, kind, payload"
_OF_STRATEGY = f"""
SELECT {_COLUMNS} FROM order_events
WHERE config_id = $1 AND config_sequence > $2 ORDER BY config_sequence LIMIT $3
"""  # noqa: S608 - constant columns
_OF_ACCOUNT = f"""
SELECT {_COLUMNS} FROM order_events WHERE account_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
"""  # noqa: S608 - constant columns


class Subscription:
    """Events published since it was made, at most 4,096 unread ones; beyond that they are dropped and `lost` is said."""

    def __init__(self, log: OrderEventLog) -> None:
        self._log = log
        self._events: deque[OrderEventRecord] = deque()
        self._lost = False
        self._woken = asyncio.Event()

    async def next_batch(self) -> tuple[Sequence[OrderEventRecord], bool]:
        """Wait for events; the flag says that some were lost before them: read those from PostgreSQL."""
        await self._woken.wait()
        self._woken.clear()
        events, self._events = list(self._events), deque()
        lost, self._lost = self._lost, False
        return events, lost

    def close(self) -> None:
        """No more."""
        self._log.unsubscribe(self)

    def push(self, events: Sequence[OrderEventRecord]) -> None:
        """Called by the log."""
        if len(self._events) + len(events) > CAPACITY:
            self._events.clear()
            self._lost = True
            metrics.LOST_EVENTS.inc()
        else:
            self._events.extend(events)
        self._woken.set()


class OrderEventLog:
    """Every account, whoever owns it; one per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: set[Subscription] = set()
        self.on_commit: Callable[[Sequence[OrderEventRecord]], None] = _nobody

    async def read_after(self, config_id: str, config_sequence: int, limit: int) -> list[OrderEventRecord]:
        """At most `limit` events of one strategy after its own `config_sequence`, in sequence."""
        rows = await self._database.pool.fetch(_OF_STRATEGY, config_id, config_sequence, limit)
        return [_event(row) for row in rows]

    async def read_account_after(self, account_id: str, sequence: int, limit: int) -> list[OrderEventRecord]:
        """At most `limit` events of an account after `sequence`, in sequence."""
        rows = await self._database.pool.fetch(_OF_ACCOUNT, account_id, sequence, limit)
        return [_event(row) for row in rows]

    def subscribe(self) -> Subscription:
        """Follow from now on; the caller closes it."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Called by `Subscription.close`."""
        self._subscriptions.discard(subscription)

    def publish(self, events: Sequence[OrderEventRecord]) -> None:
        """Called by the writers, right after the commit, in sequence."""
        self.on_commit(events)
        self.pass_on(events)

    def pass_on(self, events: Sequence[OrderEventRecord]) -> None:
        """Events that are committed, here or by another engine; one that a subscriber has had already is its business to know."""
        for subscription in self._subscriptions:
            subscription.push(events)


def _nobody(_events: Sequence[OrderEventRecord]) -> None:
    """Alone: there is no other engine to be told."""


def _event(row: Mapping[str, Any]) -> OrderEventRecord:
    payload = row["payload"]
    order, trade = payload["order"], payload["trade"]
    return OrderEventRecord(
        account_id=row["account_id"],
        sequence=row["sequence"],
        config_id=row["config_id"],
        config_sequence=row["config_sequence"],
        kind=row["kind"],
        order=msgspec.convert(order, OrderRecord) if order is not None else None,
        trade=msgspec.convert(trade, TradeRecord) if trade is not None else None,
        note=payload.get("note"),
    )
