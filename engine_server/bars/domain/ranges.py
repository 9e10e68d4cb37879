"""Which stretch of an instrument's bars is whole, and what has to be asked to make another one so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine_server.bars.domain.sessions import DAY_MS

# The broker gives 30 days of minutes a request (SmartAPI getCandleData), and 2,000 days of days: asked in such pieces, each is
# kept when it is there.
PIECE_DAYS: Final = {"1m": 30, "1d": 2_000}
# What lies further from what is there is not joined to it: the hole between would be asked for too.
_FAR_MS: Final = 100 * DAY_MS


@dataclass(frozen=True)
class Range:
    """[from, until), epoch ms of the market."""

    from_ms: int
    until_ms: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return self.until_ms <= self.from_ms

    def joined(self, other: Range) -> Range:
        """Both, and what lies between."""
        return Range(min(self.from_ms, other.from_ms), max(self.until_ms, other.until_ms))

    def touches(self, other: Range) -> bool:
        """Whether nothing lies between."""
        return self.from_ms <= other.until_ms and other.from_ms <= self.until_ms


def kept(have: Range | None, wanted: Range) -> Range | None:
    """What of `have` is worth growing from; None when it is too far from what is wanted."""
    if have is None or have.is_empty:
        return None
    apart = max(wanted.from_ms - have.until_ms, have.from_ms - wanted.until_ms)
    return have if apart <= _FAR_MS else None


def missing(have: Range | None, wanted: Range) -> list[Range]:
    """What is to be asked so that `wanted` is whole, and joined to `have`: nothing, one stretch or two."""
    if wanted.is_empty:
        return []
    base = kept(have, wanted)
    if base is None:
        return [wanted]
    ends = (Range(wanted.from_ms, base.from_ms), Range(base.until_ms, wanted.until_ms))
    return [part for part in ends if not part.is_empty]


def pieces(have: Range | None, wanted: Range, interval: str) -> Iterator[Range]:
    """The same in requests, each of which touches what is there when its turn comes."""
    size = PIECE_DAYS[interval] * DAY_MS
    base = kept(have, wanted)
    for part in missing(have, wanted):
        goes_back = base is None or part.from_ms < base.from_ms
        count = -(-(part.until_ms - part.from_ms) // size)
        cut = [
            Range(max(part.from_ms, part.until_ms - (n + 1) * size), part.until_ms - n * size)
            if goes_back
            else Range(part.from_ms + n * size, min(part.until_ms, part.from_ms + (n + 1) * size))
            for n in range(count)
        ]
        yield from cut
