"""Candles and open interest of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from sandbox.body_fields import one_of, text_of
from sandbox.candles import INTERVALS, Candle, Interval
from sandbox.clock import IST, ist
from sandbox.errors import RefusedError
from sandbox.http.endpoints import GET_CANDLE_DATA, GET_OI_DATA
from sandbox.http.envelope import BODY, BROKER, success
from sandbox.rows import rupees
from sandbox.universe import Instrument

_DAY_MS = 86_400_000

routes = web.RouteTableDef()


@GET_CANDLE_DATA.served_by(routes)
async def get_candles(request: web.Request) -> web.Response:
    _, candles = await _asked(request)
    return success(
        [
            [_written(c.start_ms), rupees(c.open), rupees(c.high), rupees(c.low), rupees(c.close), c.volume]
            for c in candles
        ]
    )


@GET_OI_DATA.served_by(routes)
async def get_open_interest(request: web.Request) -> web.Response:
    """Units at the end of each candle; contracts only."""
    instrument, candles = await _asked(request)
    if not instrument.is_derivative:
        return success([])
    interest = request.app[BROKER].feed.open_interest
    return success([{"time": _written(c.start_ms), "oi": interest(instrument, c.last_minute_ms)} for c in candles])


async def _asked(request: web.Request) -> tuple[Instrument, list[Candle]]:
    """Refuses what the broker refuses: an interval or a token that there is not, an end before its beginning, too long a span."""
    body, broker = request[BODY], request.app[BROKER]
    instrument = broker.universe.find(text_of(body, "exchange"), text_of(body, "symboltoken"))
    if instrument is None:
        raise RefusedError("AB1018", "Failed to get symbol details")
    interval = INTERVALS[one_of(body, "interval", INTERVALS)]
    from_ms, to_ms = _moment(body, "fromdate"), _moment(body, "todate")
    _check_span(interval, from_ms, to_ms)
    found: list[Candle] = []
    for candles in broker.history.days(instrument, interval, from_ms, to_ms):
        found += candles
        await asyncio.sleep(0)  # years of days must not hold up the ticks
    return instrument, found


def _check_span(interval: Interval, from_ms: int, to_ms: int) -> None:
    if not 0 <= to_ms - from_ms <= interval.maximum_days * _DAY_MS:
        raise RefusedError("AB1004", "Something Went Wrong, Please Try After Sometime")


def _moment(body: Mapping[str, Any], field: str) -> int:
    try:
        moment = datetime.strptime(text_of(body, field), "%Y-%m-%d %H:%M").replace(tzinfo=IST)
    except ValueError:
        raise RefusedError("AB1007", f"Invalid {field}: YYYY-MM-DD HH:MM is the form") from None
    return round(moment.timestamp() * 1000)


def _written(start_ms: int) -> str:
    return ist(start_ms).isoformat(timespec="seconds")
