"""Commands as people give and read them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet.configs import not_found
from tradewinds.database.connecting import to_json
from tradewinds.errors import NotFoundError

_COLUMNS = """k.command_id::text AS command_id, k.config_id, k.verb, k.issuer, k.reason, k.status, k.result,
    k.created_at, k.claimed_at, k.completed_at, k.expires_at, k.attempts"""
_GIVE = text(
    f"""
    INSERT INTO strategy_commands AS k (config_id, verb, issuer, reason, payload)
    SELECT c.config_id, :verb, :issuer, :reason, CAST(:payload AS jsonb) FROM strategy_configs c
    WHERE c.config_id = :config_id AND (CAST(:user_id AS text) IS NULL OR c.user_id = :user_id)
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
_READ = f"""
    SELECT {_COLUMNS} FROM strategy_commands k JOIN strategy_configs c ON c.config_id = k.config_id
    WHERE (CAST(:user_id AS text) IS NULL OR c.user_id = :user_id)
"""  # noqa: S608 - constant columns
_GET = text(f"{_READ} AND k.command_id = CAST(:command_id AS uuid)")
_LIST = text(
    f"""{_READ}
      AND (:config_id = '' OR k.config_id = :config_id)
      AND (CAST(:before_time AS timestamptz) IS NULL
           OR (k.created_at, k.command_id) < (CAST(:before_time AS timestamptz), CAST(:before_id AS uuid)))
    ORDER BY k.created_at DESC, k.command_id DESC LIMIT :limit
    """
)


async def give(
    session: AsyncSession,
    config_id: str,
    verb: str,
    *,
    issuer: str,
    reason: str,
    user_id: str | None,
    payload: Mapping[str, object] | None = None,
) -> Row[Any]:
    """Insert a command, which notifies the engines at the commit. Raises `NotFoundError`."""
    values = {"config_id": config_id, "verb": verb, "issuer": issuer, "reason": reason, "user_id": user_id}
    values["payload"] = to_json(payload or {})
    row = (await session.execute(_GIVE, values)).one_or_none()
    if row is None:
        raise not_found(config_id)
    return row


async def get(session: AsyncSession, command_id: str, user_id: str | None) -> Row[Any]:
    """One command. Raises `NotFoundError`."""
    row = None
    if _is_uuid(command_id):
        row = (await session.execute(_GET, {"command_id": command_id, "user_id": user_id})).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no command {command_id!r}")
    return row


async def list_page(
    session: AsyncSession, config_id: str, user_id: str | None, before: tuple[object, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Commands, newest first, before (created_at, command_id)."""
    before_time, before_id = before or (None, str(uuid.UUID(int=0)))
    values = {
        "config_id": config_id,
        "user_id": user_id,
        "before_time": before_time,
        "before_id": before_id,
        "limit": limit,
    }
    return (await session.execute(_LIST, values)).all()


def _is_uuid(text_: str) -> bool:
    try:
        uuid.UUID(text_)
    except ValueError:
        return False
    return True
