"""Deliveries taken from the table by a worker, and given back with what came of them.

A claim is a lease: until `due_at` the row is the claimer's. One whose worker died comes back by itself, and what a worker says about
a row that is no longer its own changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from notifier.channels import Channel
from notifier.delivery.endpoint_store import Sealing
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Message
from notifier.types import Severity
from tradewinds.database.session import Database

LEASE: Final = timedelta(seconds=60)
_ACQUIRE_SECONDS: Final = 5.0
_TAKE: Final = """
WITH due AS (
    SELECT delivery_id, created_at FROM notification_deliveries
    WHERE channel = $1 AND state IN ('PENDING', 'SENDING') AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE notification_deliveries d SET state = 'SENDING', claim = $3, attempts = d.attempts + 1,
        due_at = clock_timestamp() + $4, updated_at = clock_timestamp()
    FROM due WHERE d.delivery_id = due.delivery_id AND d.created_at = due.created_at
    RETURNING d.delivery_id, d.notification_id, d.created_at AS decided_at, d.channel, d.endpoint_id, d.attempts, d.expires_at, d.content
)
SELECT c.*, n.type, n.severity, n.title, n.message, n.data, n.created_at, n.user_id AS told_user_id,
    n.acknowledged_at IS NOT NULL AND c.content IS NULL AS acknowledged, e.user_id, e.address, e.sealed_secret, e.disabled_reason
FROM claimed c
JOIN notifications n ON n.notification_id = c.notification_id
    AND n.created_at > c.decided_at - interval '2 days' AND n.created_at < c.decided_at + interval '1 hour'
LEFT JOIN notification_endpoints e ON e.endpoint_id = c.endpoint_id
"""
_FINISH: Final = """
UPDATE notification_deliveries d SET state = f.state, due_at = f.due_at, attempts = d.attempts - f.uncounted, detail = f.detail,
    provider = f.provider, provider_message_id = f.provider_message_id, claim = '', updated_at = clock_timestamp()
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::int[], $6::text[], $7::text[], $8::text[])
    AS f (delivery_id, decided_at, state, due_at, uncounted, detail, provider, provider_message_id)
WHERE d.delivery_id = f.delivery_id AND d.created_at = f.decided_at AND d.claim = $9 AND d.state = 'SENDING'
"""
_DISABLE: Final = """
WITH disabled AS (
    UPDATE notification_endpoints SET disabled_reason = $2 WHERE endpoint_id = $1 AND disabled_reason = '' RETURNING user_id
)
SELECT pg_notify('notification_settings', user_id) FROM disabled
"""


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours for a while; `endpoint` is None where it was removed meanwhile."""

    message: Message
    endpoint: Endpoint | None
    decided_at: datetime
    attempts: int
    acknowledged: bool


@dataclass(frozen=True)
class Finished:
    """What came of it: the state it has now, and when it is tried again where that is PENDING."""

    claimed: Claimed
    state: str
    due_at: datetime
    detail: str = ""
    provider: str = ""
    provider_message_id: str = ""
    counted: bool = True


class Claims:
    """One worker's; raises what the database raises."""

    def __init__(self, database: Database, sealing: Sealing, claim: str) -> None:
        self._database = database
        self._sealing = sealing
        self._claim = claim

    async def take(self, channel: Channel, limit: int) -> list[Claimed]:
        """At most `limit` that are due, ours from now."""
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(_TAKE, channel.value, limit, self._claim, LEASE)
        return [self._claimed(row) for row in rows]

    async def finish(self, finished: Sequence[Finished]) -> None:
        """Say what came of them; of those that are ours no more nothing is said."""
        columns = [
            [f.claimed.message.delivery_id for f in finished],
            [f.claimed.decided_at for f in finished],
            [f.state for f in finished],
            [f.due_at for f in finished],
            [0 if f.counted else 1 for f in finished],
            [f.detail for f in finished],
            [f.provider for f in finished],
            [f.provider_message_id for f in finished],
        ]
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            await connection.execute(_FINISH, *columns, self._claim)

    async def disable(self, endpoint_id: str, reason: str) -> None:
        """Send nothing there any more; every replica hears of it."""
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            await connection.execute(_DISABLE, endpoint_id, reason)

    def _claimed(self, row: Mapping[str, Any]) -> Claimed:
        return Claimed(_message(row), self._endpoint(row), row["decided_at"], row["attempts"], row["acknowledged"])

    def _endpoint(self, row: Mapping[str, Any]) -> Endpoint | None:
        if row["address"] is None:
            return None
        return Endpoint(
            endpoint_id=row["endpoint_id"],
            user_id=row["user_id"],
            channel=Channel(row["channel"]),
            address=row["address"],
            disabled_reason=row["disabled_reason"],
            secrets=self._sealing.unseal(row["endpoint_id"], row["sealed_secret"]),
        )


def _message(row: Mapping[str, Any]) -> Message:
    """What it says: its own content where it stands for several, else the notification's."""
    content = row["content"] or {}
    return Message(
        delivery_id=row["delivery_id"],
        notification_id=row["notification_id"],
        type=row["type"],
        severity=Severity[row["severity"]],
        title=content.get("title", row["title"]),
        body=content.get("message", row["message"]),
        data=row["data"] if not content else {},
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        told_user_id=row["told_user_id"],
        stops=content.get("stops", "") if content else row["type"],
    )
