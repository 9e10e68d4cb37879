"""Watches every socket for silence in an open market: what is stale, and which connection is made anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from engine_server.calendar.domain.segments import class_of, segment_of
from engine_server.feed.market_sockets import MarketSockets
from engine_server.feed.market_stream import MarketStream
from engine_server.feed.placement import Instruments
from engine_server.feed.silence import SocketSilence, bound_seconds
from engine_server.feed.stale_board import StaleInstrument
from tradewinds.clock import MarketClock
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.watchdog")

MARKET_CLOSED: Final = "the market has closed"
TICKS_CAME: Final = "ticks come again"


class Phases(Protocol):
    """The trading calendar, as far as it matters here."""

    def is_continuous(self, segment: str, instrument_class: str, market_time: datetime) -> bool:
        """Whether there is continuous trading; False where the calendar does not know."""
        ...


@dataclass
class _Watched:
    """One socket between two looks."""

    expecting_since: float | None = None
    mute_connections: int = 0
    dropped_at: float = float("-inf")
    groups: dict[tuple[str, str], list[InstrumentKey]] = field(default_factory=dict)
    seen: Instruments | None = None


class Watchdog:
    """`look` is called every moment and says what is stale now."""

    def __init__(
        self,
        sockets: MarketSockets,
        phases: Phases,
        market_clock: MarketClock,
        canary_ticked: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sockets = sockets
        self._phases = phases
        self._market_clock = market_clock
        self._canary_ticked = canary_ticked
        self._monotonic = monotonic
        self._watched = [_Watched() for _ in sockets.streams]
        self.open_instruments = 0

    def look(self) -> list[StaleInstrument]:
        """Judge every socket; those that are mute are connected anew."""
        market_time, stale = self._market_clock.now(), []
        self.open_instruments = 0
        for stream, watched, placed in zip(
            self._sockets.streams, self._watched, self._sockets.placement.sockets, strict=True
        ):
            expected = self._expected(watched, placed, market_time)
            self.open_instruments += len(expected)
            silence = self._silence(stream, watched, expected, market_time)
            if silence.is_mute:
                self._connect_anew(stream, watched, silence)
            elif watched.mute_connections and stream.ticked_at > watched.dropped_at:
                watched.mute_connections = 0
            if silence.is_stale:
                why = stream.problem or f"nothing for {silence.bound:g} s on a connected socket in an open market"
                stale += [StaleInstrument(key, f"market socket {stream.number}: {why}") for key in expected]
        return stale

    def _expected(self, watched: _Watched, placed: Instruments, market_time: datetime) -> list[InstrumentKey]:
        """The instruments of a socket whose market trades continuously now."""
        if watched.seen is not placed:
            watched.seen, watched.groups = placed, _groups(placed.values())
        return [
            key
            for (segment, instrument_class), keys in watched.groups.items()
            if self._phases.is_continuous(segment, instrument_class, market_time)
            for key in keys
        ]

    def _silence(
        self, stream: MarketStream, watched: _Watched, expected: list[InstrumentKey], market_time: datetime
    ) -> SocketSilence:
        now, canary = self._monotonic(), self._sockets.canary
        if not expected:
            watched.expecting_since = None
        elif watched.expecting_since is None:
            watched.expecting_since = now
        canary_open = canary is not None and self._phases.is_continuous(
            segment_of(canary), class_of(canary), market_time
        )
        bound = bound_seconds(
            canary_open=canary_open, canary_proved=self._canary_ticked(), rate=self._market_clock.rate
        )
        return SocketSilence(
            now, stream.ticked_at, stream.connected_at, watched.expecting_since, bound, watched.mute_connections
        )

    def _connect_anew(self, stream: MarketStream, watched: _Watched, silence: SocketSilence) -> None:
        watched.mute_connections += 1
        watched.dropped_at = silence.now
        log.warning("mute", socket=stream.number, silent_seconds=round(silence.seconds, 1), bound=silence.bound)
        stream.drop(f"nothing came for {silence.seconds:.0f} s in an open market")


def _groups(instruments: Iterable[Instrument]) -> dict[tuple[str, str], list[InstrumentKey]]:
    groups: dict[tuple[str, str], list[InstrumentKey]] = {}
    for instrument in instruments:
        groups.setdefault((segment_of(instrument), class_of(instrument)), []).append(instrument.key)
    return groups
