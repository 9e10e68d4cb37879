"""Instruments by the broker's token."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine_server.instruments.table import InstrumentTable
from tradewinds.instruments import EXCHANGE_TYPE, Instrument

_EXCHANGE_SHIFT: Final = 40
_MAX_TOKEN: Final = 1 << _EXCHANGE_SHIFT


class TokenIndex:
    """One sorted array: a dictionary of 150,000 pairs costs tens of megabytes."""

    def __init__(self, table: InstrumentTable) -> None:
        exchanges = table.columns.exchange.mapped(_shifted)
        tokens = np.fromiter((int(token) % _MAX_TOKEN for token in table.columns.token.tolist()), np.int64, len(table))
        codes = np.array(exchanges.values, np.int64)[exchanges.codes] | tokens
        order = np.argsort(codes, kind="stable").astype(np.int32)
        self._codes, self._order, self._table = codes[order], order, table

    def find(self, exchange: str, token: str) -> Instrument | None:
        """The instrument that the broker calls `token` in the segment `exchange`."""
        if exchange not in EXCHANGE_TYPE or not (token.isascii() and token.isdigit()) or int(token) >= _MAX_TOKEN:
            return None
        code = _shifted(exchange) | int(token)
        position = int(np.searchsorted(self._codes, code))
        if position == len(self._codes) or self._codes[position] != code:
            return None
        return self._table.at(self._order[position : position + 1])[0]


def _shifted(exchange: str) -> int:
    return EXCHANGE_TYPE[exchange] << _EXCHANGE_SHIFT
