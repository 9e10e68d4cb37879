"""The trading day's phases as a strategy sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from tradewinds.instruments import Instrument

CLOSED, UNKNOWN = "CLOSED", "UNKNOWN"
_SEGMENTS: Final = {"NSE": "NSE_CM", "NFO": "NSE_FO", "BSE": "BSE_CM", "BFO": "BSE_FO", "MCX": "MCX", "CDS": "CDS"}
_CLOSING_AUCTION: Final = "CAS"


class PhaseSpan(msgspec.Struct, frozen=True):
    """One phase of one day, in market time (epoch milliseconds), `end_ms` exclusive."""

    segment: str
    instrument_class: str
    phase: str
    start_ms: int
    end_ms: int


class KnownDay(msgspec.Struct, frozen=True):
    """A day that the calendar knows, from midnight to midnight in India."""

    segment: str
    start_ms: int
    end_ms: int


class Phase(msgspec.Struct, frozen=True):
    """A segment's phase: PRE_OPEN, CONTINUOUS, CLOSING_AUCTION, POST_CLOSE or CLOSED; UNKNOWN where the calendar does not say."""

    segment: str
    name: str


class PhaseBook:
    """The days around now, as the calendar has them."""

    def __init__(self) -> None:
        self._spans: tuple[PhaseSpan, ...] = ()
        self._days: tuple[KnownDay, ...] = ()
        self._told: dict[str, str] = {}

    def learn(self, spans: Iterable[PhaseSpan], days: Iterable[KnownDay]) -> None:
        """Replace what is known."""
        self._spans, self._days = tuple(spans), tuple(days)

    def of(self, instrument: Instrument, now_ms: int) -> Phase:
        """The phase that an instrument is in."""
        segment = _SEGMENTS.get(instrument.exchange, "")
        wanted = _CLOSING_AUCTION if instrument.has_closing_auction else ""
        has_own = any(s.segment == segment and s.instrument_class == wanted for s in self._spans)
        return Phase(segment, self._at(segment, wanted if has_own else "", now_ms))

    def changes(self, segments: Iterable[str], now_ms: int) -> list[Phase]:
        """What has changed since the last look; the first look at a segment is no change."""
        changed = []
        for segment in segments:
            name = self._at(segment, "", now_ms)
            before = self._told.get(segment, UNKNOWN)
            self._told[segment] = name
            if name != before and UNKNOWN not in (before, name):
                changed.append(Phase(segment, name))
        return changed

    def next_change_ms(self, now_ms: int) -> int | None:
        """When to look again (market time); None when nothing is known to come."""
        edges = (edge for s in self._spans for edge in (s.start_ms, s.end_ms))
        return min((edge for edge in edges if edge > now_ms), default=None)

    def _at(self, segment: str, instrument_class: str, now_ms: int) -> str:
        for span in self._spans:
            if (span.segment, span.instrument_class) == (
                segment,
                instrument_class,
            ) and span.start_ms <= now_ms < span.end_ms:
                return span.phase
        is_known = any(day.segment == segment and day.start_ms <= now_ms < day.end_ms for day in self._days)
        return CLOSED if is_known else UNKNOWN


def segments_of(instruments: Iterable[Instrument]) -> list[str]:
    """The segments of the calendar that these trade in."""
    return sorted({_SEGMENTS[i.exchange] for i in instruments if i.exchange in _SEGMENTS})
