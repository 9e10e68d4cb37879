"""How far an account is with a kill switch: the row that people look at (`kill_progress`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine_server.oms.account_lease import AccountLease
from tradewinds.database.session import Database

_ACKNOWLEDGE: Final = """
INSERT INTO kill_progress (kill_id, account_id, owner_id, epoch, acknowledged_at, updated_at)
VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
ON CONFLICT (kill_id, account_id) DO UPDATE
SET owner_id = EXCLUDED.owner_id, epoch = EXCLUDED.epoch, acknowledged_at = EXCLUDED.acknowledged_at,
    updated_at = EXCLUDED.updated_at
WHERE kill_progress.epoch <= EXCLUDED.epoch
"""
# An owner that was fenced off meanwhile has nothing to say any more.
_WRITE: Final = """
UPDATE kill_progress
SET open_orders = $4, open_positions = $5, problem = $6, updated_at = clock_timestamp(),
    proven_at = CASE WHEN $7 THEN clock_timestamp() END
WHERE kill_id = $1 AND account_id = $2 AND epoch = $3
"""


@dataclass(frozen=True)
class Progress:
    """What is left, what is in the way, and whether the broker's own books show that nothing is left."""

    open_orders: int = 0
    open_positions: int = 0
    problem: str = ""
    is_proven: bool = False


class KillProgressStore:
    """Written by the owner of an account, under its epoch. Raises asyncpg's errors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acknowledge(self, kill_id: str, lease: AccountLease) -> None:
        """This owner admits no entries any more."""
        await self._database.pool.execute(_ACKNOWLEDGE, kill_id, lease.account_id, lease.owner_id, lease.epoch)

    async def write(self, kill_id: str, lease: AccountLease, progress: Progress) -> None:
        """How far it is."""
        await self._database.pool.execute(
            _WRITE,
            kill_id,
            lease.account_id,
            lease.epoch,
            progress.open_orders,
            progress.open_positions,
            progress.problem[:500],
            progress.is_proven,
        )
