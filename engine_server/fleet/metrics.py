"""Numbers that strategies report about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.database.session import Database

_SAVE = """
    INSERT INTO strategy_metrics (config_id, name, recorded_at, value)
    SELECT m.config_id, m.name, m.recorded_at, m.value
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[]) AS m (config_id, name, recorded_at, value)
    JOIN assignments a ON a.config_id = m.config_id AND a.instance_id = $5
    ON CONFLICT (config_id, name, recorded_at) DO UPDATE SET value = excluded.value
"""
# One index probe per name: a strategy has few names and may have millions of values.
_LATEST = text(
    """
    WITH RECURSIVE names AS (
        (SELECT name FROM strategy_metrics WHERE config_id = :config_id ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT m.name FROM strategy_metrics m WHERE m.config_id = :config_id AND m.name > n.name
                ORDER BY m.name LIMIT 1)
        FROM names n WHERE n.name IS NOT NULL)
    SELECT n.name, newest.value
    FROM names n
    CROSS JOIN LATERAL (
        SELECT m.value FROM strategy_metrics m WHERE m.config_id = :config_id AND m.name = n.name
        ORDER BY m.recorded_at DESC LIMIT 1) AS newest
    """
)


@dataclass(frozen=True)
class Metric:
    """One value at one market time."""

    config_id: str
    name: str
    recorded_at: datetime
    value: float


async def save(database: Database, instance_id: str, metrics: Sequence[Metric]) -> None:
    """Store the values of strategies that this instance holds; a repeat at the same time replaces."""
    unique = {(m.config_id, m.name, m.recorded_at): m.value for m in metrics}
    await database.pool.execute(
        _SAVE,
        [k[0] for k in unique],
        [k[1] for k in unique],
        [k[2] for k in unique],
        list(unique.values()),
        instance_id,
    )


async def latest(session: AsyncSession, config_id: str) -> dict[str, float]:
    """The newest value of each metric of one strategy."""
    return {row.name: row.value for row in await session.execute(_LATEST, {"config_id": config_id})}
