"""Runners that an operator has set aside: they get nothing new, and those drained are emptied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from tradewinds import audit
from tradewinds.database.session import Database
from tradewinds.errors import NotFoundError

_CORDON = text(
    """
    INSERT INTO runner_cordons AS c (runner_id, is_drained, reason, actor)
    SELECT l.runner_id, :is_drained, :reason, :actor FROM runner_leases l
    WHERE l.runner_id = :runner_id AND l.expires_at > clock_timestamp()
    ON CONFLICT (runner_id) DO UPDATE
    SET is_drained = c.is_drained OR excluded.is_drained, reason = excluded.reason, actor = excluded.actor,
        created_at = CASE WHEN excluded.is_drained THEN now() ELSE c.created_at END
    RETURNING c.runner_id
    """
)
_UNCORDON = text("DELETE FROM runner_cordons WHERE runner_id = :runner_id RETURNING runner_id")
# A process that began after the drain was asked for is its successor: there is nothing to move away from it.
_TO_EMPTY = """
SELECT l.instance_id, c.reason FROM runner_cordons c JOIN runner_leases l ON l.runner_id = c.runner_id
WHERE c.is_drained AND l.registered_at < c.created_at
"""


class Cordons:
    """Written by operators, read by assignment and steering."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cordon(self, runner_id: str, *, is_drained: bool, reason: str, actor: str) -> None:
        """Set it aside. Raises `NotFoundError` when no runner of this name is connected."""
        values = {"runner_id": runner_id, "is_drained": is_drained, "reason": reason, "actor": actor}
        async with self._database.session() as session:
            if (await session.execute(_CORDON, values)).one_or_none() is None:
                raise NotFoundError(f"no runner {runner_id!r} is connected; see `tradewinds runners list`")
            action = "runner.drain" if is_drained else "runner.cordon"
            await audit.record(
                session, actor=actor, action=action, subject=("runner", runner_id), reason=reason, source="Operations"
            )
            await session.commit()

    async def uncordon(self, runner_id: str, *, reason: str, actor: str) -> None:
        """Let it take strategies again. Raises `NotFoundError` when it is not cordoned."""
        async with self._database.session() as session:
            if (await session.execute(_UNCORDON, {"runner_id": runner_id})).one_or_none() is None:
                raise NotFoundError(f"runner {runner_id!r} is not cordoned")
            await audit.record(
                session, actor=actor, action="runner.uncordon", subject=("runner", runner_id), reason=reason,
                source="Operations",
            )  # fmt: skip
            await session.commit()


async def to_empty(database: Database) -> Sequence[Any]:
    """The runner processes that shall move everything away: instance_id and reason."""
    rows: Sequence[Any] = await database.pool.fetch(_TO_EMPTY)
    return rows
