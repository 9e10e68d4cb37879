"""What strategies have been: their runs, and what their metrics were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.database.session import Database

KEPT_VALUES = 50_000

_RUNS = text(
    """
    SELECT run_id::text AS run_id, config_id, epoch, runner_id, pid, code_hash, started_at AS created_at, ended_at, outcome, detail
    FROM strategy_runs
    WHERE config_id = :config_id
      AND (CAST(:before_time AS timestamptz) IS NULL
           OR (started_at, run_id) < (CAST(:before_time AS timestamptz), CAST(:before_id AS uuid)))
    ORDER BY started_at DESC, run_id DESC LIMIT :limit
    """
)
_VALUES = text(
    """
    SELECT recorded_at, value FROM strategy_metrics
    WHERE config_id = :config_id AND name = :name
      AND (CAST(:before AS timestamptz) IS NULL OR recorded_at < CAST(:before AS timestamptz))
    ORDER BY recorded_at DESC LIMIT :limit
    """
)
# By count, not by age: times are the market's, and a replayed year is none of ours.
_TRIM = """
    WITH RECURSIVE names AS (
        (SELECT config_id, name FROM strategy_metrics ORDER BY config_id, name LIMIT 1)
        UNION ALL
        SELECT m.config_id, m.name FROM names n CROSS JOIN LATERAL (
            SELECT config_id, name FROM strategy_metrics
            WHERE (config_id, name) > (n.config_id, n.name) ORDER BY config_id, name LIMIT 1) AS m
    )
    DELETE FROM strategy_metrics old USING (
        SELECT n.config_id, n.name, oldest.recorded_at FROM names n CROSS JOIN LATERAL (
            SELECT recorded_at FROM strategy_metrics k WHERE k.config_id = n.config_id AND k.name = n.name
            ORDER BY recorded_at DESC OFFSET $1 LIMIT 1) AS oldest
    ) AS last
    WHERE old.config_id = last.config_id AND old.name = last.name AND old.recorded_at <= last.recorded_at
"""


async def runs(
    session: AsyncSession, config_id: str, before: tuple[object, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Runs of one configuration, newest first, before (created_at, run_id)."""
    before_time, before_id = before or (None, "00000000-0000-0000-0000-000000000000")
    values = {"config_id": config_id, "before_time": before_time, "before_id": before_id, "limit": limit}
    return (await session.execute(_RUNS, values)).all()


async def metric_values(
    session: AsyncSession, config_id: str, name: str, before: datetime | None, limit: int
) -> Sequence[Row[Any]]:
    """Values of one metric, newest first, before a market time."""
    values = {"config_id": config_id, "name": name, "before": before, "limit": limit}
    return (await session.execute(_VALUES, values)).all()


async def trim_metrics(database: Database, kept: int = KEPT_VALUES) -> None:
    """Keep the newest values of each metric of each configuration."""
    await database.pool.execute(_TRIM, kept)
