"""The limits as people see and change them: what is set, what is in force, what is used, and what waits to be loosened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.oms import risk_decisions
from engine_server.oms.directory import Caller
from engine_server.oms.domain.risk.limits import LIMITS, LimitName, Limits, LimitsInForce, Scope
from engine_server.oms.risk_decisions import LOOSEN_LIMITS, Actor, Decision, DecisionPolicy
from engine_server.oms.risk_subjects import Subject
from tradewinds import audit
from tradewinds.errors import InvalidArgumentError, PermissionDeniedError
from tradewinds.ids import IdFactory
from tradewinds.money import parse_rupees

_GREATEST: Final = Decimal("99999999999999")  # numeric(18,4)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_SET = text(
    """
    SELECT scope, subject_id, name, value FROM risk_limits
    WHERE (scope, subject_id) IN (('GLOBAL', ''), ('ACCOUNT', :account_id), (:scope, :subject_id))
    """
)
_SUBJECTS = text(
    """
    SELECT 'GLOBAL' AS scope, '' AS subject_id, '' AS account_id, 0 AS place
    UNION ALL
    SELECT 'ACCOUNT', account_id, account_id, 1 FROM broker_accounts
    WHERE enabled AND (:user_id = '' OR user_id = :user_id)
    UNION ALL
    SELECT 'STRATEGY', config_id, account_id, 2 FROM strategy_configs WHERE :user_id = '' OR user_id = :user_id
    ORDER BY place, subject_id
    """
)


@dataclass(frozen=True)
class LimitsOf:
    """The limits of one subject."""

    subject: Subject
    set_values: Limits
    in_force: Limits
    pending: Sequence[Decision] = field(default=())


async def visible_subjects(session: AsyncSession, caller: Caller) -> list[Subject]:
    """Global, then the caller's accounts and strategies (everybody's for those who see everything)."""
    rows = await session.execute(_SUBJECTS, {"user_id": "" if caller.sees_everything else caller.subject})
    return [Subject(Scope(row.scope), row.subject_id, row.account_id) for row in rows]


async def read(session: AsyncSession, subject: Subject) -> LimitsOf:
    """What is set and in force for one subject."""
    scopes = await _set_values(session, subject)
    pending = await risk_decisions.pending_of(session, LOOSEN_LIMITS, subject.scope, subject.subject_id)
    return LimitsOf(subject, scopes.get(subject.scope, {}), _in_force(subject, scopes), pending)


async def update(
    session: AsyncSession,
    subject: Subject,
    changes: Mapping[str, str],
    reason: str,
    actor: Actor,
    *,
    may_loosen: bool,
    policy: DecisionPolicy,
    new_id: IdFactory,
) -> LimitsOf:
    """Tighten at once, loosen by decision; the caller commits. Raises `InvalidArgumentError`, `PermissionDeniedError`."""
    reason, wanted = risk_decisions.checked_reason(reason), checked_changes(changes)
    await session.execute(_LOCK, {"key": f"risk_limits/{subject.limit_id}"})
    now = (await _set_values(session, subject)).get(subject.scope, {})
    loosened = {name: value for name, value in wanted.items() if _is_looser(subject.scope, name, value, now.get(name))}
    tightened = {name: value for name, value in wanted.items() if name not in loosened}
    if loosened and not may_loosen:
        raise PermissionDeniedError(
            f"{', '.join(loosened)}: letting more through needs one of the roles operator, admin; tightening does not"
        )
    await _withdraw_older(session, subject, wanted, actor)
    if tightened:
        texts = _texts(tightened)
        await risk_decisions.set_limits(session, subject.scope, subject.subject_id, texts, actor.name)
        await audit.record(
            session,
            actor=actor.name,
            action="risk_limit.update",
            subject=("risk_limit", subject.limit_id),
            reason=reason,
            before={name: now.get(name) for name in tightened},
            after=texts,
            source=actor.source,
            account_id=subject.account_id,
        )
    if loosened:
        key = (subject.scope, subject.subject_id)
        await risk_decisions.ask(
            session, new_id("decision"), LOOSEN_LIMITS, key, _texts(loosened), reason, actor, policy
        )
    return await read(session, subject)


def checked_changes(changes: Mapping[str, str]) -> dict[LimitName, Decimal | None]:
    """By name, None for "as by default"; raises `InvalidArgumentError` naming the field."""
    if not changes:
        raise InvalidArgumentError.field("update_mask", "name at least one limit to change")
    return {_name(name): _value(name, value) for name, value in changes.items()}


def _name(name: str) -> LimitName:
    try:
        return LimitName(name)
    except ValueError as e:
        raise InvalidArgumentError.field("update_mask", f"{name!r} is not one of {', '.join(LimitName)}") from e


def _value(name: str, value: str) -> Decimal | None:
    if not value:
        return None
    try:
        number = parse_rupees(value, f"risk_limit.{name}")
    except ValueError as e:
        raise InvalidArgumentError.field(f"risk_limit.{name}", str(e).partition(": ")[2]) from e
    if not 0 <= number <= _GREATEST:
        raise InvalidArgumentError.field(f"risk_limit.{name}", f"must be 0 to {_GREATEST:f}, was {value}")
    return number


def _is_looser(scope: Scope, name: LimitName, new: Decimal | None, old: Decimal | None) -> bool:
    default = LIMITS[name].defaults.get(scope)
    return LIMITS[name].is_looser(default if new is None else new, default if old is None else old)


async def _withdraw_older(
    session: AsyncSession, subject: Subject, wanted: Mapping[LimitName, Decimal | None], actor: Actor
) -> None:
    """What is wanted now is the last word: a change of the same limit that still waits must not come after it."""
    for decision in await risk_decisions.pending_of(session, LOOSEN_LIMITS, subject.scope, subject.subject_id):
        if set(decision.changes) & set(wanted):
            await risk_decisions.withdraw(session, decision.decision_id, actor, "another change of the same limit")


async def _set_values(session: AsyncSession, subject: Subject) -> dict[Scope, dict[LimitName, Decimal]]:
    key = {"account_id": subject.account_id, "scope": subject.scope, "subject_id": subject.subject_id}
    scopes: dict[Scope, dict[LimitName, Decimal]] = {}
    for row in await session.execute(_SET, key):
        if row.name in LimitName.__members__.values():
            scopes.setdefault(Scope(row.scope), {})[LimitName(row.name)] = row.value
    return scopes


def _in_force(subject: Subject, scopes: Mapping[Scope, Limits]) -> Limits:
    limits = LimitsInForce(
        strategy=scopes.get(Scope.STRATEGY, {}) if subject.scope is Scope.STRATEGY else {},
        account=scopes.get(Scope.ACCOUNT, {}),
        everybody=scopes.get(Scope.GLOBAL, {}),
    )
    everybody = LimitsInForce(everybody=limits.everybody)
    of = {Scope.STRATEGY: limits.of_order, Scope.ACCOUNT: limits.of_account, Scope.GLOBAL: everybody.of_everybody}
    values = {name: of[subject.scope](name) for name in LimitName}
    return {name: value for name, value in values.items() if value is not None}


def _texts(changes: Mapping[LimitName, Decimal | None]) -> dict[str, str]:
    return {name: "" if value is None else f"{value:f}" for name, value in changes.items()}
