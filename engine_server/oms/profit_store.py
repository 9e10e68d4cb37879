"""Charges of trades and results of days in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from engine_server.oms.domain.risk.losses import DayResult
from engine_server.oms.records import TradeRecord
from tradewinds.database.session import Database

_TRADES: Final = ", ".join(f"t.{field.name}" for field in fields(TradeRecord))
_RECENT_DAYS: Final = 3  # older trades that were never estimated stay so: the broker's day is over

_UNCHARGED: Final = f"""
SELECT {_TRADES} FROM trades t LEFT JOIN trade_charges c USING (trade_id)
WHERE t.account_id = $1 AND c.trade_id IS NULL AND t.traded_at > $2::timestamptz - interval '{_RECENT_DAYS} days'
ORDER BY t.traded_at LIMIT $3
"""  # noqa: S608 - constant columns
_CHARGE: Final = """
INSERT INTO trade_charges (trade_id, account_id, config_id, day, amount)
SELECT trade_id, account_id, config_id, (traded_at AT TIME ZONE 'Asia/Kolkata')::date, a.amount
FROM trades JOIN unnest($1::text[], $2::numeric[]) AS a(trade_id, amount) USING (trade_id)
ON CONFLICT (trade_id) DO NOTHING
"""
_CHARGES: Final = """
SELECT coalesce(config_id, '') AS config_id, sum(amount) AS amount FROM trade_charges
WHERE account_id = $1 AND day = $2 GROUP BY 1
"""
_RESULTS: Final = """
SELECT config_id, realised, unrealised, charges, best, unpriced FROM profit_and_loss WHERE account_id = $1 AND day = $2
"""
_WRITE: Final = """
INSERT INTO profit_and_loss (account_id, config_id, day, realised, unrealised, charges, best, unpriced, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
ON CONFLICT (account_id, config_id, day)
DO UPDATE SET realised = EXCLUDED.realised, unrealised = EXCLUDED.unrealised, charges = EXCLUDED.charges,
    best = greatest(profit_and_loss.best, EXCLUDED.best), unpriced = EXCLUDED.unpriced, updated_at = EXCLUDED.updated_at
"""
_HISTORY: Final = """
SELECT account_id, config_id, day, realised, unrealised, charges, best, unpriced, updated_at FROM profit_and_loss
WHERE account_id = ANY($1::text[]) AND config_id = $2 AND day BETWEEN $3 AND $4 ORDER BY day DESC, account_id LIMIT 400
"""


class ProfitStore:
    """Raises asyncpg's errors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def uncharged(self, account_id: str, now: Any, limit: int) -> list[TradeRecord]:
        """Recent trades without an estimate, oldest first."""
        rows = await self._database.pool.fetch(_UNCHARGED, account_id, now, limit)
        return [TradeRecord(**row) for row in rows]

    async def charge(self, amounts: Mapping[str, Decimal]) -> None:
        """Estimates by trade."""
        await self._database.pool.execute(_CHARGE, list(amounts), list(amounts.values()))

    async def charges(self, account_id: str, day: date) -> dict[str, Decimal]:
        """Of a day by strategy; '' is what belongs to none."""
        rows = await self._database.pool.fetch(_CHARGES, account_id, day)
        return {row["config_id"]: row["amount"] for row in rows}

    async def results(self, account_id: str, day: date) -> dict[str, DayResult]:
        """Of a day by strategy; '' is the account."""
        rows = await self._database.pool.fetch(_RESULTS, account_id, day)
        return {row["config_id"]: DayResult(*list(row.values())[1:]) for row in rows}

    async def write(self, account_id: str, config_id: str, day: date, result: DayResult) -> None:
        """The result so far."""
        await self._database.pool.execute(
            _WRITE,
            account_id,
            config_id,
            day,
            result.realised,
            result.unrealised,
            result.charges,
            result.best,
            result.unpriced,
        )

    async def history(
        self, account_ids: Sequence[str], config_id: str, start: date, end: date
    ) -> Sequence[Mapping[str, Any]]:
        """Days, the newest first, at most 400."""
        rows: Sequence[Mapping[str, Any]] = await self._database.pool.fetch(
            _HISTORY, list(account_ids), config_id, start, end
        )
        return rows
