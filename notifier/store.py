"""Persisted notifications in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from notifier.notification import Notification
from notifier.ports import Stored
from notifier.types import Severity
from tradewinds.database.connecting import TRANSIENT_ERRORS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError

_ACQUIRE_SECONDS: Final = 2.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATABASE_ERRORS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,
    asyncpg.QueryCanceledError,
)

# One statement for a whole batch: it is committed before anybody is answered, whatever happens next.
_INSERT: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
        $9::timestamptz[]) AS g (notification_id, user_id, type, severity, title, message, data, dedupe_key, created_at)
)
INSERT INTO notifications (notification_id, user_id, type, severity, title, message, data, dedupe_key, created_at)
SELECT * FROM given
ON CONFLICT (user_id, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
RETURNING notification_id
"""
_FIRST: Final = """
SELECT n.user_id, n.dedupe_key, n.notification_id, n.created_at
FROM notifications n JOIN unnest($1::text[], $2::text[]) AS k (user_id, dedupe_key) USING (user_id, dedupe_key)
"""
_COLUMNS: Final = "notification_id, user_id, type, severity, title, message, data, created_at, read_at"
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM notifications
WHERE user_id = $1 AND (NOT $2 OR read_at IS NULL)
  AND ($3::timestamptz IS NULL OR (created_at, notification_id) < ($3, $4))
ORDER BY created_at DESC, notification_id DESC LIMIT $5
"""  # noqa: S608 - a constant
_MARK_READ: Final = f"""
UPDATE notifications SET read_at = coalesce(read_at, clock_timestamp())
WHERE notification_id = $1 AND user_id = $2 RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant


class NotificationStore:
    """Raises `UnavailableError` when PostgreSQL does not answer; a statement may then have been committed all the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        """Store them in one statement; durable when this returns. Keys of one user must differ within the call; '' is none."""
        inserted = {row["notification_id"] for row in await self._fetch(_INSERT, *_columns(notifications, dedupe_keys))}
        known = [
            (notification.user_id, key)
            for notification, key in zip(notifications, dedupe_keys, strict=True)
            if notification.notification_id not in inserted
        ]
        first = await self._first(known)
        return [
            first[notification.user_id, key]
            if notification.notification_id not in inserted
            else Stored(notification.notification_id, notification.created_us, duplicate=False)
            for notification, key in zip(notifications, dedupe_keys, strict=True)
        ]

    async def _first(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        if not keys:
            return {}
        # A statement of its own: the row that was in the way may be newer than the insert's snapshot.
        rows = await self._fetch(_FIRST, [user_id for user_id, _ in keys], [key for _, key in keys])
        return {
            (row["user_id"], row["dedupe_key"]): Stored(
                row["notification_id"], microseconds(row["created_at"]), duplicate=True
            )
            for row in rows
        }

    async def page(
        self, user_id: str, *, unread_only: bool, after: tuple[datetime, str] | None, limit: int
    ) -> list[Notification]:
        """A user's, newest first, after the (created_at, id) of the last one seen."""
        created_at, notification_id = after or (None, "")
        rows = await self._fetch(_PAGE, user_id, unread_only, created_at, notification_id, limit)
        return [_notification(row) for row in rows]

    async def mark_read(self, notification_id: str, user_id: str) -> Notification | None:
        """None when this user has no such notification; the first reading stays."""
        rows = await self._fetch(_MARK_READ, notification_id, user_id)
        return _notification(rows[0]) if rows else None

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return await connection.fetch(query, *arguments)
        except _DATABASE_ERRORS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


def _columns(notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[list[Any]]:
    return [
        [n.notification_id for n in notifications],
        [n.user_id for n in notifications],
        [n.type for n in notifications],
        [n.severity.name for n in notifications],
        [n.title for n in notifications],
        [n.message for n in notifications],
        [n.data for n in notifications],
        [key or None for key in dedupe_keys],
        [timestamp(n.created_us) for n in notifications],
    ]


def _notification(row: Mapping[str, Any]) -> Notification:
    return Notification(
        notification_id=row["notification_id"],
        user_id=row["user_id"],
        type=row["type"],
        severity=Severity[row["severity"]],
        title=row["title"],
        message=row["message"],
        data=row["data"],
        created_us=microseconds(row["created_at"]),
        persisted=True,
        read_us=microseconds(row["read_at"]) if row["read_at"] is not None else None,
    )


def timestamp(microseconds_: int) -> datetime:
    """Exactly, which floats of seconds are not."""
    return _EPOCH + timedelta(microseconds=microseconds_)


def microseconds(moment: datetime) -> int:
    """Epoch microseconds, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
