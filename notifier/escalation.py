"""Climbing the ladder: when a must-acknowledge notification is due for its next step, that step's messages and the ladder's new place
are one transaction, so that a step is taken once, whoever dies and however many replicas look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from asyncpg.pool import PoolConnectionProxy
from prometheus_client import Counter

from notifier.channels import EXTERNAL
from notifier.escalation_steps import Progress, after, last_resort
from notifier.preferences import Step
from notifier.resolver import Reason
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.ids import IdFactory
from tradewinds.telemetry import get_logger

log = get_logger("notifier.escalation")

EVERY_SECONDS: Final = 0.5
_AT_ONCE: Final = 100
# Steps of one type that fall due together become one message.
_GATHER: Final = timedelta(seconds=1)
_LAST_WORD: Final = timedelta(hours=1)
_STEPS_TAKEN: Final = Counter("tradewinds_notifier_escalation_steps_total", "Steps of escalations taken", ["reached"])
_DUE: Final = """
SELECT e.notification_id, e.user_id, e.steps, e.next_step, e.last_resort, e.created_at, clock_timestamp() AS now, n.type
FROM notification_escalations e JOIN notifications n ON n.notification_id = e.notification_id
WHERE e.state = 'ACTIVE' AND e.due_at <= clock_timestamp() ORDER BY e.due_at LIMIT $1 FOR UPDATE OF e SKIP LOCKED
"""
_TELL: Final = """
INSERT INTO notification_deliveries (delivery_id, notification_id, user_id, channel, endpoint_id, state, reason, gather_key, due_at,
    expires_at)
SELECT $1 || '-' || row_number() OVER (ORDER BY endpoint_id), $2, user_id, channel, endpoint_id, 'GATHERING', $3, $4, $5, $6
FROM notification_endpoints WHERE user_id = $7 AND channel = ANY($8) AND disabled_reason = '' AND verified_at IS NOT NULL
"""
_CLIMB: Final = """
UPDATE notification_escalations SET next_step = $2, due_at = coalesce($3, due_at), updated_at = clock_timestamp(),
    last_resort = $4, state = CASE WHEN $3::timestamptz IS NULL THEN 'EXHAUSTED' ELSE 'ACTIVE' END
WHERE notification_id = $1
"""


class Escalator:
    """Run it as a watched task; any number of replicas may. `on_step` is called when there is something to send."""

    def __init__(self, database: Database, new_id: IdFactory, on_step: Callable[[], None]) -> None:
        self._database = database
        self._new_id = new_id
        self._on_step = on_step

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                if await self.climb():
                    self._on_step()
            except PASSING_FAULTS as e:
                log.warning_throttled("database.away", error=describe(e))
            await asyncio.sleep(EVERY_SECONDS)

    async def climb(self) -> int:
        """Take every step that is due; how many."""
        async with self._database.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_DUE, _AT_ONCE)
            for row in rows:
                await self._take(connection, row)
        return len(rows)

    async def _take(self, connection: PoolConnectionProxy[Any], row: Mapping[str, Any]) -> None:
        steps = msgspec.convert(row["steps"], tuple[Step, ...])
        number, now = row["next_step"], row["now"]
        progress = after(steps, number, row["created_at"], now)
        reached = await self._tell(connection, row, steps[number], progress)
        resort = last_resort(steps, number, row["last_resort"])
        await connection.execute(_CLIMB, row["notification_id"], progress.next_step, progress.due_at, resort)
        _STEPS_TAKEN.labels("somebody" if reached else "nobody").inc()
        if progress.due_at is None:
            log.error("exhausted", notification_id=row["notification_id"], user_id=row["user_id"])
        elif not reached:
            log.warning("nobody_reached", notification_id=row["notification_id"], step=number)

    async def _tell(
        self, connection: PoolConnectionProxy[Any], row: Mapping[str, Any], step: Step, progress: Progress
    ) -> bool:
        now: datetime = row["now"]
        status = await connection.execute(
            _TELL,
            self._new_id("dlv"),
            row["notification_id"],
            Reason.ESCALATION.value,
            f"{Reason.ESCALATION}:{row['type']}",
            now + _GATHER,
            # The next step says the same: what could not be sent until then is not sent beside it.
            progress.due_at + _GATHER if progress.due_at is not None else now + _LAST_WORD,
            step.user_id or row["user_id"],
            [channel.value for channel in step.channels or EXTERNAL],
        )
        return not status.endswith(" 0")
