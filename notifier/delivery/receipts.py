"""Receipts: what became of messages after a provider had taken them. We ask, so that nobody outside needs a way in.

A receipt only goes forward, from SENT to DELIVERED or DEAD.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

from notifier.channels import Channel
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("notifier.receipts")

EVERY_SECONDS: Final = 5.0
_AT_ONCE: Final = 20
# Asked ten seconds after it was sent, then ever more rarely; what a day has not told is not told any more.
_TAKE: Final = """
WITH due AS (
    SELECT delivery_id, created_at FROM notification_deliveries
    WHERE state = 'SENT' AND channel = $1 AND provider_message_id <> '' AND due_at <= clock_timestamp() - interval '10 seconds'
        AND created_at > now() - interval '1 day'
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE notification_deliveries d SET due_at = clock_timestamp() + (clock_timestamp() - d.created_at) / 2
FROM due WHERE d.delivery_id = due.delivery_id AND d.created_at = due.created_at
RETURNING d.delivery_id, d.created_at, d.provider, d.provider_message_id
"""
_SETTLE: Final = """
UPDATE notification_deliveries SET state = $3, detail = $4, updated_at = clock_timestamp()
WHERE delivery_id = $1 AND created_at = $2 AND state = 'SENT'
"""


@dataclass(frozen=True)
class Receipt:
    """What a provider says in the end."""

    delivered: bool
    detail: str


@runtime_checkable
class AnswersLater(Protocol):
    """A provider that knows what became of its messages."""

    name: str

    async def receipt(self, provider_message_id: str) -> Receipt | None:
        """None while nobody knows. Never raises but for defects."""
        ...


class ReceiptAsker:
    """Run it as a watched task for a channel whose providers answer later; any number of replicas may."""

    def __init__(self, database: Database, channel: Channel, providers: Sequence[AnswersLater]) -> None:
        self._database = database
        self._channel = channel
        self._providers = {provider.name: provider for provider in providers}

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.ask()
            except PASSING_FAULTS as e:
                log.warning_throttled("database.away", error=describe(e))
            await asyncio.sleep(EVERY_SECONDS)

    async def ask(self) -> None:
        """Ask about those whose time has come."""
        async with self._database.pool.acquire() as connection:
            rows = await connection.fetch(_TAKE, self._channel.value, _AT_ONCE)
        await asyncio.gather(*(self._ask_about(row) for row in rows))

    async def _ask_about(self, row: Mapping[str, Any]) -> None:
        provider = self._providers.get(row["provider"])
        receipt = await provider.receipt(row["provider_message_id"]) if provider is not None else None
        if receipt is not None:
            await self._settle(row["delivery_id"], row["created_at"], receipt)

    async def _settle(self, delivery_id: str, decided_at: datetime, receipt: Receipt) -> None:
        state = "DELIVERED" if receipt.delivered else "DEAD"
        async with self._database.pool.acquire() as connection:
            await connection.execute(_SETTLE, delivery_id, decided_at, state, receipt.detail)
