"""Instruments by the broker's token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tradewinds.instruments import EXCHANGE_TYPE, Instrument

_EXCHANGE_SHIFT: Final = 40
_MAX_TOKEN: Final = 1 << _EXCHANGE_SHIFT


class TokenIndex:
    """One sorted array: a dictionary of 150,000 pairs costs tens of megabytes."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        codes = np.fromiter((_code(i.exchange, i.token) for i in instruments), np.int64, len(instruments))
        order = np.argsort(codes, kind="stable")
        self._codes, self._order, self._instruments = codes[order], order, instruments

    def find(self, exchange: str, token: str) -> Instrument | None:
        """The instrument that the broker calls `token` in the segment `exchange`."""
        if exchange not in EXCHANGE_TYPE or not (token.isascii() and token.isdigit()) or int(token) >= _MAX_TOKEN:
            return None
        code = _code(exchange, token)
        position = int(np.searchsorted(self._codes, code))
        if position == len(self._codes) or self._codes[position] != code:
            return None
        return self._instruments[int(self._order[position])]


def _code(exchange: str, token: str) -> int:
    return EXCHANGE_TYPE[exchange] << _EXCHANGE_SHIFT | int(token) % _MAX_TOKEN
