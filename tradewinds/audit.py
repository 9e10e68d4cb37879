"""The audit log: who did what to which thing, from where and why, written in the transaction of what it records.

Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. Every entry is linked to the one before it in its stream (its account's, or
its kind of subject's) by a hash, at the commit: `tradewinds audit verify` walks the chains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_INSERT = text(
    """
    INSERT INTO audit_log (actor, action, subject_type, subject_id, account_id, reason, before, after, source)
    VALUES (:actor, :action, :subject_type, :subject_id, :account_id, :reason, CAST(:before AS jsonb), CAST(:after AS jsonb),
            :source)
    """
)


async def record(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    subject: tuple[str, str],
    reason: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    source: str = "",
    account_id: str = "",
) -> None:
    """Append one record; `subject` is (type, id), `account_id` the broker account concerned. The caller commits it together with
    its own change."""
    await session.execute(
        _INSERT,
        {
            "actor": actor,
            "action": action,
            "subject_type": subject[0],
            "subject_id": subject[1],
            "account_id": account_id,
            "reason": reason,
            "before": json.dumps(before, default=str) if before is not None else None,
            "after": json.dumps(after, default=str) if after is not None else None,
            "source": source,
        },
    )


def source_of(context: Any) -> str:
    """From where a call came: what the gateway says of its client, or the peer itself. `context` is the servicer's."""
    forwarded = next((str(value) for key, value in context.invocation_metadata() or () if key == "x-forwarded-for"), "")
    return forwarded.split(",")[0].strip() or str(context.peer())
