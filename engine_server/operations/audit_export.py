"""The audit log of a period, whole, as it was written: streamed, oldest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tradewinds.database.session import Database

_BATCH: Final = 500
# A page at a time by its key: no transaction is held open while a slow reader reads.
_PAGE: Final = """
SELECT a.audit_id, a.recorded_at, a.actor, a.action, a.subject_type, a.subject_id, a.account_id, a.reason,
       coalesce(a.before::text, '') AS before, coalesce(a.after::text, '') AS after, a.source,
       coalesce(l.stream, '') AS stream, coalesce(l.sequence, 0) AS sequence, coalesce(encode(l.hash, 'hex'), '') AS hash
FROM audit_log a LEFT JOIN audit_links l USING (audit_id)
WHERE a.audit_id > $1 AND ($2::timestamptz IS NULL OR a.recorded_at >= $2) AND ($3::timestamptz IS NULL OR a.recorded_at < $3)
  AND ($4 = '' OR a.account_id = $4)
  AND ($5::text IS NULL OR a.actor = $5 OR a.account_id IN (SELECT account_id FROM broker_accounts WHERE user_id = $5))
ORDER BY a.audit_id LIMIT $6
"""


@dataclass(frozen=True)
class Period:
    """From (inclusive) to (exclusive); None is open. `account_id` '' is every account, `user_id` None everybody."""

    start: datetime | None = None
    end: datetime | None = None
    account_id: str = ""
    user_id: str | None = None


async def exported(database: Database, period: Period) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Batches of at most 500 rows. Raises asyncpg's errors."""
    last = 0
    while True:
        rows = await database.pool.fetch(
            _PAGE, last, period.start, period.end, period.account_id, period.user_id, _BATCH, timeout=60
        )
        if not rows:
            return
        yield rows
        last = rows[-1]["audit_id"]
