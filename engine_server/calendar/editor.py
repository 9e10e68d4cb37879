"""Edits of the calendar by people: checked, versioned and audited in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.calendar.domain.days import PhaseSpan, SegmentDay
from engine_server.calendar.domain.edits import WrittenPhase, checked_day, checked_phases, checked_place, checked_texts
from engine_server.calendar.store import WRITERS_LOCK, phases_json
from tradewinds import audit

_LOCK = text(WRITERS_LOCK)
_IN_FORCE = text(
    """
    SELECT phases, note, version FROM calendar_days
    WHERE segment = :segment AND day = :day AND instrument_class = :instrument_class
    ORDER BY version DESC LIMIT 1
    """
)
_NEW_VERSION = text("INSERT INTO calendar_versions (author, reason) VALUES (:author, :reason) RETURNING version")
_WRITE = text(
    """
    INSERT INTO calendar_days (segment, day, instrument_class, version, phases, note)
    VALUES (:segment, :day, :instrument_class, :version, CAST(:phases AS jsonb), :note)
    """
)


@dataclass(frozen=True)
class CalendarEdit:
    """One day as a person wants it, as it was written; `checked` turns it into what may be stored."""

    segment: str
    day: str
    instrument_class: str
    phases: Sequence[WrittenPhase]
    note: str
    reason: str

    def checked(self) -> tuple[date, tuple[PhaseSpan, ...]]:
        """Its day and spans; raises `InvalidArgumentError` naming the field."""
        checked_place(self.segment, self.instrument_class)
        checked_texts(self.note, self.reason)
        return checked_day(self.day), checked_phases(self.phases)


async def update(session: AsyncSession, edit: CalendarEdit, *, actor: str, source: str) -> SegmentDay:
    """Replace one day; the caller commits. Every reader has it within moments. Raises `InvalidArgumentError`."""
    day, spans = edit.checked()
    place = {"segment": edit.segment, "day": day, "instrument_class": edit.instrument_class}
    await session.execute(_LOCK)
    before = (await session.execute(_IN_FORCE, place)).one_or_none()
    version = (await session.execute(_NEW_VERSION, {"author": actor, "reason": edit.reason})).scalar_one()
    written = {"version": version, "phases": phases_json(spans), "note": edit.note}
    await session.execute(_WRITE, {**place, **written})
    await audit.record(
        session,
        actor=actor,
        action="calendar.update",
        subject=("calendar_day", "/".join(filter(None, (edit.segment, str(day), edit.instrument_class)))),
        reason=edit.reason,
        before=_recorded(before),
        after={"phases": [span.as_texts() for span in spans], "note": edit.note, "version": version},
        source=source,
    )
    return SegmentDay(edit.segment, day, edit.instrument_class, spans, edit.note, version, known=True, author=actor)


def _recorded(row: Any) -> dict[str, object] | None:
    return None if row is None else {"phases": row.phases, "note": row.note, "version": row.version}
