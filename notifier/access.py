"""Whose notifications and settings a caller may touch. Another user's resource is NOT_FOUND."""

from __future__ import annotations

from typing import Final

from notifier.realtime.subscription import EVERYBODY
from tradewinds.auth import ADMIN, OPERATOR, SERVICE, Principal
from tradewinds.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError

ME: Final = "me"


def tells_others(caller: Principal) -> bool:
    """Whether a caller may notify somebody else."""
    return caller.has(SERVICE, OPERATOR, ADMIN)


def recipient(caller: Principal, user_id: str, field: str) -> str:
    """Whom a new notification is for; only services, operators and admins may tell somebody else."""
    if user_id in ("", ME, caller.subject):
        return caller.subject
    if not tells_others(caller):
        raise PermissionDeniedError(
            f"{field}: only services, operators and admins may notify {user_id!r}; leave it out"
        )
    return user_id


def everybody(caller: Principal) -> str:
    """Whom somebody follows who follows all."""
    if not caller.has(SERVICE, ADMIN):
        raise PermissionDeniedError("all_users: only services and admins may follow everybody; leave it out")
    return EVERYBODY


def settings_owner(caller: Principal, user_id: str) -> str:
    """Whose settings are meant."""
    if not user_id:
        raise InvalidArgumentError.field("user_id", f"is empty; use {ME!r} for your own")
    if user_id in (ME, caller.subject):
        return caller.subject
    if not caller.has(OPERATOR, ADMIN):
        raise NotFoundError(f"there are no settings of {user_id!r} that you may see")
    return user_id
