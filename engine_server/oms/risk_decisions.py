"""Decisions that let more through: asked for by one, approved by enough, applied when their cool-off is over (`risk_decisions`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.not_found import no_decision
from tradewinds import audit
from tradewinds.clock import seconds
from tradewinds.database.faults import is_passing
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError, PreconditionError
from tradewinds.telemetry import get_logger

log = get_logger("oms.decisions")

LOOSEN_LIMITS: Final = "LOOSEN_LIMITS"
RELEASE_KILL_SWITCH: Final = "RELEASE_KILL_SWITCH"
_LOOK_SECONDS = 0.5
_LIST_LIMIT: Final = 100

_COLUMNS = (
    "decision_id, kind, scope, subject_id, changes, reason, requested_by, requested_at, approvals, approvals_needed, "
    "applies_at, state"
)
_ASK = text(
    f"""
    INSERT INTO risk_decisions (decision_id, kind, scope, subject_id, changes, reason, requested_by, approvals,
                                approvals_needed, applies_at)
    VALUES (:decision_id, :kind, :scope, :subject_id, CAST(:changes AS jsonb), :reason, :actor, ARRAY[CAST(:actor AS text)],
            :approvals_needed, clock_timestamp() + :cool_off)
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
_GET = text(f"SELECT {_COLUMNS} FROM risk_decisions WHERE decision_id = :decision_id")  # noqa: S608
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM risk_decisions WHERE :include_ended OR state = 'PENDING'
    ORDER BY requested_at DESC LIMIT {_LIST_LIMIT}
    """  # noqa: S608 - constant columns
)
_PENDING_OF = text(
    f"""
    SELECT {_COLUMNS} FROM risk_decisions
    WHERE state = 'PENDING' AND kind = :kind AND scope = :scope AND subject_id = :subject_id ORDER BY requested_at
    """  # noqa: S608 - constant columns
)
_APPROVE = text(
    f"""
    UPDATE risk_decisions
    SET approvals = CASE WHEN CAST(:actor AS text) = ANY(approvals) THEN approvals
                         ELSE array_append(approvals, CAST(:actor AS text)) END
    WHERE decision_id = :decision_id AND state = 'PENDING'
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
_WITHDRAW = text(
    f"""
    UPDATE risk_decisions SET state = 'WITHDRAWN', ended_at = clock_timestamp()
    WHERE decision_id = :decision_id AND state = 'PENDING'
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
_TAKE_DUE = text(
    f"""
    UPDATE risk_decisions SET state = 'APPLIED', ended_at = clock_timestamp()
    WHERE decision_id = (
        SELECT decision_id FROM risk_decisions
        WHERE state = 'PENDING' AND cardinality(approvals) >= approvals_needed AND applies_at <= clock_timestamp()
        ORDER BY applies_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
_SET_LIMIT = text(
    """
    INSERT INTO risk_limits (scope, subject_id, name, value, updated_by, updated_at)
    VALUES (:scope, :subject_id, :name, CAST(CAST(:value AS text) AS numeric), :actor, clock_timestamp())
    ON CONFLICT (scope, subject_id, name)
    DO UPDATE SET value = EXCLUDED.value, updated_by = EXCLUDED.updated_by, updated_at = EXCLUDED.updated_at
    """
)
_UNSET_LIMIT = text("DELETE FROM risk_limits WHERE scope = :scope AND subject_id = :subject_id AND name = :name")
_RELEASE = text(
    """
    UPDATE kill_switches SET released_at = clock_timestamp(), released_by = :actor, release_reason = :reason
    WHERE kill_id = :kill_id AND released_at IS NULL
    """
)
_TELL_RELEASE = text(
    """
    INSERT INTO outbox (topic, dedupe_key, payload)
    SELECT 'KILL_SWITCH_RELEASED', 'released:' || k.kill_id || ':' || a.user_id,
           jsonb_build_object('user_id', a.user_id, 'type', 'KILL_SWITCH_RELEASED',
                              'title', 'Kill switch released: ' || lower(replace(k.action, '_', ' ')) || ' of '
                                       || coalesce(nullif(k.subject_id, ''), 'everything'),
                              'message', 'released by ' || k.released_by || ': ' || k.release_reason,
                              'data', jsonb_build_object('kill_id', k.kill_id, 'account_id', k.account_id))
    FROM kill_switches k
    CROSS JOIN LATERAL (SELECT DISTINCT user_id FROM broker_accounts WHERE enabled AND k.account_id IN ('', account_id)) a
    WHERE k.kill_id = :kill_id
    """
)


@dataclass(frozen=True)
class DecisionPolicy:
    """How many different people it takes, and how long it waits in any case."""

    approvals: int = 1
    cool_off_seconds: float = 60.0


@dataclass(frozen=True)
class Decision:
    """A row of `risk_decisions`."""

    decision_id: str
    kind: str
    scope: Scope
    subject_id: str
    changes: Mapping[str, str]
    reason: str
    requested_by: str
    requested_at: datetime
    approvals: Sequence[str]
    approvals_needed: int
    applies_at: datetime
    state: str


@dataclass(frozen=True)
class Actor:
    """Who does it, and from where."""

    name: str
    source: str


async def ask(
    session: AsyncSession,
    decision_id: str,
    kind: str,
    subject: tuple[Scope, str],
    changes: Mapping[str, str],
    reason: str,
    actor: Actor,
    policy: DecisionPolicy,
) -> Decision:
    """A new one, with its first approval; the caller commits."""
    values = {
        "decision_id": decision_id,
        "kind": kind,
        "scope": subject[0],
        "subject_id": subject[1],
        "changes": json.dumps(dict(changes)),
        "reason": reason,
        "actor": actor.name,
        "approvals_needed": policy.approvals,
        "cool_off": seconds(policy.cool_off_seconds),
    }
    decision = _decision((await session.execute(_ASK, values)).one())
    await _record(session, "risk_decision.request", decision, actor, reason)
    return decision


async def approve(session: AsyncSession, decision_id: str, actor: Actor, reason: str) -> Decision:
    """One more person is for it; the caller commits. Raises `NotFoundError`, `PreconditionError` (DECISION_ENDED)."""
    return await _changed(session, _APPROVE, "risk_decision.approve", decision_id, actor, reason)


async def withdraw(session: AsyncSession, decision_id: str, actor: Actor, reason: str) -> Decision:
    """Take it back; the caller commits. Raises as `approve`."""
    return await _changed(session, _WITHDRAW, "risk_decision.withdraw", decision_id, actor, reason)


async def find(session: AsyncSession, decision_id: str) -> Decision:
    """One; raises `NotFoundError`."""
    row = (await session.execute(_GET, {"decision_id": decision_id})).one_or_none()
    if row is None:
        raise no_decision(decision_id)
    return _decision(row)


async def listed(session: AsyncSession, *, include_ended: bool) -> list[Decision]:
    """The newest first, at most 100."""
    rows = await session.execute(_LIST, {"include_ended": include_ended})
    return [_decision(row) for row in rows]


async def pending_of(session: AsyncSession, kind: str, scope: Scope, subject_id: str) -> list[Decision]:
    """What waits for one subject, the oldest first."""
    rows = await session.execute(_PENDING_OF, {"kind": kind, "scope": scope, "subject_id": subject_id})
    return [_decision(row) for row in rows]


async def set_limits(
    session: AsyncSession, scope: Scope, subject_id: str, changes: Mapping[str, str], actor: str
) -> None:
    """Write limits; an empty value goes back to the default. The caller audits and commits."""
    for name, value in changes.items():
        key = {"scope": scope, "subject_id": subject_id, "name": name}
        if value:
            await session.execute(_SET_LIMIT, {**key, "value": value, "actor": actor})
        else:
            await session.execute(_UNSET_LIMIT, key)


async def apply_due(database: Database) -> int:
    """Apply what is approved and has waited long enough; how many. Any engine may; each decision is applied once."""
    applied = 0
    while True:
        async with database.session() as session:
            row = (await session.execute(_TAKE_DUE)).one_or_none()
            if row is None:
                return applied
            decision = _decision(row)
            await _apply(session, decision)
            await session.commit()
        log.warning("applied", decision_id=decision.decision_id, kind=decision.kind, subject_id=decision.subject_id)
        applied += 1


async def keep_applying(database: Database) -> None:
    """For ever, twice a second."""
    while True:
        try:
            await apply_due(database)
        except Exception as e:
            if not is_passing(e):
                raise
            log.warning_throttled("unread", error=repr(e))
        await asyncio.sleep(_LOOK_SECONDS)


async def _apply(session: AsyncSession, decision: Decision) -> None:
    if decision.kind == LOOSEN_LIMITS:
        await set_limits(session, decision.scope, decision.subject_id, decision.changes, decision.requested_by)
    else:
        release = {
            "kill_id": decision.changes["kill_id"],
            "actor": ", ".join(decision.approvals),
            "reason": decision.reason,
        }
        await session.execute(_RELEASE, release)
        await session.execute(_TELL_RELEASE, {"kill_id": release["kill_id"]})
    await _record(session, "risk_decision.apply", decision, Actor("risk", "engine"), decision.reason)


async def _changed(
    session: AsyncSession, statement: Any, action: str, decision_id: str, actor: Actor, reason: str
) -> Decision:
    row = (await session.execute(statement, {"decision_id": decision_id, "actor": actor.name})).one_or_none()
    if row is None:
        decision = await find(session, decision_id)
        raise PreconditionError(
            f"decision {decision_id} is {decision.state} already; nothing was changed", reason="DECISION_ENDED"
        )
    decision = _decision(row)
    await _record(session, action, decision, actor, reason)
    return decision


async def _record(session: AsyncSession, action: str, decision: Decision, actor: Actor, reason: str) -> None:
    after = {
        "kind": decision.kind,
        "scope": decision.scope,
        "subject_id": decision.subject_id,
        "changes": dict(decision.changes),
        "approvals": list(decision.approvals),
        "approvals_needed": decision.approvals_needed,
        "applies_at": decision.applies_at,
        "state": decision.state,
    }
    await audit.record(
        session,
        actor=actor.name,
        action=action,
        subject=("risk_decision", decision.decision_id),
        reason=reason,
        after=after,
        source=actor.source,
        account_id=decision.subject_id if decision.scope is Scope.ACCOUNT else "",
    )


def checked_reason(reason: str) -> str:
    """Nothing of this is done without one; raises `InvalidArgumentError`."""
    if not reason.strip():
        raise InvalidArgumentError.field("reason", "say why; it goes into the audit log")
    return reason.strip()[:500]


def _decision(row: Any) -> Decision:
    return Decision(**{**row._mapping, "scope": Scope(row.scope)})
