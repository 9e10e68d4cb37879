"""Finding instruments by the beginning of a symbol, name or key, or by words in any order: sorted arrays and binary search, no scan.

Instruments are numbered in the order in which a person wants to see them, so that the best of a set of matches are simply its
smallest numbers. What a contract's words are (underlying, expiry, strike, call or put) is kept by column: each different value once,
with the instruments that have it side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from engine_server.instruments.columns import NO_NUMBERS, Column, Numbers, SortedSymbols, ranks
from engine_server.instruments.contract_words import cash_words, expiry_words, side_words, strike_word
from tradewinds.instruments import Instrument, InstrumentKey

_WORD = re.compile(r"[A-Z0-9&]+(?:\.[0-9]+)?")
_MAX_WORDS: Final = 8
_KIND_ORDER: Final = {"EQ": 0, "INDEX": 1, "FUT": 3, "OPT": 4}
_OTHER_SERIES: Final = 2
_NO_STRIKE: Final = Decimal(0)


class InstrumentSearch:
    """An index over one scrip master. Immutable: a new scrip master gets a new one."""

    def __init__(self, instruments: Mapping[InstrumentKey, Instrument]) -> None:
        self._ordered = ordered = _in_order(list(instruments.values()))
        self._symbols = SortedSymbols(i.symbol.upper().encode() for i in ordered)
        self._exchanges = Column([i.exchange for i in ordered], _itself)
        self._kinds = Column([i.kind for i in ordered], _itself)
        self._names = Column([i.name.upper() for i in ordered], _itself)
        self._columns: tuple[Column, ...] = (
            self._names,
            Column([i.strike for i in ordered], strike_word),
            Column([i.option_type or i.kind for i in ordered], side_words),
            Column([i.expiry for i in ordered], expiry_words),
            Column([f"{i.symbol} {i.name}".upper() if i.expiry is None else "" for i in ordered], cash_words),
        )

    def find(self, query: str, limit: int, *, exchange: str = "", kind: str = "") -> list[Instrument]:
        """At most `limit` instruments, best first: whole symbol or name, then its beginning, then whole words in any order, then
        beginnings of words. `exchange` and `kind` let only theirs through."""
        wanted = " ".join(query.upper().split())
        # A key begins with its exchange: NSE:REL.
        prefix, colon, title = wanted.rpartition(":")
        if not wanted or limit < 1 or (colon and not prefix):
            return []
        found: dict[int, None] = {}
        for numbers in self._tiers(title):
            there = self._only(numbers, tuple(filter(None, (prefix, exchange))), kind)
            found.update(dict.fromkeys(_smallest(there, limit)))
            if len(found) >= limit:
                break
        return [self._ordered[number] for number in list(found)[:limit]]

    def named(self, text: str) -> list[Instrument]:
        """Every instrument whose symbol or name is `text`, whatever its case."""
        numbers = np.unique(self._whole(text.strip().upper()))
        return [self._ordered[number] for number in numbers.tolist()]

    def contracts_of(self, underlying: str) -> list[Instrument]:
        """Every future and option on `underlying`, futures first, near expiries first, low strikes first."""
        numbers = np.sort(self._names.equal(underlying.strip().upper()))
        return [i for number in numbers.tolist() if (i := self._ordered[number]).expiry is not None]

    def _tiers(self, title: str) -> Iterator[Numbers]:
        yield self._whole(title)
        yield np.concatenate([self._symbols.starting(title), self._names.starting(title)])
        words = sorted(set(_WORD.findall(title)))[:_MAX_WORDS]
        if words:
            yield self._with_words(words, whole=True)
            yield self._with_words(words, whole=False)

    def _whole(self, title: str) -> Numbers:
        return np.concatenate(
            [self._symbols.equal(title), self._symbols.equal(f"{title}-EQ"), self._names.equal(title)]
        )

    def _with_words(self, words: Sequence[str], *, whole: bool) -> Numbers:
        """Instruments that have every word. Masks, because sorting a hundred thousand numbers would take as long as all else."""
        every = np.ones(len(self._ordered), dtype=bool)
        for word in words:
            this = np.zeros(len(self._ordered), dtype=bool)
            this[self._symbols.equal(word) if whole else self._symbols.starting(word)] = True
            for column in self._columns:
                this[column.having(column.match(word, whole=whole))] = True
            every &= this
            if not every.any():
                return NO_NUMBERS
        return np.flatnonzero(every).astype(np.int32)

    def _only(self, numbers: Numbers, exchanges: Sequence[str], kind: str) -> Numbers:
        for exchange in exchanges:
            numbers = self._exchanges.only(numbers, exchange)
        return self._kinds.only(numbers, kind) if kind else numbers


def _itself(value: str) -> tuple[str]:
    return (value,)


def _smallest(numbers: Numbers, limit: int) -> list[int]:
    """The `limit` smallest different ones, in order. An instrument has few titles and words, so few are equal."""
    enough = limit * 8
    if len(numbers) > enough:
        numbers = np.partition(numbers, enough)[:enough]
    smallest: list[int] = np.unique(numbers)[:limit].tolist()
    return smallest


def _in_order(instruments: Sequence[Instrument]) -> list[Instrument]:
    """Equities of the main series, indices, other cash instruments, futures, options; near expiries first; short symbols first."""
    if not instruments:
        return []
    sort_of, sorts = ranks([(i.kind, i.exchange, i.symbol.endswith("-EQ")) for i in instruments], str)
    # The most important last.
    columns = (
        np.array([i.symbol.encode() for i in instruments]),
        np.array([i.exchange.encode() for i in instruments]),
        ranks([i.strike for i in instruments], lambda strike: strike or _NO_STRIKE)[0],
        np.array([len(i.symbol) if i.expiry is None else 0 for i in instruments], np.int16),
        ranks([i.expiry for i in instruments], lambda expiry: expiry or date.min)[0],
        np.array([_rank(*sort) for sort in sorts], np.int8)[sort_of],
    )
    return [instruments[number] for number in np.lexsort(columns).tolist()]


def _rank(kind: str, exchange: str, is_main_series: bool) -> int:
    if kind == "EQ" and not (exchange == "NSE" and is_main_series):
        return _OTHER_SERIES
    return _KIND_ORDER.get(kind, len(_KIND_ORDER))
