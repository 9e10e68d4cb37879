"""What somebody finds of what was kept: the list, and what has been read, acknowledged and decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from notifier.channels import Action, Channel
from notifier.notification import Notification
from notifier.resolver import Decision, Reason
from notifier.store import notification_of
from notifier.types import Severity
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError

_ACQUIRE_SECONDS: Final = 2.0
_COLUMNS: Final = (
    "notification_id, user_id, type, severity, title, message, data, created_at, read_at, must_acknowledge, acknowledged_at, "
    "acknowledged_by"
)
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM notifications
WHERE user_id = $1 AND (NOT $2 OR read_at IS NULL) AND (NOT $3 OR must_acknowledge AND acknowledged_at IS NULL)
  AND (cardinality($4::text[]) = 0 OR type = ANY($4)) AND severity = ANY($5::text[])
  AND ($6::timestamptz IS NULL OR created_at >= $6) AND ($7::timestamptz IS NULL OR created_at < $7)
  AND ($8::timestamptz IS NULL OR created_at <= $8 AND (created_at, notification_id) < ($8, $9))
ORDER BY created_at DESC, notification_id DESC LIMIT $10
"""  # noqa: S608 - a constant
_MARK_READ: Final = f"""
UPDATE notifications SET read_at = coalesce(read_at, clock_timestamp())
WHERE notification_id = $1 AND user_id = $2 RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant
_MARK_ALL_READ: Final = """
UPDATE notifications SET read_at = clock_timestamp() WHERE user_id = $1 AND read_at IS NULL AND created_at <= coalesce($2, now())
"""
# The recipient, and whoever its escalation has told.
_MAY_ACKNOWLEDGE: Final = """
(user_id = $2 OR EXISTS (SELECT 1 FROM notification_deliveries d WHERE d.notification_id = $1 AND d.user_id = $2))
"""
# In one statement: no step of the escalation and no message that has not left yet can come after it.
_ACKNOWLEDGE: Final = f"""
WITH acknowledged AS (
    UPDATE notifications SET read_at = coalesce(read_at, clock_timestamp()),
        acknowledged_by = CASE WHEN acknowledged_at IS NULL THEN $2 ELSE acknowledged_by END,
        acknowledged_at = coalesce(acknowledged_at, clock_timestamp())
    WHERE notification_id = $1 AND {_MAY_ACKNOWLEDGE} RETURNING {_COLUMNS}
), ended AS (
    UPDATE notification_escalations SET state = 'ACKNOWLEDGED', updated_at = clock_timestamp()
    WHERE notification_id = (SELECT notification_id FROM acknowledged) AND state = 'ACTIVE'
), cancelled AS (
    UPDATE notification_deliveries SET state = 'CANCELLED', detail = 'it was acknowledged', updated_at = clock_timestamp()
    WHERE notification_id = (SELECT notification_id FROM acknowledged) AND state IN ('PENDING', 'GATHERING') AND content IS NULL
)
SELECT * FROM acknowledged
"""  # noqa: S608 - constants
_COUNT: Final = """
SELECT count(*) FILTER (WHERE read_at IS NULL) AS unread,
    count(*) FILTER (WHERE must_acknowledge AND acknowledged_at IS NULL) AS unacknowledged
FROM notifications WHERE user_id = $1 AND (read_at IS NULL OR must_acknowledge AND acknowledged_at IS NULL)
"""
_EXPLAINED: Final = f"""
SELECT {_COLUMNS}, decisions FROM notifications WHERE notification_id = $1 AND ($3 OR {_MAY_ACKNOWLEDGE})
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Filter:
    """Which notifications of one user."""

    unread_only: bool = False
    unacknowledged_only: bool = False
    types: Sequence[str] = ()
    minimum_severity: Severity = Severity.INFO
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Explained:
    """A notification, and what was decided about it for every channel when it was accepted."""

    notification: Notification
    decisions: list[Decision] = field(default_factory=list)


class Inbox:
    """Raises `UnavailableError` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, user_id: str, wanted: Filter, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Notification]:
        """A user's, newest first, after the (created_at, id) of the last one seen."""
        severities = [one.name for one in Severity if one >= wanted.minimum_severity]
        rows = await self._fetch(
            _PAGE,
            user_id,
            wanted.unread_only,
            wanted.unacknowledged_only,
            list(wanted.types),
            severities,
            wanted.since,
            wanted.until,
            *(after or (None, "")),
            limit,
        )
        return [notification_of(row) for row in rows]

    async def mark_read(self, notification_id: str, user_id: str) -> Notification | None:
        """None when this user has no such notification; the first reading stays."""
        rows = await self._fetch(_MARK_READ, notification_id, user_id)
        return notification_of(rows[0]) if rows else None

    async def mark_all_read(self, user_id: str, until: datetime | None) -> int:
        """How many were unread."""
        status = await self._execute(_MARK_ALL_READ, user_id, until)
        return int(status.rpartition(" ")[2])

    async def acknowledge(self, notification_id: str, user_id: str) -> Notification | None:
        """End its escalation; None when it is not this user's to acknowledge. The first who acknowledged stays."""
        rows = await self._fetch(_ACKNOWLEDGE, notification_id, user_id)
        return notification_of(rows[0]) if rows else None

    async def count(self, user_id: str) -> tuple[int, int]:
        """How many are unread, and how many wait for an acknowledgement."""
        (row,) = await self._fetch(_COUNT, user_id)
        return row["unread"], row["unacknowledged"]

    async def explained(self, notification_id: str, user_id: str, *, anybodys: bool) -> Explained | None:
        """The record of one's own (or of anybody's); None when there is none."""
        rows = await self._fetch(_EXPLAINED, notification_id, user_id, anybodys)
        return Explained(notification_of(rows[0]), _decisions(rows[0]["decisions"])) if rows else None

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return list(await self._with(lambda connection: connection.fetch(query, *arguments)))

    async def _execute(self, query: str, *arguments: object) -> str:
        return str(await self._with(lambda connection: connection.execute(query, *arguments)))

    async def _with(self, act: Any) -> Any:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return await act(connection)
        except PASSING_FAULTS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


def _decisions(recorded: dict[str, list[str]] | None) -> list[Decision]:
    """Of one that was told live, and for which there was nowhere else to send, nothing is recorded."""
    if recorded is None:
        return [
            Decision(Channel.LIVE, Action.SEND, Reason.DEFAULT)
            if channel is Channel.LIVE
            else Decision(channel, Action.SUPPRESS, Reason.NO_ENDPOINT)
            for channel in Channel
        ]
    return [_decision(channel, *recorded[channel]) for channel in Channel if channel in recorded]


def _decision(channel: Channel, action: str, reason: str, until: str = "") -> Decision:
    return Decision(channel, Action(action), Reason(reason), datetime.fromisoformat(until) if until else None)
