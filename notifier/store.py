"""Persisted notifications in PostgreSQL, and with each the deliveries and the escalation that were planned for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Final

import asyncpg
import msgspec

from notifier.grouping import Grouping
from notifier.moments import microseconds, timestamp
from notifier.notification import Notification
from notifier.planning import NewDelivery, NewEscalation, Plan
from notifier.ports import Stored
from notifier.resolver import Decision
from notifier.types import Severity
from tradewinds.database.connecting import TRANSIENT_ERRORS
from tradewinds.database.planning import settle_plan
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError

_ACQUIRE_SECONDS: Final = 2.0
# One waits for the disk while the other is made. Far from what a statement may take.
_AT_ONCE: Final = 2
_PER_STATEMENT: Final = 1_000
# Connections that are ready for the first of them: whoever reads meanwhile has one too.
_READY: Final = _AT_ONCE + 1
_SEVERITIES: Final = {one: one.name for one in Severity}
# All of a batch were accepted at one moment.
_moment: Final = lru_cache(maxsize=64)(timestamp)
# What is to be kept, its dedupe key or '', and what was decided about it.
_New = tuple[Notification, str, Plan]
_DATABASE_ERRORS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,
    asyncpg.QueryCanceledError,
)

# One statement for a whole batch and all that is to be sent of it: it is committed before anybody is answered, whatever happens next.
# Each table's rows are one JSON value: of arrays PostgreSQL knows the length, and would plan every statement anew.
_INSERT: Final = """
WITH given AS (
    SELECT * FROM json_to_recordset($1::json) AS g (
        notification_id text, user_id text, type text, severity text, title text, message text, data jsonb, dedupe_key text,
        created_at timestamptz, must_acknowledge bool, decisions jsonb)
), fresh_keys AS (
    INSERT INTO notification_keys (user_id, dedupe_key, notification_id, created_at)
    SELECT user_id, dedupe_key, notification_id, created_at FROM given WHERE dedupe_key IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING notification_id
), kept AS (
    INSERT INTO notifications (notification_id, user_id, type, severity, title, message, data, dedupe_key, created_at,
        must_acknowledge, decisions)
    SELECT * FROM given WHERE dedupe_key IS NULL OR notification_id IN (SELECT notification_id FROM fresh_keys)
    RETURNING notification_id
), deliveries AS (
    INSERT INTO notification_deliveries (delivery_id, notification_id, user_id, channel, endpoint_id, state, reason, gather_key,
        created_at, due_at, expires_at)
    SELECT d.delivery_id, d.notification_id, d.user_id, d.channel, d.endpoint_id,
        CASE d.gather_key WHEN '' THEN 'PENDING' ELSE 'GATHERING' END, d.reason, d.gather_key, d.created_at, d.due_at, d.expires_at
    FROM json_to_recordset($2::json) AS d (
        delivery_id text, notification_id text, user_id text, channel text, endpoint_id text, reason text, gather_key text,
        created_at timestamptz, due_at timestamptz, expires_at timestamptz)
    WHERE d.notification_id IN (SELECT notification_id FROM kept)
), escalations AS (
    INSERT INTO notification_escalations (notification_id, user_id, steps, next_step, due_at)
    SELECT e.* FROM json_to_recordset($3::json)
    AS e (notification_id text, user_id text, steps jsonb, next_step int, due_at timestamptz)
    WHERE e.notification_id IN (SELECT notification_id FROM kept)
)
SELECT notification_id FROM kept
"""
_FIRST: Final = """
SELECT n.user_id, n.dedupe_key, n.notification_id, n.created_at
FROM notification_keys n JOIN unnest($1::text[], $2::text[]) AS k (user_id, dedupe_key) USING (user_id, dedupe_key)
"""


class NotificationStore:
    """Raises `UnavailableError` when PostgreSQL does not answer; a statement may then have been committed all the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inserting: Grouping[Sequence[_New], list[Stored]] = Grouping(
            self._insert, at_once=_AT_ONCE, maximum=_PER_STATEMENT, size_of=len, failing_all=(UnavailableError,)
        )

    async def begin(self) -> None:
        """Be ready for the first one: connecting and planning took ten times as long as keeping. Raises what asyncpg does."""
        async with AsyncExitStack() as held:
            for _ in range(min(_READY, self._database.pool.get_max_size())):
                acquired = self._database.pool.acquire(timeout=_ACQUIRE_SECONDS)
                connection = await held.enter_async_context(acquired)
                await settle_plan(partial(connection.fetch, _INSERT, [], [], []))

    async def insert(
        self, notifications: Sequence[Notification], dedupe_keys: Sequence[str], plans: Sequence[Plan]
    ) -> list[Stored]:
        """Store them, in one statement with what others store in this moment; durable when this returns. Keys of one user must differ
        within the call; '' is none."""
        return await self._inserting.done(list(zip(notifications, dedupe_keys, plans, strict=True)))

    async def _insert(self, groups: Sequence[Sequence[_New]]) -> list[list[Stored]]:
        news = list(chain.from_iterable(groups))
        arguments = (_rows(news), *_outside([plan for _, _, plan in news]))
        inserted = {row["notification_id"] for row in await self._fetch(_INSERT, *arguments)}
        first = await self._first([(n.user_id, key) for n, key, _ in news if n.notification_id not in inserted])
        return [
            [
                Stored(n.notification_id, n.created_us, duplicate=False)
                if n.notification_id in inserted
                else first[n.user_id, key]
                for n, key, _ in group
            ]
            for group in groups
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

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return await connection.fetch(query, *arguments)
        except _DATABASE_ERRORS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A notification as the statement reads it; text as it is kept."""

    notification_id: str
    user_id: str
    type: str
    severity: str
    title: str
    message: str
    data: Mapping[str, Any]
    dedupe_key: str | None
    created_at: datetime
    must_acknowledge: bool
    decisions: dict[str, list[str]] | None


def _rows(news: Sequence[_New]) -> list[_Row]:
    return [
        _Row(
            n.notification_id,
            n.user_id,
            n.type,
            _SEVERITIES[n.severity],
            n.title,
            n.message,
            n.data,
            key or None,
            _moment(n.created_us),
            n.must_acknowledge,
            _recorded(plan.decisions) if plan.decisions else None,
        )
        for n, key, plan in news
    ]


def _outside(plans: Sequence[Plan]) -> tuple[list[NewDelivery], list[NewEscalation]]:
    deliveries = list(chain.from_iterable(plan.deliveries for plan in plans))
    return deliveries, [plan.escalation for plan in plans if plan.escalation is not None]


def _recorded(decisions: Iterable[Decision]) -> dict[str, list[str]]:
    """The decisions as they are kept."""
    return {
        d.channel.value: [d.action.value, d.reason.value, *((d.until.isoformat(),) if d.until else ())]
        for d in decisions
    }


def notification_of(row: Mapping[str, Any]) -> Notification:
    """A row as a notification."""
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
        read_us=_optional(row["read_at"]),
        must_acknowledge=row["must_acknowledge"],
        acknowledged_us=_optional(row["acknowledged_at"]),
        acknowledged_by=row["acknowledged_by"],
    )


def _optional(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)
