"""Ticks and sessions to build bars from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np

from engine_server.bars.domain.builder import BarBuilder, ClosedBars
from engine_server.bars.domain.rows import Rows
from engine_server.bars.domain.sessions import Session, Sessions
from engine_server.bars.domain.trades import TICK
from tradewinds.clock import IST

DAY = datetime(2026, 6, 10, tzinfo=IST)
NSE, MCX = 1, 2


def at(clock: str, day: int = 0) -> int:
    """Epoch ms of "HH:MM", "HH:MM:SS" or "HH:MM:SS.mmm" on the day (or so many after it)."""
    hours, minutes, *rest = clock.split(":")
    moment = DAY + timedelta(days=day, hours=int(hours), minutes=int(minutes), seconds=float(rest[0]) if rest else 0)
    return round(moment.timestamp() * 1000)


def sessions(*spans: tuple[str, str], days: int = 2) -> Sessions:
    return Sessions(tuple(Session(at(start, day), at(end, day)) for day in range(days) for start, end in spans))


NSE_HOURS = sessions(("09:15", "15:30"))


def ticks(*rows: tuple[int, int, int, int] | tuple[int, int, int, int, int]) -> Rows:
    """(slot, time_ms, price_e4, day's volume[, open interest])."""
    return np.array([(*row, 0)[:5] for row in rows], TICK)


def builder(*, slots: int = 1, watched_from: str = "08:00") -> BarBuilder:
    built = BarBuilder()
    built.use_sessions(NSE, NSE_HOURS)
    for _ in range(slots):
        built.begin(NSE, at(watched_from))
    return built


Shown = tuple[object, ...]


def shown(closed: Iterable[ClosedBars], interval: str = "") -> list[Shown]:
    """(interval, slot, HH:MM, open, high, low, close, volume) of each."""
    return [
        (
            bars.interval,
            int(row["slot"]),
            datetime.fromtimestamp(int(row["start_ms"]) / 1000, IST).strftime("%H:%M"),
            *(int(row[name]) for name in ("open_e4", "high_e4", "low_e4", "close_e4", "volume")),
        )
        for bars in closed
        if interval in ("", bars.interval)
        for row in bars.rows
    ]
