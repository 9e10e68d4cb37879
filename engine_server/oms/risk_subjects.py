"""Whom a limit or a kill switch concerns, and whether the caller may touch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.oms.directory import Caller
from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.not_found import no_subject
from tradewinds.errors import InvalidArgumentError, PermissionDeniedError

_ACCOUNT = text("SELECT account_id, user_id FROM broker_accounts WHERE account_id = :subject_id")
_STRATEGY = text("SELECT account_id, user_id FROM strategy_configs WHERE config_id = :subject_id")
_GLOBAL_ID: Final = "global"


@dataclass(frozen=True)
class Subject:
    """A scope, what it is of, and the account concerned ('' for GLOBAL: all)."""

    scope: Scope
    subject_id: str
    account_id: str

    @property
    def limit_id(self) -> str:
        """`global`, `account-ACC1`, `strategy-momo`."""
        return f"{self.scope.lower()}-{self.subject_id}" if self.subject_id else _GLOBAL_ID


def parse_limit_id(limit_id: str) -> tuple[Scope, str]:
    """Scope and subject of a limit's id; raises `InvalidArgumentError`."""
    if limit_id == _GLOBAL_ID:
        return Scope.GLOBAL, ""
    word, _, subject_id = limit_id.partition("-")
    if word.upper() in (Scope.ACCOUNT, Scope.STRATEGY) and subject_id:
        return Scope(word.upper()), subject_id
    raise InvalidArgumentError.field(
        "limit_id", f"is {limit_id!r}; use global, account-ACCOUNT_ID or strategy-CONFIG_ID"
    )


async def find_subject(
    session: AsyncSession, caller: Caller, scope: Scope, subject_id: str, *, to_change: bool = True
) -> Subject:
    """The subject, if the caller may see it; what concerns everybody is changed by operators alone. Raises `NotFoundError`,
    `PermissionDeniedError`, `InvalidArgumentError`."""
    if scope is Scope.GLOBAL:
        if subject_id:
            raise InvalidArgumentError.field("subject_id", "must be empty for GLOBAL")
        if to_change and not caller.sees_everything:
            raise PermissionDeniedError("what concerns every account needs one of the roles operator, admin")
        return Subject(scope, "", "")
    if not subject_id:
        raise InvalidArgumentError.field("subject_id", f"name the {scope.lower()}")
    statement = _ACCOUNT if scope is Scope.ACCOUNT else _STRATEGY
    row = (await session.execute(statement, {"subject_id": subject_id})).one_or_none()
    if row is None or not (caller.sees_everything or row.user_id == caller.subject):
        raise no_subject(scope.lower(), subject_id)
    return Subject(scope, subject_id, row.account_id)
