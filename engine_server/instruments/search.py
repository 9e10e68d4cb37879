"""Finding instruments by the beginning of a symbol, name or key, or by words in any order: sorted arrays and binary search, no scan.

Instruments are numbered in the order in which a person wants to see them, so that the best of a set of matches are simply its
smallest numbers. What a contract's words are (underlying, expiry, strike, call or put) is kept by column: each different value once,
with the instruments that have it side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from engine_server.instruments.coded import NO_NUMBERS, Coded, Numbers, pairs
from engine_server.instruments.columns import Column
from engine_server.instruments.contract_words import cash_words, expiry_words, side_words, strike_word
from engine_server.instruments.table import Columns, InstrumentTable
from tradewinds.instruments import Instrument

_WORD = re.compile(r"[A-Z0-9&]+(?:\.[0-9]+)?")
_MAX_WORDS: Final = 8


class InstrumentSearch:
    """An index over one scrip master. Immutable: a new scrip master gets a new one."""

    def __init__(self, table: InstrumentTable) -> None:
        self._table = table
        columns, self._symbols = table.columns, table.symbols
        self._exchanges = Column(columns.exchange, _itself)
        self._kinds = Column(columns.kind, _itself)
        self._names = Column(columns.name, lambda name: (name.upper(),))
        self._is_contract = columns.expiry.where(lambda expiry: expiry is not None)
        self._columns: tuple[Column[Any], ...] = (
            self._names,
            Column(columns.strike, strike_word),
            Column(pairs(columns.option_type, columns.kind), lambda pair: side_words(pair[0] or pair[1])),
            Column(columns.expiry, expiry_words),
            Column(_cash_titles(table.columns, np.flatnonzero(~self._is_contract).astype(np.int32)), cash_words),
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
        return self._table.at(np.array(list(found)[:limit], np.int32))

    def named(self, text: str) -> list[Instrument]:
        """Every instrument whose symbol or name is `text`, whatever its case."""
        return self._table.at(np.unique(self._whole(text.strip().upper())))

    def contracts_of(self, underlying: str) -> list[Instrument]:
        """Every future and option on `underlying`, futures first, near expiries first, low strikes first."""
        numbers = np.sort(self._names.equal(underlying.strip().upper()))
        return self._table.at(numbers[self._is_contract[numbers]])

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
        every = np.ones(len(self._table), dtype=bool)
        for word in words:
            this = np.zeros(len(self._table), dtype=bool)
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


def _cash_titles(columns: Columns, cash: Numbers) -> Coded[str]:
    """Symbol and name of every cash instrument; contracts have none."""
    names = columns.name.of_each(cash)
    titles = [
        f"{symbol.decode()} {name}".upper() for symbol, name in zip(columns.symbol[cash].tolist(), names, strict=True)
    ]
    different = Coded.of(["", *titles])
    codes = np.zeros(len(columns.symbol), different.codes.dtype)
    codes[cash] = different.codes[1:]
    return Coded(different.values, codes)
