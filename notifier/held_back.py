"""What quiet hours hold back goes by the quiet hours of now: who changes them is not told by the old ones."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier.preferences import Preferences
from notifier.quiet_hours import quiet_until
from notifier.resolver import Reason

# As `planning` has it: half a minute apart, so that not all are called in the same second; a day to be sent, or what is left of its life.
_REPLAN: Final = text(
    """
    UPDATE notification_deliveries d SET due_at = w.due_at, updated_at = clock_timestamp(),
        expires_at = CASE WHEN d.expires_at >= d.due_at + interval '24 hours' THEN w.due_at + interval '24 hours' ELSE d.expires_at END
    FROM (SELECT e.endpoint_id, CASE WHEN CAST(:until AS timestamptz) IS NULL THEN clock_timestamp()
                 ELSE CAST(:until AS timestamptz) + make_interval(secs => abs(hashtext(e.endpoint_id) % 30)) END AS due_at
          FROM notification_endpoints e WHERE e.user_id = :user_id) w
    WHERE d.endpoint_id = w.endpoint_id AND d.gather_key = :held AND d.state = 'GATHERING'
    """
)
_NOW: Final = text("SELECT clock_timestamp()")


async def replan(session: AsyncSession, user_id: str, before: Preferences, after: Preferences) -> None:
    """In the transaction of the change."""
    quiet = after.quiet_hours
    if before.quiet_hours == quiet:
        return
    now = (await session.execute(_NOW)).scalar_one()
    until = quiet_until(quiet.windows, ZoneInfo(quiet.time_zone), now) if quiet is not None else None
    await session.execute(_REPLAN, {"user_id": user_id, "until": until, "held": Reason.QUIET_HOURS.value})
