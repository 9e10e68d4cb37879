"""What one scrip master says differently from the one before, of instruments that somebody uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from tradewinds.instruments import Instrument, InstrumentKey

ADDED, GONE, TOKEN, LOT_SIZE, TICK_SIZE, SERIES, SYMBOL = (
    "ADDED",
    "GONE",
    "TOKEN",
    "LOT_SIZE",
    "TICK_SIZE",
    "SERIES",
    "SYMBOL",
)
# After these the name that somebody wrote down does not mean, or may not mean, what it meant.
UNSETTLING: Final = frozenset({GONE, TOKEN, SERIES, SYMBOL})


@dataclass(frozen=True)
class InstrumentChange:
    """One difference. `before` and `after` are what the kind is about: tokens, lots, ticks, or canonical keys."""

    instrument: InstrumentKey
    kind: str
    before: str
    after: str

    @property
    def is_unsettling(self) -> bool:
        """Whether a person must look before anything is traded on it."""
        return self.kind in UNSETTLING

    def described(self) -> str:
        """For a person."""
        return f"{self.instrument}{_WORDS[self.kind].format(before=self.before, after=self.after)}"


_WORDS: Final[Mapping[str, str]] = {
    ADDED: " is in the scrip master again",
    GONE: " is not in the scrip master any more",
    TOKEN: " has another exchange token: {before} became {after}",
    LOT_SIZE: " has another lot size: {before} became {after}",
    TICK_SIZE: " has another tick: {before} became {after}",
    SERIES: " changed its series: it is {after} now",
    SYMBOL: " changed its symbol: it is {after} now",
}


def changes(
    before: Mapping[InstrumentKey, Instrument],
    now: Mapping[InstrumentKey, Instrument],
    used: Iterable[InstrumentKey],
    day: date,
) -> list[InstrumentChange]:
    """What became of `used`, by the scrip master of `day`. A contract that has expired has not changed."""
    found: list[InstrumentChange] = []
    lost: list[Instrument] = []
    for key in sorted(set(used)):
        old, new = before.get(key), now.get(key)
        if old is None:
            found += [InstrumentChange(key, ADDED, "", new.token)] if new is not None else []
        elif new is not None:
            found += _differences(old, new)
        elif old.expiry is None or old.expiry >= day:
            lost.append(old)
    return [*found, *_successions(lost, before, now)]


def _differences(old: Instrument, new: Instrument) -> Iterator[InstrumentChange]:
    pairs = ((TOKEN, old.token, new.token), (LOT_SIZE, str(old.lot_size), str(new.lot_size)))
    ticks = (TICK_SIZE, f"{old.tick_size.normalize():f}", f"{new.tick_size.normalize():f}")
    return (InstrumentChange(old.key, kind, b, a) for kind, b, a in (*pairs, ticks) if b != a)


def _successions(
    lost: list[Instrument], before: Mapping[InstrumentKey, Instrument], now: Mapping[InstrumentKey, Instrument]
) -> Iterator[InstrumentChange]:
    """Where the lost ones went: to what appeared under their exchange token, or under their symbol in another series, which has a
    token of its own."""
    if not lost:
        return
    sought = {name for old in lost for name in _names(old)}
    appeared = {
        name: now[key]
        for key in sorted(now, reverse=True)
        if key not in before
        for name in _names(now[key])
        if name in sought
    }
    for old in lost:
        by_token, by_symbol = (appeared.get(name) for name in _names(old))
        yield _succession(old, by_token or by_symbol)


def _names(instrument: Instrument) -> tuple[tuple[str, str], tuple[str, str]]:
    """What it is found by in another scrip master: the broker's token, and `RELIANCE` of `RELIANCE-EQ` and of `RELIANCE-BE`."""
    return (instrument.exchange, instrument.token), (instrument.exchange, _stem(instrument))


def _succession(old: Instrument, new: Instrument | None) -> InstrumentChange:
    if new is None:
        return InstrumentChange(old.key, GONE, old.token, "")
    kind = SERIES if old.kind == "EQ" and _stem(old) == _stem(new) else SYMBOL
    return InstrumentChange(old.key, kind, old.key, new.key)


def _stem(instrument: Instrument) -> str:
    return instrument.symbol.rpartition("-")[0] or instrument.symbol
