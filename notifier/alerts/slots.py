"""Which instrument a tick is of: the broker's numbers, and the places that instruments have here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from notifier.alerts.levels import Int64Array
from tradewinds.ticks import TickArray, instrument_code, instrument_codes

_NO_CODE: Final = np.iinfo(np.int64).max

Token = tuple[int, int]  # exchange type, broker's token


class Slots:
    """A slot is the position of an instrument in `tokens`; None has no number."""

    def __init__(self, tokens: Sequence[Token | None]) -> None:
        coded = sorted((instrument_code(*token), slot) for slot, token in enumerate(tokens) if token is not None)
        # The last one stands for what is beyond all others.
        self._codes: Int64Array = np.array([*(code for code, _ in coded), _NO_CODE], np.int64)
        self._slot_of_code: Int64Array = np.array([*(slot for _, slot in coded), -1], np.int64)

    def of(self, ticks: TickArray) -> Int64Array:
        """Of each tick; -1 where nobody watches."""
        codes = instrument_codes(ticks)
        at = np.searchsorted(self._codes, codes)
        slots: Int64Array = self._slot_of_code[at]
        slots[self._codes[at] != codes] = -1
        return slots
