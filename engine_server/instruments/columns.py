"""Columns to search in: the different values of one property, in order, and the instruments (by number) that have each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from engine_server.instruments.coded import NO_NUMBERS, Coded, Numbers

ValueT = TypeVar("ValueT", bound=Hashable)
_AFTER_EVERY_SUFFIX: Final = "\U0010ffff"


class Column(Generic[ValueT]):
    """`words` are the texts by which a value is found, none for one that is not to be found. A match is the codes of values."""

    def __init__(self, values: Coded[ValueT], words: Callable[[ValueT], Sequence[str]]) -> None:
        # In the order of their words, so that the values that one beginning finds are neighbours.
        found_by = values.mapped(lambda value: tuple(words(value))).in_order(lambda own: own)
        self._codes = found_by.codes
        pairs = sorted({(word, code) for code, own in enumerate(found_by.values) for word in own})
        self._texts = [word for word, _ in pairs]
        self._code_of_text: Numbers = np.array([code for _, code in pairs], np.int32)
        # The numbers of one code side by side, in order.
        self._numbers: Numbers = np.argsort(self._codes, kind="stable").astype(np.int32)
        ends = np.cumsum(np.bincount(self._codes, minlength=len(found_by.values)))
        self._bounds: npt.NDArray[np.int64] = np.concatenate([[0], ends]).astype(np.int64)

    def match(self, word: str, *, whole: bool) -> Numbers:
        """The codes of the values of which a word is `word`, or begins with it."""
        after = word + ("\0" if whole else _AFTER_EVERY_SUFFIX)
        return self._code_of_text[bisect_left(self._texts, word) : bisect_left(self._texts, after)]

    def having(self, codes: Numbers) -> Numbers:
        """The instruments that have one of these values."""
        if len(codes) > 1 and not (np.diff(codes) == 1).all():
            codes = np.unique(codes)
        if not len(codes):
            return NO_NUMBERS
        if codes[-1] - codes[0] == len(codes) - 1:  # neighbours: so are their instruments
            return self._numbers[self._bounds[codes[0]] : self._bounds[codes[-1] + 1]]
        starts, lengths = self._bounds[codes], self._bounds[codes + 1] - self._bounds[codes]
        gaps = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        return self._numbers[gaps + np.arange(len(gaps))]

    def equal(self, text: str) -> Numbers:
        """The instruments whose value is found by exactly this text."""
        return self.having(self.match(text, whole=True))

    def starting(self, text: str) -> Numbers:
        """The instruments whose value is found by a text that begins so."""
        return self.having(self.match(text, whole=False))

    def only(self, numbers: Numbers, text: str) -> Numbers:
        """Those of the instruments whose value is found by exactly this text."""
        codes = self.match(text, whole=True)
        return numbers[self._codes[numbers] == codes[0]] if len(codes) else NO_NUMBERS


class SortedSymbols:
    """Symbols, which are ASCII, in `order`."""

    def __init__(self, symbols: npt.NDArray[np.bytes_], order: Numbers) -> None:
        self._texts = symbols[order]
        self._numbers = order

    def equal(self, text: str) -> Numbers:
        """The instruments of exactly this symbol."""
        return self._between(text, "\1")

    def starting(self, text: str) -> Numbers:
        """The instruments whose symbol begins so."""
        return self._between(text, "\x7f")

    def _between(self, text: str, suffix: str) -> Numbers:
        """numpy's texts know no NUL at their end, and to look for a longer one it would copy them all."""
        longest = self._texts.itemsize
        if not text.isascii() or not text.isprintable() or len(text) > longest:
            return NO_NUMBERS
        first = self._texts.searchsorted(text.encode())
        after = (
            self._texts.searchsorted(f"{text}{suffix}".encode())
            if len(text) < longest
            else self._texts.searchsorted(text.encode(), "right")
        )
        return self._numbers[first:after]
