"""A bar as it travels and is kept: open, high, low and close of one instrument over one interval.

Prices are integers in ten-thousandths of a rupee; `start_ms` is market time (epoch milliseconds), inclusive; a bar ends where
the next one may begin, exclusive. `msgspec` writes it as an array: the order of the fields is the format.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tradewinds.instruments import InstrumentKey

# Name -> minutes. A day is a trading day of its segment, not 1,440 minutes.
INTERVAL_MINUTES: Final[dict[str, int]] = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "1d": 0}

STREAM, BROKER = "STREAM", "BROKER"


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """One bar. `volume` in units within it; `open_interest` in units at its end, 0 where there is none."""

    instrument: InstrumentKey
    interval: str
    start_ms: int
    open_e4: int
    high_e4: int
    low_e4: int
    close_e4: int
    volume: int
    open_interest: int = 0
    source: str = STREAM  # STREAM: built from ticks; BROKER: the broker's candle
    closed: bool = True
    complete: bool = True  # False: ticks of it were missed, or it is not whole yet; the broker's candle will replace it
