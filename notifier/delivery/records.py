"""Deliveries as people look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from notifier.channels import Channel
from notifier.preference_store import WRITE_ERRORS
from tradewinds import audit
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
_PAGE: Final = f"""
SELECT {COLUMNS} FROM notification_deliveries
WHERE ($1::text = '' OR user_id = $1) AND ($2::text = '' OR channel = $2) AND (cardinality($3::text[]) = 0 OR state = ANY($3))
  AND ($4::timestamptz IS NULL OR created_at <= $4 AND (created_at, delivery_id) < ($4, $5))
ORDER BY created_at DESC, delivery_id DESC LIMIT $6
"""  # noqa: S608 - a constant
_REDRIVE: Final = text(
    """
    UPDATE notification_deliveries SET state = 'PENDING', attempts = 0, due_at = now(), claim = '', detail = 'sent again',
        expires_at = greatest(expires_at, now() + interval '24 hours'), updated_at = now()
    WHERE state IN ('DEAD', 'EXPIRED') AND (channel = :channel OR delivery_id = ANY(:delivery_ids))
    """
)


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

    async def page(
        self,
        user_id: str,
        channel: Channel | None,
        states: Sequence[str],
        *,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[DeliveryRecord]:
        """Newest first, after the (created_at, id) of the last one seen; of everybody where `user_id` is empty."""
        return await self._fetch(_PAGE, user_id, channel or "", list(states), *(after or (None, "")), limit)

    async def redrive(self, delivery_ids: Sequence[str], channel: Channel | None, *, actor: str, reason: str) -> int:
        """Begin anew with those that ended without having been sent: these, or all of the channel. Recorded."""
        values = {"delivery_ids": list(delivery_ids), "channel": channel or ""}
        try:
            async with self._database.session() as session:
                result = await session.execute(_REDRIVE, values)
                count = int(getattr(result, "rowcount", 0))
                await audit.record(
                    session,
                    actor=actor,
                    action="notification_deliveries.redrive",
                    subject=("notification_deliveries", channel or ",".join(delivery_ids[:10])),
                    reason=reason,
                    after={"count": count},
                )
                await session.commit()
        except WRITE_ERRORS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e
        return count

    async def _fetch(self, query: str, *arguments: object) -> list[DeliveryRecord]:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return [_record(row) for row in await connection.fetch(query, *arguments)]
        except PASSING_FAULTS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


def _record(row: Mapping[str, Any]) -> DeliveryRecord:
    return DeliveryRecord(**{**dict(row), "channel": Channel(row["channel"])})
