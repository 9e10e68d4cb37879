"""A property of many instruments: its different values once, and for each instrument the number of its value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Mask = npt.NDArray[np.bool]
ValueT = TypeVar("ValueT", bound=Hashable)
OtherT = TypeVar("OtherT", bound=Hashable)

NO_NUMBERS: Final[Numbers] = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class Coded(Generic[ValueT]):
    """`values[codes[number]]` is what instrument `number` has. 150,000 instruments have some thousand different strikes: what is
    worked out of a value is worked out that often, not 150,000 times."""

    values: Sequence[ValueT]
    codes: Codes

    @classmethod
    def of(cls, values: Sequence[ValueT]) -> Coded[ValueT]:
        """The column of these values, in their order."""
        place: defaultdict[ValueT, int] = defaultdict(count().__next__)
        # map, not a generator: it is called 150,000 times.
        codes = np.fromiter(map(place.__getitem__, values), np.int32, len(values))
        return cls(list(place), codes.astype(code_type(len(place))))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, number: int) -> ValueT:
        return self.values[int(self.codes[number])]

    def each(self) -> Iterator[ValueT]:
        """The value of every instrument."""
        return map(self.values.__getitem__, self.codes.tolist())

    def of_each(self, numbers: Numbers) -> Iterator[ValueT]:
        """The values of these instruments."""
        return map(self.values.__getitem__, self.codes[numbers].tolist())

    def taken(self, numbers: Numbers) -> Coded[ValueT]:
        """The column of these instruments alone."""
        return Coded(self.values, self.codes[numbers])

    def only(self, mask: Mask, otherwise: ValueT) -> Coded[ValueT]:
        """The same for these; for all others `otherwise`."""
        code = len(self.values)
        return Coded([*self.values, otherwise], np.where(mask, self.codes, code).astype(code_type(code + 1)))

    def mapped(self, change: Callable[[ValueT], OtherT]) -> Coded[OtherT]:
        """Another value for each; what has become equal is one value then, and what nobody has is gone."""
        used = np.flatnonzero(np.bincount(self.codes, minlength=len(self.values)))
        changed = Coded.of([change(self.values[code]) for code in used.tolist()])
        codes = np.zeros(len(self.values), changed.codes.dtype)
        codes[used] = changed.codes
        return Coded(changed.values, codes[self.codes])

    def where(self, holds: Callable[[ValueT], bool]) -> Mask:
        """For which instruments it holds."""
        return np.fromiter(map(holds, self.values), bool, len(self.values))[self.codes]

    def in_order(self, key: Callable[[ValueT], Any]) -> Coded[ValueT]:
        """The same with its values in the order of `key`, so that the codes sort as they do."""
        order = sorted(range(len(self.values)), key=lambda code: key(self.values[code]))
        places = np.empty(len(order), self.codes.dtype)
        places[order] = np.arange(len(order), dtype=self.codes.dtype)
        return Coded([self.values[code] for code in order], places[self.codes])


def pairs(one: Coded[ValueT], other: Coded[OtherT]) -> Coded[tuple[ValueT, OtherT]]:
    """The two as one column; few values each, because there is one for every pair."""
    values = [(a, b) for a in one.values for b in other.values]
    both = one.codes.astype(np.uint32) * np.uint32(len(other.values)) + other.codes
    return Coded(values, both.astype(code_type(len(values))))


def code_type(values: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest that has a number for each of so many values."""
    return np.dtype(np.min_scalar_type(max(values - 1, 0)))


def texts(values: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """Different ASCII texts side by side."""
    return np.array(list(values), dtype="S")
