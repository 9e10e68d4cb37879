"""The broker's candles as bars, and how far they are from what the stream made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine_server.bars.domain.ranges import Range
from engine_server.bars.store import StoredMinutes
from engine_server.broker.market_data import Candle
from tradewinds.bars import BROKER, Bar
from tradewinds.instruments import InstrumentKey
from tradewinds.money import to_e4

# A stream that is sampled misses an extreme by ticks; more than this is another price.
_FAR_PRICE: Final = 0.005
_FAR_VOLUME: Final = 0.5
_PRICES: Final = ("open_e4", "high_e4", "low_e4", "close_e4")


@dataclass(frozen=True)
class Differences:
    """Bars of the stream that the broker's candles differ from: all, and those that are far off."""

    differing: int = 0
    far: int = 0
    example: str = ""


def bars_of(
    key: InstrumentKey,
    interval: str,
    candles: Iterable[Candle],
    open_interest: Iterable[tuple[datetime, int]],
    within: Range,
) -> list[Bar]:
    """Candles as bars, those that begin in `within`, oldest first, each once; candles without a price are left out."""
    interest = {round(moment.timestamp() * 1000): units for moment, units in open_interest}
    found: dict[int, Bar] = {}
    for candle in candles:
        start_ms = round(candle.start.timestamp() * 1000)
        first, high, low, last = map(to_e4, (candle.open, candle.high, candle.low, candle.close))
        if within.from_ms <= start_ms < within.until_ms and low > 0:
            units = interest.get(start_ms, 0)
            found[start_ms] = Bar(key, interval, start_ms, first, high, low, last, candle.volume, units, BROKER)
    return [found[start_ms] for start_ms in sorted(found)]


def differences(stored: StoredMinutes, candles: Sequence[Bar]) -> Differences:
    """What the stream made beside what the broker says."""
    ours: Mapping[int, int] = {
        int(start): n for n, start in enumerate(stored.rows["start_ms"].tolist()) if not stored.from_broker[n]
    }
    differing, far, example = 0, 0, ""
    for bar in candles:
        if (n := ours.get(bar.start_ms)) is None:
            continue
        row = stored.rows[n]
        pairs = [(int(row[name]), int(getattr(bar, name))) for name in _PRICES]
        volume = int(row["volume"])
        if all(a == b for a, b in pairs) and volume == bar.volume:
            continue
        differing += 1
        off = max(abs(a - b) / b for a, b in pairs)
        if off > _FAR_PRICE or abs(volume - bar.volume) > _FAR_VOLUME * max(bar.volume, 1):
            far += 1
            example = example or f"{bar.instrument} at {bar.start_ms}: ours {row}, the broker's {bar}"
    return Differences(differing, far, example)
