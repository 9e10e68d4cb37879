"""The calendar's part of MarketData: days shown from memory, edits written and seen at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from engine_server.calendar import editor
from engine_server.calendar.domain.days import GENERAL, INSTRUMENT_CLASSES, SEGMENTS, SegmentDay
from engine_server.calendar.domain.edits import checked_day, checked_place
from engine_server.calendar.editor import CalendarEdit
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.messages.market import calendar_day_message
from tradewinds import auth, idempotency
from tradewinds.clock import ist
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import market_data_pb2 as pb

_MAX_DAYS: Final = 400
_SOURCE: Final = "api"


class CalendarDesk:
    """Shows the calendar in force, and lets operators change it."""

    def __init__(self, database: Database, calendar: TradingCalendar) -> None:
        self._database = database
        self._calendar = calendar

    def days(self, request: pb.ListCalendarDaysRequest, market_time: datetime) -> pb.ListCalendarDaysResponse:
        """Every segment's day, the unknown ones too. Raises `InvalidArgumentError`."""
        first = checked_day(request.start_day, "start_day") if request.start_day else ist(market_time).date()
        last = checked_day(request.end_day, "end_day") if request.end_day else first
        if not 0 <= (last - first).days < _MAX_DAYS:
            raise InvalidArgumentError.field("end_day", f"{last} is not within {_MAX_DAYS} days from {first} on")
        if request.segment:
            checked_place(request.segment, GENERAL)
        segments = (request.segment,) if request.segment else SEGMENTS
        current = self._calendar.current
        written = {(d.day, d.segment, d.instrument_class): d for d in current.days(first, last, request.segment)}
        shown: list[SegmentDay] = []
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            for segment in segments:
                shown.append(current.day(segment, day))
                shown += [d for c in INSTRUMENT_CLASSES if c != GENERAL and (d := written.get((day, segment, c)))]
        return pb.ListCalendarDaysResponse(days=[calendar_day_message(day) for day in shown])

    async def update(self, request: pb.UpdateCalendarDayRequest, context: Any) -> pb.CalendarDay:
        """Replace one day. Raises `InvalidArgumentError` and `RequestIdReusedError`."""
        caller = auth.principal()
        edit = CalendarEdit(
            segment=request.segment,
            day=request.day,
            instrument_class=request.instrument_class,
            phases=[(phase.phase, phase.start, phase.end) for phase in request.phases],
            note=request.note,
            reason=request.reason,
        )
        edit.checked()  # a mistake takes no lock
        async with self._database.session() as session:

            async def write() -> pb.CalendarDay:
                return calendar_day_message(await editor.update(session, edit, actor=caller.subject, source=_SOURCE))

            written = await idempotency.once(
                session,
                caller=caller.subject,
                method="UpdateCalendarDay",
                request_id=idempotency.request_id_of(request, context),
                request=request,
                response_type=pb.CalendarDay,
                act=write,
            )
            await session.commit()
        await self._calendar.load()
        return written
