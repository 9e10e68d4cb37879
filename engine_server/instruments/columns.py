"""Columns to search in: the different values of one property, in order, and the instruments (by number) that have each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool]
ValueT = TypeVar("ValueT", bound=Hashable)

NO_NUMBERS: Final[Numbers] = np.empty(0, np.int32)
_AFTER_EVERY_SUFFIX: Final = "\U0010ffff"


def ranks(values: Sequence[ValueT], key: Callable[[ValueT], Any]) -> tuple[Numbers, list[ValueT]]:
    """For each value its place among the different ones, which come along, in the order of `key`."""
    different = sorted(set(values), key=key)
    place = {value: number for number, value in enumerate(different)}
    # map, not a generator: it is called 150,000 times.
    return np.fromiter(map(place.__getitem__, values), np.int32, len(values)), different


class Column:
    """`values[number]` is the value of instrument `number`; `words` are the texts by which a value is found, none for one that is
    not to be found. A match is the codes of values."""

    def __init__(self, values: Sequence[ValueT], words: Callable[[ValueT], Sequence[str]]) -> None:
        found_by = {value: words(value) for value in set(values)}
        self._codes, different = ranks(values, found_by.__getitem__)
        pairs = sorted({(word, code) for code, value in enumerate(different) for word in found_by[value]})
        self._texts = [word for word, _ in pairs]
        self._code_of_text: Numbers = np.array([code for _, code in pairs], np.int32)
        # The numbers of one code side by side, in order.
        self._numbers: Numbers = np.argsort(self._codes, kind="stable").astype(np.int32)
        ends = np.cumsum(np.bincount(self._codes, minlength=len(different))) if different else NO_NUMBERS
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
    """Symbols, which are ASCII, in order."""

    def __init__(self, symbols: Iterable[bytes]) -> None:
        texts = np.array(list(symbols), dtype="S")
        order = np.argsort(texts, kind="stable")
        self._texts = texts[order]
        self._numbers: Numbers = order.astype(np.int32)

    def equal(self, text: str) -> Numbers:
        """The instruments of exactly this symbol."""
        return self._between(text, "\1")

    def starting(self, text: str) -> Numbers:
        """The instruments whose symbol begins so."""
        return self._between(text, "\x7f")

    def _between(self, text: str, suffix: str) -> Numbers:
        """numpy's texts know no NUL at their end."""
        if not text.isascii() or not text.isprintable():
            return NO_NUMBERS
        first, after = np.searchsorted(self._texts, np.array([text.encode(), f"{text}{suffix}".encode()]))
        return self._numbers[first:after]
