"""Seals of the order log: what the writers of accounts have appended is hashed now and then, and the hash is a row of the audit log.

The audit log's chain is written in the transaction of what it records; the order log has many more rows, on the way of every order. So it
is sealed behind their backs, and `audit verify` recomputes each seal from the rows that it covers. What is younger than the last seal is
proven by the next one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("operations.seals")

SUBJECT: Final = "order_log"
SEAL_SECONDS: Final = 30.0
_AT_ONCE: Final = 5_000  # events in one seal
_EVENT = """
jsonb_build_array(
    e.sequence, (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.order_id, e.config_id, e.config_sequence, e.kind, e.state,
    e.payload
)::text
"""
# Engines take turns: one that finds another at it has nothing to do.
_MINE = "SELECT pg_try_advisory_xact_lock(hashtextextended('order_log_seals', 0))"
_SEAL = f"""
INSERT INTO audit_log (actor, action, subject_type, subject_id, after, source)
SELECT 'engine', 'order_log.seal', '{SUBJECT}', a.account_id,
       jsonb_build_object('from', n.first, 'to', n.last, 'sha256', n.digest), 'oms'
FROM broker_accounts a
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT (s.after->>'to')::bigint FROM audit_log s
                     WHERE s.subject_type = '{SUBJECT}' AND s.subject_id = a.account_id ORDER BY s.audit_id DESC LIMIT 1), 0) AS last
) sealed
CROSS JOIN LATERAL (
    SELECT min(sequence) AS first, max(sequence) AS last,
           encode(sha256(convert_to(string_agg(body, E'\\n' ORDER BY sequence), 'UTF8')), 'hex') AS digest
    FROM (SELECT e.sequence, {_EVENT} AS body FROM order_events e
          WHERE e.account_id = a.account_id AND e.sequence > sealed.last ORDER BY e.sequence LIMIT {_AT_ONCE}) told
) n
WHERE n.first IS NOT NULL
RETURNING (after->>'to')::bigint - (after->>'from')::bigint + 1 AS events
"""  # noqa: S608 - constants
_SEALS = f"""
SELECT audit_id, subject_id, (after->>'from')::bigint AS first, (after->>'to')::bigint AS last, after->>'sha256' AS digest
FROM audit_log WHERE subject_type = '{SUBJECT}' ORDER BY subject_id, audit_id
"""  # noqa: S608 - constants
_SEALED = f"""
SELECT {_EVENT} AS body FROM order_events e WHERE e.account_id = $1 AND e.sequence BETWEEN $2 AND $3 ORDER BY e.sequence
"""  # noqa: S608 - constants


async def keep_sealing(database: Database) -> None:
    """For ever."""
    while True:
        try:
            while await seal(database) >= _AT_ONCE:
                pass
        except PASSING_FAULTS as e:
            log.warning_throttled("unsealed", error=repr(e))
        await asyncio.sleep(SEAL_SECONDS)


async def seal(database: Database) -> int:
    """Seal what is new in each account's log, at most 5,000 events of each; how many in all. Raises asyncpg's errors."""
    async with database.pool.acquire(timeout=5) as connection, connection.transaction():
        if not await connection.fetchval(_MINE):
            return 0
        return sum(row["events"] for row in await connection.fetch(_SEAL))


async def broken_seal(connection: Any) -> tuple[int, str] | None:
    """The first seal whose events are not what they were, and what is wrong; the caller's transaction is the snapshot."""
    account, last = "", 0
    for row in await connection.fetch(_SEALS):
        if row["subject_id"] != account:
            account, last = row["subject_id"], 0
        what = await _what_is_wrong(connection, row, last)
        if what:
            return row["audit_id"], what
        last = row["last"]
    return None


async def _what_is_wrong(connection: Any, row: Mapping[str, Any], last: int) -> str:
    whose = f"of account {row['subject_id']}'s order log"
    if row["first"] != last + 1:
        return f"events {last + 1} to {row['first'] - 1} {whose} are under no seal"
    bodies = [told["body"] for told in await connection.fetch(_SEALED, row["subject_id"], row["first"], row["last"])]
    if hashlib.sha256("\n".join(bodies).encode()).hexdigest() != row["digest"]:
        return f"events {row['first']} to {row['last']} {whose} are not what was sealed"
    return ""
