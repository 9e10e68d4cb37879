"""Runners, broker accounts and the audit log, as people look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewinds.database.session import Database

_RUNNERS = """
SELECT l.runner_id, l.instance_id, l.capacity, l.running, l.heartbeat_at, l.build, l.engine_id,
       l.draining OR c.runner_id IS NOT NULL AS draining,
       CASE WHEN c.runner_id IS NULL THEN '' ELSE coalesce(nullif(c.reason, ''), 'cordoned by ' || c.actor) END AS cordon_reason
FROM runner_leases l LEFT JOIN runner_cordons c USING (runner_id)
WHERE l.expires_at > clock_timestamp() ORDER BY l.runner_id
"""
_ACCOUNTS = """
SELECT a.account_id, a.user_id, a.broker, a.client_code, s.logged_in_at, coalesce(s.last_error, '') AS session_error,
       s.sealed_tokens IS NOT NULL AS has_session,
       l.expires_at > clock_timestamp() AS owned, l.owner_id, l.epoch, l.gate, l.gate_reason
FROM broker_accounts a
LEFT JOIN broker_sessions s USING (account_id) LEFT JOIN account_leases l USING (account_id)
WHERE a.enabled AND ($1::text IS NULL OR a.user_id = $1)
ORDER BY a.account_id
"""
_AUDIT = """
SELECT audit_id, recorded_at, actor, action, subject_type, subject_id, reason FROM audit_log
WHERE ($1::bigint IS NULL OR audit_id < $1) AND ($2 = '' OR subject_type = $2) AND ($3 = '' OR subject_id = $3)
  AND (subject_type <> 'order_log' OR $2 <> '' OR $3 <> '')  -- seals are nobody's doing: who wants them asks for them
  AND ($4::text IS NULL OR actor = $4)
ORDER BY audit_id DESC LIMIT $5
"""
_NO_OWNER = "no engine owns this account now"


@dataclass(frozen=True)
class AccountListing:
    """A broker account with its session and gate."""

    account_id: str
    user_id: str
    broker: str
    client_code: str
    gate_open: bool
    gate_reason: str
    session: str
    session_error: str
    logged_in_at: datetime | None
    owner_id: str
    epoch: int


class Listings:
    """Reads for operators. `user_id` None means every user's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runners(self) -> Sequence[Any]:
        """Rows of the runners whose lease has not expired."""
        async with self._database.pool.acquire(timeout=5) as connection:
            rows: Sequence[Any] = await connection.fetch(_RUNNERS)
        return rows

    async def accounts(self, user_id: str | None) -> list[AccountListing]:
        """The enabled accounts."""
        async with self._database.pool.acquire(timeout=5) as connection:
            rows = await connection.fetch(_ACCOUNTS, user_id)
        return [_account(row) for row in rows]

    async def audit(
        self, *, before: int | None, subject_type: str, subject_id: str, actor: str | None, limit: int
    ) -> Sequence[Any]:
        """Audit rows, newest first, older than `before`."""
        async with self._database.pool.acquire(timeout=5) as connection:
            rows: Sequence[Any] = await connection.fetch(_AUDIT, before, subject_type, subject_id, actor, limit)
        return rows


def _account(row: Any) -> AccountListing:
    owned = bool(row["owned"])
    return AccountListing(
        account_id=row["account_id"],
        user_id=row["user_id"],
        broker=row["broker"],
        client_code=row["client_code"],
        gate_open=owned and row["gate"] == "OPEN",
        gate_reason=_gate_reason(row["gate_reason"] or "", owned=owned),
        session=_session(has_session=row["has_session"], error=row["session_error"]),
        session_error=row["session_error"],
        logged_in_at=row["logged_in_at"],
        owner_id=row["owner_id"] if owned else "",
        epoch=row["epoch"] or 0,
    )


def _gate_reason(reason: str, *, owned: bool) -> str:
    """Without an owner: with what the last one said when it gave the account back, which is what keeps the next one away, too."""
    if owned:
        return reason
    return f"{_NO_OWNER}: {reason}" if reason else _NO_OWNER


def _session(*, has_session: bool | None, error: str) -> str:
    if error:
        return "FAILED"
    return "LOGGED_IN" if has_session else "LOGGED_OUT"
