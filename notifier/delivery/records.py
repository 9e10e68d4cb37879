"""Deliveries as people look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from notifier.channels import Channel
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError

_ACQUIRE_SECONDS: Final = 2.0
WAITING: Final = frozenset({"PENDING", "GATHERING", "SENDING"})
COLUMNS: Final = (
    "delivery_id, notification_id, user_id, channel, endpoint_id, state, reason, attempts, detail, provider, provider_message_id, "
    "merged_into, due_at, expires_at, created_at, updated_at"
)
_OF_NOTIFICATION: Final = f"""
SELECT {COLUMNS} FROM notification_deliveries WHERE notification_id = $1 ORDER BY created_at, delivery_id
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class DeliveryRecord:
    """One row."""

    delivery_id: str
    notification_id: str
    user_id: str
    channel: Channel
    endpoint_id: str
    state: str
    reason: str
    attempts: int
    detail: str
    provider: str
    provider_message_id: str
    merged_into: str
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    updated_at: datetime

    @property
    def is_waiting(self) -> bool:
        """Whether it will still be sent."""
        return self.state in WAITING


class DeliveryRecords:
    """Raises `UnavailableError` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_notification(self, notification_id: str) -> list[DeliveryRecord]:
        """Oldest first."""
        return await self._fetch(_OF_NOTIFICATION, notification_id)

    async def _fetch(self, query: str, *arguments: object) -> list[DeliveryRecord]:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return [_record(row) for row in await connection.fetch(query, *arguments)]
        except PASSING_FAULTS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


def _record(row: Mapping[str, Any]) -> DeliveryRecord:
    return DeliveryRecord(**{**dict(row), "channel": Channel(row["channel"])})
