"""Fires into PostgreSQL, one statement for all that wait: it names the generation that it saw of each alert, so that of any number of
evaluators, however frozen, restarted or slow, one ends a generation; the history row, from which the notification is told, is written
by the same statement.

Somebody waits for it, so it has a connection to itself, with the statement prepared and planned before the first tick is judged:
connecting and preparing took twenty times as long as a fire. All fires are one JSON value, whose plan is the same for any number of them:
of arrays PostgreSQL knows the length, and planned every single statement anew, which took longer than running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from notifier.alerts.book import Fire
from notifier.alerts.domain.vocabulary import Measure
from notifier.alerts.wording import describe, snapshot
from tradewinds.database.planning import settle_plan
from tradewinds.database.session import Database

STORM_BUDGET: Final = 20
STORM_WINDOW: Final = timedelta(seconds=60)
_SECONDS: Final = 5.0
_FIRE: Final = """
WITH given AS (
    SELECT * FROM ROWS FROM (json_to_recordset($1::json) AS (
        number int8, generation int4, direction int2, value int8, previous int8, level int8, late bool, snapshot jsonb,
        description text, entry int8, arms int2, mark int8, not_before_ms int8
    )) WITH ORDINALITY
), fired AS (
    UPDATE price_alerts a
    SET generation = a.generation + 1, fire_count = a.fire_count + 1, last_fired_at = clock_timestamp(),
        arms = g.arms, mark = g.mark, seen = g.entry, not_before_ms = g.not_before_ms,
        cooling_until = CASE a.frequency WHEN 'EVERY_TIME' THEN clock_timestamp() + make_interval(secs => a.cooldown_seconds) END,
        state = CASE a.frequency WHEN 'ONCE' THEN 'TRIGGERED' ELSE a.state END
    FROM given g
    WHERE a.alert_number = g.number AND a.generation = g.generation AND a.state = 'ACTIVE'
      AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
      AND (a.snoozed_until IS NULL OR a.snoozed_until <= clock_timestamp())
    RETURNING a.alert_number, a.alert_id, a.user_id, a.instrument, a.measure, a.note, a.template_id, g.generation AS fired_generation,
        g.direction, g.value, g.previous, g.level, g.late, g.snapshot, g.description, g.ordinality AS place
), recent AS (
    SELECT u.user_id, (
        SELECT count(*) FROM (
            SELECT FROM price_alert_fires f
            WHERE f.user_id = u.user_id AND NOT f.grouped AND f.fired_at > now() - $3::interval
            LIMIT $2::int
        ) AS told
    ) AS told_alone
    FROM (SELECT DISTINCT user_id FROM fired) AS u
), judged AS (
    SELECT fired.*,
        told_alone + row_number() OVER (PARTITION BY user_id ORDER BY place) > $2::int AS grouped
    FROM fired JOIN recent USING (user_id)
), written AS (
    INSERT INTO price_alert_fires (alert_id, generation, user_id, instrument, measure, description, note, template_id, value, previous,
        level, direction, late, snapshot, grouped, message_key)
    SELECT alert_id, fired_generation, user_id, instrument, measure, description, note, template_id, value, previous, level,
        direction, late, snapshot, grouped,
        CASE WHEN NOT grouped THEN 'price-alert:' || alert_id || ':' || fired_generation END
    FROM judged ORDER BY place
    RETURNING *
)
SELECT written.*, fired.alert_number FROM written
JOIN fired ON fired.alert_id = written.alert_id AND fired.fired_generation = written.generation
ORDER BY fire_number
"""


class Firing:
    """One statement after the other; whoever uses it sees to that, and closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._statement: Any = None

    async def begin(self) -> None:
        """Be ready for the first fire. Raises asyncpg's errors, OSError and TimeoutError while PostgreSQL is away, as `fire` does."""
        self._connection = await self._database.pool.acquire(timeout=_SECONDS)
        try:
            self._statement = await self._connection.prepare(_FIRE)
            await settle_plan(lambda: self._run(()))
        except BaseException:
            await self.close()
            raise

    async def fire(self, fires: Sequence[Fire]) -> list[Mapping[str, Any]]:
        """The rows of those that were committed, each alert at most once in `fires`; all others were refused: somebody has fired,
        changed, snoozed or deleted that generation, or it has expired."""
        if self._connection is None:
            await self.begin()
        try:
            return await self._run(fires)
        except BaseException:
            await self.close()  # another one next time: this one may be broken
            raise

    async def close(self) -> None:
        """Let the connection go."""
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            await self._database.pool.release(connection)

    async def _run(self, fires: Sequence[Fire]) -> list[Mapping[str, Any]]:
        return list(await self._statement.fetch([_row(fire) for fire in fires], STORM_BUDGET, STORM_WINDOW))


def _row(fire: Fire) -> dict[str, Any]:
    row = fire.row
    return {
        "number": row.number,
        "generation": row.generation,
        "direction": fire.direction,
        "value": fire.value,
        "previous": fire.previous,
        "level": fire.level,
        "late": fire.late,
        "snapshot": snapshot(fire.tick),
        "description": describe(row.shape, Measure(row.measure), row.mark),
        "entry": fire.entry,
        "arms": fire.arms,
        "mark": fire.mark,
        "not_before_ms": fire.not_before_ms,
    }
