"""Where the ticks of each wanted instrument go, as sorted arrays: a whole batch is looked up in a few numpy calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tradewinds.instruments import Instrument
from tradewinds.ticks import instrument_code

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TickRoutes:
    """One entry a wanted instrument, by ascending code; the position in it is the instrument's slot.

    `is_index`: its sequence numbers mean nothing. `may_leap`: an option, whose price may be a hundred times yesterday's.
    """

    codes: Int64Array
    keys: tuple[bytes, ...]
    is_index: BoolArray
    may_leap: BoolArray

    @cached_property
    def numbered(self) -> dict[int, int]:
        """The slot of each code whose sequence numbers mean something, for a few ticks at a time."""
        slots = zip(self.codes.tolist(), self.is_index.tolist(), strict=True)
        return {code: slot for slot, (code, is_index) in enumerate(slots) if not is_index}

    def slots(self, codes: Int64Array) -> Int64Array:
        """The slot of each code; -1 for what is not wanted."""
        if not len(self.codes):
            return np.full(len(codes), -1, np.int64)
        found: Int64Array = self.codes.searchsorted(codes)
        found[self.codes.take(found, mode="clip") != codes] = -1
        return found


def routes(instruments: Iterable[Instrument]) -> TickRoutes:
    """The table of these instruments."""
    by_code = sorted((instrument_code(i.exchange_type, int(i.token)), i) for i in _distinct(instruments))
    wanted = [instrument for _, instrument in by_code]
    return TickRoutes(
        codes=_array((code for code, _ in by_code), np.int64),
        keys=tuple(i.key.encode() for i in wanted),
        is_index=_array((not i.is_tradable for i in wanted), np.bool_),
        may_leap=_array((i.kind == "OPT" for i in wanted), np.bool_),
    )


def _distinct(instruments: Iterable[Instrument]) -> Iterable[Instrument]:
    """One of each token: sorting must not come to compare instruments."""
    return {(i.exchange_type, int(i.token)): i for i in instruments}.values()


def _array(values: Iterable[Any], kind: type[Any]) -> npt.NDArray[Any]:
    return np.array(list(values), dtype=kind)


NO_ROUTES = routes(())
