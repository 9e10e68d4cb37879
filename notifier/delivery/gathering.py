"""Messages that waited for each other become one: digests, what quiet hours held back, and storms.

One transaction for each endpoint and key, under a lock of its own, so that two gatherers never make two messages of one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asyncpg.pool import PoolConnectionProxy

from notifier.type_names import counted
from tradewinds.clock import ist
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("notifier.gathering")

EVERY_SECONDS: Final = 0.5
_GROUPS_AT_ONCE: Final = 100
_MOST: Final = 10_000
_TITLES: Final = 20
_LINE_CHARACTERS: Final = 160
_DUE: Final = """
SELECT DISTINCT endpoint_id, gather_key FROM notification_deliveries
WHERE state = 'GATHERING' AND due_at <= clock_timestamp() LIMIT $1
"""
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('gather ' || $1 || ' ' || $2, 0))"
# What has been seen meanwhile need not be told.
_MEMBERS: Final = """
SELECT d.delivery_id, d.created_at AS decided_at, n.notification_id, n.type, n.title, n.message, n.created_at,
    n.read_at IS NOT NULL OR n.acknowledged_at IS NOT NULL AS seen
FROM notification_deliveries d JOIN notifications n ON n.notification_id = d.notification_id
WHERE d.endpoint_id = $1 AND d.gather_key = $2 AND d.state = 'GATHERING' AND d.due_at <= clock_timestamp()
ORDER BY n.created_at, n.notification_id LIMIT $3 FOR UPDATE OF d
"""
_SETTLE: Final = """
UPDATE notification_deliveries d SET state = s.state, detail = s.detail, merged_into = s.merged_into, content = s.content,
    due_at = clock_timestamp(), updated_at = clock_timestamp()
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
    AS s (delivery_id, decided_at, state, detail, merged_into, content)
WHERE d.delivery_id = s.delivery_id AND d.created_at = s.decided_at
"""


@dataclass(frozen=True)
class Member:
    """One that waited."""

    delivery_id: str
    decided_at: datetime
    notification_id: str
    type: str
    title: str
    created_at: datetime
    seen: bool
    message: str = ""


@dataclass(frozen=True)
class Settled:
    """What becomes of it: PENDING alone or for all, MERGED into that one, or CANCELLED."""

    member: Member
    state: str
    detail: str = ""
    merged_into: str = ""
    content: Mapping[str, Any] | None = None


def settle(members: Sequence[Member]) -> list[Settled]:
    """One message for all that have not been seen; the last of them, which is the youngest, carries it."""
    unseen = [member for member in members if not member.seen]
    settled = [Settled(member, "CANCELLED", "it was seen meanwhile") for member in members if member.seen]
    if not unseen:
        return settled
    carrier = unseen[-1]
    content = digest(unseen) if len(unseen) > 1 else None
    settled += [Settled(member, "MERGED", merged_into=carrier.delivery_id) for member in unseen[:-1]]
    return [*settled, Settled(carrier, "PENDING", content=content)]


def digest(members: Sequence[Member]) -> dict[str, Any]:
    """What one message says of several."""
    kinds = sorted({member.type for member in members})
    what = counted(kinds[0], len(members)) if len(kinds) == 1 else f"{len(members):,} notifications"
    began, ended = ist(members[0].created_at), ist(members[-1].created_at)
    listed = members[-_TITLES:]
    lines = [f"{ist(m.created_at):%H:%M:%S} {_line(m)}" for m in listed]
    if len(members) > len(listed):
        lines.insert(0, f"… and {len(members) - len(listed):,} before these")
    if len(kinds) > 1:
        lines.insert(
            0, ", ".join(counted(kind, count) for kind, count in Counter(m.type for m in members).most_common())
        )
    return {
        "title": f"{what}, {_period(began, ended)} IST",
        "message": "\n".join(lines),
        "count": len(members),
        "stops": kinds[0] if len(kinds) == 1 else "*",
    }


def _line(member: Member) -> str:
    words = " ".join(f"{member.title} – {member.message}".split()) if member.message else member.title
    return words if len(words) <= _LINE_CHARACTERS else words[: _LINE_CHARACTERS - 1] + "…"


def _period(began: datetime, ended: datetime) -> str:
    first, last = f"{began:%d %b %H:%M}", f"{ended:%d %b %H:%M}"
    if first == last:
        return first
    return f"{first}–{ended:%H:%M}" if began.date() == ended.date() else f"{first} – {last}"


class Gatherer:
    """Run it as a watched task; any number of replicas may. `on_ready` is called when there is a message to send."""

    def __init__(self, database: Database, on_ready: Callable[[], None]) -> None:
        self._database = database
        self._on_ready = on_ready

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                if await self.gather():
                    self._on_ready()
            except PASSING_FAULTS as e:
                log.warning_throttled("database.away", error=describe(e))
            await asyncio.sleep(EVERY_SECONDS)

    async def gather(self) -> int:
        """Settle every group whose time has come; how many there were."""
        async with self._database.pool.acquire() as connection:
            groups = await connection.fetch(_DUE, _GROUPS_AT_ONCE)
            for group in groups:
                async with connection.transaction():
                    await _gather_one(connection, group["endpoint_id"], group["gather_key"])
        return len(groups)


async def _gather_one(connection: PoolConnectionProxy[Any], endpoint_id: str, gather_key: str) -> None:
    if not await connection.fetchval(_LOCK, endpoint_id, gather_key):
        return
    rows = await connection.fetch(_MEMBERS, endpoint_id, gather_key, _MOST)
    settled = settle([_member(row) for row in rows])
    columns = [
        [s.member.delivery_id for s in settled],
        [s.member.decided_at for s in settled],
        [s.state for s in settled],
        [s.detail for s in settled],
        [s.merged_into for s in settled],
        [s.content for s in settled],
    ]
    await connection.execute(_SETTLE, *columns)


def _member(row: Mapping[str, Any]) -> Member:
    return Member(
        delivery_id=row["delivery_id"],
        decided_at=row["decided_at"],
        notification_id=row["notification_id"],
        type=row["type"],
        title=row["title"],
        created_at=row["created_at"],
        seen=row["seen"],
        message=row["message"],
    )
