"""Schedules, kept: strategies are taken from their runners when their hours are over, and given again when they come.

That is not a stop: what is wanted stays RUNNING, the state says SCHEDULED.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text

from engine_server.calendar.domain.days import SEGMENTS, WRITABLE
from engine_server.fleet.domain.schedule import Schedule, Timing, parse, timing
from engine_server.fleet.leadership import Leadership
from engine_server.fleet.ports import TradingHours
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError
from tradewinds.telemetry import get_logger

log = get_logger("fleet.schedule")

_SCHEDULED = text(
    """
    SELECT c.config_id, c.schedule, c.is_off_schedule, c.state_reason, c.desired_state
    FROM strategy_configs c WHERE c.schedule IS NOT NULL OR c.is_off_schedule
    """
)
_TURN_OFF = text(
    """
    WITH off AS (
        UPDATE strategy_configs c
        SET is_off_schedule = true, generation = c.generation + CAST(c.desired_state = 'RUNNING' AS int),
            state = CASE WHEN c.desired_state <> 'RUNNING' OR c.state IN ('FAILED', 'QUARANTINED') THEN c.state
                         WHEN a.instance_id IS NOT NULL THEN 'STOPPING' ELSE 'SCHEDULED' END,
            state_reason = CASE WHEN c.desired_state <> 'RUNNING' OR c.state IN ('FAILED', 'QUARANTINED') THEN c.state_reason
                                ELSE :reason END,
            flatten_because = CASE WHEN :squares_off AND c.desired_state = 'RUNNING' THEN :reason ELSE c.flatten_because END,
            updated_at = now()
        FROM assignments a
        WHERE c.config_id = :config_id AND a.config_id = c.config_id AND NOT c.is_off_schedule
        RETURNING c.config_id, c.generation
    )
    UPDATE assignments a SET generation = off.generation, updated_at = now()
    FROM off WHERE a.config_id = off.config_id AND a.instance_id IS NOT NULL
    """
)
_TURN_ON = text(
    """
    UPDATE strategy_configs c
    SET is_off_schedule = false, generation = generation + 1, process_generation = generation + 1,
        state = CASE WHEN state = 'SCHEDULED' THEN 'PENDING' ELSE state END,
        state_reason = CASE WHEN state = 'SCHEDULED' THEN 'waits for a runner' ELSE state_reason END, updated_at = now()
    WHERE c.config_id = :config_id AND c.is_off_schedule
      AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.config_id = c.config_id AND a.instance_id IS NOT NULL)
    """
)
_SAY_WHY = text(
    """
    UPDATE strategy_configs SET state_reason = :reason, updated_at = now()
    WHERE config_id = :config_id AND state = 'SCHEDULED' AND state_reason <> :reason
    """
)


class ScheduleKeeper:
    """`keep` in the leader's loop."""

    def __init__(self, database: Database, leadership: Leadership, hours: TradingHours) -> None:
        self._database = database
        self._leadership = leadership
        self._hours = hours

    async def keep(self) -> set[str]:
        """One look at all of them; returns those that changed. Raises `NotLeaderError`."""
        async with self._database.session() as session:
            rows = (await session.execute(_SCHEDULED)).all()
            due = [
                (row, now)
                for row in rows
                if (now := self._timing(row)).is_on == row.is_off_schedule or self._is_news(row, now)
            ]
            if not due:
                return set()
            await self._leadership.fence(session)
            for row, now in due:
                await session.execute(*_change(row, now))
                log.info("judged", config_id=row.config_id, is_on=now.is_on, reason=now.because)
            await session.commit()
        return {row.config_id for row, _ in due}

    def _timing(self, row: Row[Any]) -> Timing:
        if row.schedule is None:
            return Timing(True)
        try:
            schedule = parse_schedule(row.schedule)
        except InvalidArgumentError as e:  # written by hand
            return Timing(False, e.message)
        return timing(schedule, self._hours.day(schedule), self._hours.now(), self._hours.not_in_because())

    @staticmethod
    def _is_news(row: Row[Any], now: Timing) -> bool:
        return not now.is_on and row.desired_state == "RUNNING" and row.state_reason != now.because


def _change(row: Row[Any], now: Timing) -> tuple[Any, dict[str, object]]:
    key: dict[str, object] = {"config_id": row.config_id}
    if now.is_on:
        return _TURN_ON, key
    if row.is_off_schedule:
        return _SAY_WHY, {**key, "reason": now.because}
    return _TURN_OFF, {**key, "reason": now.because, "squares_off": now.squares_off}


def parse_schedule(text_: object) -> Schedule:
    """A schedule as it is stored, over the segments and phases that the calendar has. Raises `InvalidArgumentError`."""
    if not isinstance(text_, dict):
        raise InvalidArgumentError.field(
            "schedule", f"{text_!r} is not an object with segment, phases, square_off_minutes"
        )
    return parse(text_, SEGMENTS, [phase.value for phase in WRITABLE])
