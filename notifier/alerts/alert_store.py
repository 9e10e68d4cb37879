"""Alerts as people keep them: rows of `price_alerts`, changed under a lock, each change told to the evaluator when it commits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier.alerts.domain.definition import Definition
from notifier.alerts.domain.vocabulary import Condition
from notifier.alerts.domain.watch import Watch

CHANNEL: Final = "price_alerts"

Row = Mapping[str, Any]

_ONE_BY_ONE: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('price_alerts/' || :user_id, 0))")
_COUNT: Final = text("SELECT count(*) FROM price_alerts WHERE user_id = :user_id AND state = 'ACTIVE'")
_INSERT: Final = text(
    """
    INSERT INTO price_alerts (alert_id, user_id, instrument, measure, condition, lower, upper, basis_points, distance, hysteresis,
        reference, frequency, cooldown_seconds, bar_minutes, note, template_id, expires_at, arms, mark)
    VALUES (:alert_id, :user_id, :instrument, :measure, :condition, :lower, :upper, :basis_points, :distance, :hysteresis,
        :reference, :frequency, :cooldown_seconds, :bar_minutes, :note, :template_id, :expires_at, :arms, :mark)
    RETURNING *
    """
)
_GET: Final = text(
    "SELECT * FROM price_alerts WHERE alert_id = :alert_id AND (CAST(:user_id AS text) IS NULL OR user_id = :user_id)"
)
_LOCK: Final = text(f"{_GET.text} FOR UPDATE")
_LIST: Final = text(
    """
    SELECT * FROM price_alerts
    WHERE user_id = :user_id
      AND (CAST(:instrument AS text) IS NULL OR instrument = :instrument)
      AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:created_at AS timestamptz) IS NULL OR (created_at, alert_id) < (:created_at, :after_id))
    ORDER BY created_at DESC, alert_id DESC LIMIT :limit
    """
)
_NOTE: Final = text(
    """
    UPDATE price_alerts SET note = :note, template_id = :template_id, expires_at = :expires_at, updated_at = clock_timestamp()
    WHERE alert_id = :alert_id RETURNING *
    """
)
# What it waits for is another thing now: another generation, judged from the price of this moment.
_REDEFINE: Final = text(
    """
    UPDATE price_alerts
    SET measure = :measure, condition = :condition, lower = :lower, upper = :upper, basis_points = :basis_points,
        distance = :distance, hysteresis = :hysteresis, reference = :reference, frequency = :frequency,
        cooldown_seconds = :cooldown_seconds, bar_minutes = :bar_minutes, note = :note, template_id = :template_id,
        expires_at = :expires_at, arms = :arms, mark = :mark, not_before_ms = 0, cooling_until = NULL, generation = generation + 1,
        updated_at = clock_timestamp()
    WHERE alert_id = :alert_id RETURNING *
    """
)
_REARM: Final = text(
    """
    UPDATE price_alerts
    SET state = 'ACTIVE', arms = :arms, mark = :mark, not_before_ms = 0, cooling_until = NULL, snoozed_until = NULL, problem = '',
        generation = generation + 1, updated_at = clock_timestamp()
    WHERE alert_id = :alert_id RETURNING *
    """
)
_SNOOZE: Final = text(
    """
    UPDATE price_alerts
    SET snoozed_until = CASE WHEN :seconds > 0 THEN clock_timestamp() + make_interval(secs => :seconds) END,
        updated_at = clock_timestamp()
    WHERE alert_id = :alert_id RETURNING *
    """
)
_DELETE: Final = text("DELETE FROM price_alerts WHERE alert_id = :alert_id RETURNING *")
_TELL: Final = text("SELECT pg_notify(:channel, :number)")


async def lock_user(session: AsyncSession, user_id: str) -> int:
    """One change of the number of a user's active alerts at a time; how many there are."""
    await session.execute(_ONE_BY_ONE, {"user_id": user_id})
    return int((await session.execute(_COUNT, {"user_id": user_id})).scalar_one())


async def insert(
    session: AsyncSession, alert_id: str, user_id: str, instrument: str, definition: Definition, watch: Watch
) -> Row:
    """A new alert."""
    values = {"alert_id": alert_id, "user_id": user_id, "instrument": instrument, **_columns(definition, watch)}
    return await _changed(session, _INSERT, values)


async def get(session: AsyncSession, alert_id: str, user_id: str | None) -> Row | None:
    """One alert that `user_id` (None: anybody) may see."""
    return await _one(session, _GET, {"alert_id": alert_id, "user_id": user_id})


async def lock(session: AsyncSession, alert_id: str, user_id: str | None) -> Row | None:
    """The same, to be changed: what fires waits."""
    return await _one(session, _LOCK, {"alert_id": alert_id, "user_id": user_id})


async def page(
    session: AsyncSession,
    user_id: str,
    *,
    instrument: str | None,
    state: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """A user's, newest first, after the (created_at, id) of the last one seen."""
    created_at, after_id = after or (None, "")
    values = {"user_id": user_id, "instrument": instrument, "state": state, "limit": limit}
    rows = await session.execute(_LIST, {**values, "created_at": created_at, "after_id": after_id})
    return [dict(row) for row in rows.mappings()]


async def note(session: AsyncSession, alert_id: str, definition: Definition) -> Row:
    """Change what has nothing to do with when it fires."""
    values = {
        "alert_id": alert_id,
        "note": definition.note,
        "template_id": definition.template_id,
        "expires_at": definition.expires_at,
    }
    return await _changed(session, _NOTE, values)


async def redefine(session: AsyncSession, alert_id: str, definition: Definition, watch: Watch) -> Row:
    """Change what it waits for."""
    return await _changed(session, _REDEFINE, {"alert_id": alert_id, **_columns(definition, watch)})


async def rearm(session: AsyncSession, alert_id: str, watch: Watch) -> Row:
    """Begin again."""
    return await _changed(session, _REARM, {"alert_id": alert_id, "arms": watch.arms, "mark": watch.mark})


async def snooze(session: AsyncSession, alert_id: str, seconds: int) -> Row:
    """Say nothing for so long; 0 ends it."""
    return await _changed(session, _SNOOZE, {"alert_id": alert_id, "seconds": seconds})


async def delete(session: AsyncSession, alert_id: str) -> Row:
    """Take it away."""
    return await _changed(session, _DELETE, {"alert_id": alert_id})


async def _one(session: AsyncSession, statement: TextClause, values: Mapping[str, Any]) -> Row | None:
    row = (await session.execute(statement, dict(values))).mappings().one_or_none()
    return dict(row) if row is not None else None


async def _changed(session: AsyncSession, statement: TextClause, values: Mapping[str, Any]) -> Row:
    row = (await session.execute(statement, dict(values))).mappings().one()
    await session.execute(_TELL, {"channel": CHANNEL, "number": str(row["alert_number"])})
    return dict(row)


def _columns(definition: Definition, watch: Watch) -> dict[str, Any]:
    shape = definition.shape
    return {
        "measure": definition.measure.name,
        "condition": Condition(shape.condition).name,
        "lower": shape.lower,
        "upper": shape.upper,
        "basis_points": shape.basis_points,
        "distance": shape.distance,
        "hysteresis": shape.hysteresis,
        "reference": definition.reference.name,
        "frequency": definition.frequency.name,
        "cooldown_seconds": definition.cooldown_seconds,
        "bar_minutes": definition.bar_minutes,
        "note": definition.note,
        "template_id": definition.template_id,
        "expires_at": definition.expires_at,
        "arms": watch.arms,
        "mark": watch.mark,
    }
