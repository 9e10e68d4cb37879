"""Which instrument a tick is of: the broker's numbers, and the places that instruments have here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from notifier.alerts.levels import Int64Array
from tradewinds.ticks import TickArray

Token = tuple[int, int]  # exchange type, broker's token


class Slots:
    """A slot is the position of an instrument in `tokens`; None has no number."""

    def __init__(self, tokens: Sequence[Token | None]) -> None:
        coded = sorted((_code(*token), slot) for slot, token in enumerate(tokens) if token is not None)
        self._codes: Int64Array = np.array([code for code, _ in coded], np.int64)
        self._slot_of_code: Int64Array = np.array([slot for _, slot in coded], np.int64)

    def of(self, ticks: TickArray) -> Int64Array:
        """Of each tick; -1 where nobody watches."""
        if not len(self._codes):
            return np.full(len(ticks), -1, np.int64)
        codes = ticks["exchange_type"].astype(np.int64) << 32 | ticks["token"].astype(np.int64)
        at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        slots: Int64Array = np.where(self._codes[at] == codes, self._slot_of_code[at], -1)
        return slots


def _code(exchange_type: int, token: int) -> int:
    return exchange_type << 32 | token
