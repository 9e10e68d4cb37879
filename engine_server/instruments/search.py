"""Finding instruments by the beginning of a symbol, name, key or word: sorted arrays and binary search, no scan.

Instruments are numbered in the order in which a person wants to see them, so that the best of a range of matches are simply
its smallest numbers.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tradewinds.instruments import Instrument, InstrumentKey

_WORD = re.compile(r"[A-Z0-9&]+")
_AFTER_EVERY_SUFFIX: Final = "\U0010ffff"
_KIND_ORDER: Final = {"EQ": 0, "INDEX": 1, "FUT": 3, "OPT": 4}
_OTHER_SERIES: Final = 2

Numbers = npt.NDArray[np.int32]
_NONE: Final[Numbers] = np.empty(0, np.int32)


class InstrumentSearch:
    """An index over one scrip master. Immutable: a new scrip master gets a new one."""

    def __init__(self, instruments: Mapping[InstrumentKey, Instrument]) -> None:
        self._ordered = sorted(instruments.values(), key=_preference)
        self._titles = _Index((number, title) for number, i in enumerate(self._ordered) for title in _titles(i))
        self._exchanges = np.array([i.exchange for i in self._ordered])
        self._words = _Index((number, word) for number, i in enumerate(self._ordered) for word in _words(i))

    def find(self, query: str, limit: int) -> list[Instrument]:
        """At most `limit` instruments, best first: whole symbol or name, then its beginning, then beginnings of words."""
        wanted = " ".join(query.upper().split())
        if not wanted or limit < 1:
            return []
        # A key begins with its exchange: NSE:REL.
        exchange, colon, title = wanted.rpartition(":")
        found: dict[int, None] = {}
        for numbers in (self._titles.equal(title), self._titles.starting(title), self._with_words(title)):
            there = numbers[self._exchanges[numbers] == exchange] if colon else numbers
            found.update(dict.fromkeys(_smallest(there, limit)))
            if len(found) >= limit:
                break
        return [self._ordered[number] for number in list(found)[:limit]]

    def named(self, text: str) -> list[Instrument]:
        """Every instrument whose symbol or name is `text`, whatever its case."""
        numbers = np.unique(self._titles.equal(text.strip().upper()))
        return [self._ordered[number] for number in numbers.tolist()]

    def _with_words(self, wanted: str) -> Numbers:
        words = _WORD.findall(wanted)
        if len(words) < 2:
            return self._words.starting(words[0]) if words else _NONE
        all_words = np.ones(len(self._ordered), dtype=bool)
        for word in words:
            this_word = np.zeros(len(self._ordered), dtype=bool)
            this_word[self._words.starting(word)] = True
            all_words &= this_word
        return np.flatnonzero(all_words).astype(np.int32)


class _Index:
    """Texts in order, and the number of the instrument that each belongs to."""

    def __init__(self, entries: Iterable[tuple[int, str]]) -> None:
        pairs = sorted((text, number) for number, text in entries)
        self._texts: Sequence[str] = [text for text, _ in pairs]
        self._numbers: Numbers = np.array([number for _, number in pairs], dtype=np.int32)

    def equal(self, text: str) -> Numbers:
        return self._between(text, text + "\0")

    def starting(self, prefix: str) -> Numbers:
        return self._between(prefix, prefix + _AFTER_EVERY_SUFFIX)

    def _between(self, first: str, after: str) -> Numbers:
        return self._numbers[bisect_left(self._texts, first) : bisect_left(self._texts, after)]


def _smallest(numbers: Numbers, limit: int) -> list[int]:
    """The `limit` smallest different ones, in order. An instrument has few titles and words, so few are equal."""
    enough = limit * 8
    if len(numbers) > enough:
        numbers = np.partition(numbers, enough)[:enough]
    smallest: list[int] = np.unique(numbers)[:limit].tolist()
    return smallest


def _preference(instrument: Instrument) -> tuple[int, int, str]:
    """Equities of the main series, indices, other cash instruments, futures, options; short symbols first."""
    order = _KIND_ORDER.get(instrument.kind, len(_KIND_ORDER))
    if instrument.kind == "EQ" and not (instrument.exchange == "NSE" and instrument.symbol.endswith("-EQ")):
        order = _OTHER_SERIES
    return order, len(instrument.symbol), instrument.key


def _titles(instrument: Instrument) -> set[str]:
    symbol = instrument.symbol.upper()
    return {symbol, symbol.removesuffix("-EQ"), instrument.name.upper()}


def _words(instrument: Instrument) -> set[str]:
    return set(_WORD.findall(f"{instrument.symbol} {instrument.name}".upper()))
