"""Sequence numbers only drop what is older than what we have; they never mean that something is missing (design §5.5)."""

from __future__ import annotations

import numpy as np

from tradewinds.ticks import TickArray


class SequenceGuard:
    """Remembers the newest sequence number and exchange time of each instrument of one connection.

    A tick goes back when neither its number nor its time is newer: numbers begin again every day and after a restart of the
    broker, and then the time goes on.
    """

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, int]] = {}

    def forget(self) -> None:
        """A new connection may number from the beginning."""
        self._newest.clear()

    def goes_forward(self, code: int, sequence: int, exchange_ms: int) -> bool:
        """Whether this tick of the instrument `code` is newer than all before; it is remembered if so."""
        last = self._newest.get(code)
        if last is not None and sequence <= last[0] and exchange_ms <= last[1]:
            return False
        self._newest[code] = (sequence, exchange_ms)
        return True


def instrument_code(exchange_type: int, token: int) -> int:
    """Exchange type and token in one integer: what a dictionary on the tick path is keyed by."""
    return exchange_type << 32 | token


def instrument_codes(ticks: TickArray) -> list[int]:
    """`instrument_code` of each tick."""
    codes: list[int] = (ticks["exchange_type"].astype(np.int64) << 32 | ticks["token"]).tolist()
    return codes
