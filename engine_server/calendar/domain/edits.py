"""What a person may write into the calendar. Refusals name the field of `UpdateCalendarDay`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from engine_server.calendar.domain.days import INSTRUMENT_CLASSES, SEGMENTS, WRITABLE, Phase, PhaseSpan, clock_minute
from tradewinds.errors import InvalidArgumentError

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_MAX_PHASES: Final = 16
_MAX_TEXT: Final = 500
WrittenPhase = tuple[str, str, str]


def checked_day(text: str, field: str = "day") -> date:
    """The day of `YYYY-MM-DD`; raises `InvalidArgumentError` naming `field`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        raise InvalidArgumentError.field(field, f"{text!r} is not a day; write YYYY-MM-DD")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidArgumentError.field(field, f"{text} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


def checked_place(segment: str, instrument_class: str) -> None:
    """Raise `InvalidArgumentError` unless the segment and the class exist."""
    if segment not in SEGMENTS:
        raise InvalidArgumentError.field("segment", f"{segment!r} is none of {', '.join(SEGMENTS)}")
    if instrument_class not in INSTRUMENT_CLASSES:
        raise InvalidArgumentError.field(
            "instrument_class", f"{instrument_class!r} is unknown: leave it empty, or write CAS (closing auction)"
        )


def checked_texts(note: str, reason: str) -> None:
    """Raise `InvalidArgumentError` unless there is a reason and neither is too long."""
    if not reason.strip():
        raise InvalidArgumentError.field("reason", "say why; it goes into the audit log")
    for field, value in (("reason", reason), ("note", note)):
        if len(value) > _MAX_TEXT:
            raise InvalidArgumentError.field(field, f"is longer than {_MAX_TEXT} characters")


def checked_phases(written: Sequence[WrittenPhase]) -> tuple[PhaseSpan, ...]:
    """(phase, start, end) as spans, in order and without overlaps; none is a closed day. Raises `InvalidArgumentError`."""
    if len(written) > _MAX_PHASES:
        raise InvalidArgumentError.field("phases", f"{len(written)} phases; a day has at most {_MAX_PHASES}")
    spans: list[PhaseSpan] = []
    for number, one in enumerate(written):
        span = _span(f"phases[{number}]", one)
        if spans and span.start_minute < spans[-1].end_minute:
            raise InvalidArgumentError.field(
                f"phases[{number}].start",
                f"{one[1]} is before the end of the phase above it ({written[number - 1][2]}): in order, without overlaps",
            )
        spans.append(span)
    return tuple(spans)


def _span(field: str, written: WrittenPhase) -> PhaseSpan:
    name, start, end = written
    if name not in WRITABLE:
        raise InvalidArgumentError.field(f"{field}.phase", f"{name!r} is none of {', '.join(WRITABLE)}")
    first, last = _minute(f"{field}.start", start), _minute(f"{field}.end", end)
    if last <= first:
        raise InvalidArgumentError.field(
            f"{field}.end",
            f"{end} is not after {start}; a phase ends on its own day: write 24:00 for midnight, "
            "and what follows on the next day",
        )
    return PhaseSpan(Phase(name), first, last)


def _minute(field: str, text: str) -> int:
    try:
        return clock_minute(text)
    except ValueError as e:
        raise InvalidArgumentError.field(field, f"{e}; write HH:MM in India's time") from e
