"""Exchange type and token in one integer: what an instrument is called on the tick path."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewinds.ticks import TickArray


def instrument_code(exchange_type: int, token: int) -> int:
    """Exchange type and token in one integer."""
    return exchange_type << 32 | token


def instrument_codes(ticks: TickArray) -> npt.NDArray[np.int64]:
    """`instrument_code` of each tick."""
    codes: npt.NDArray[np.int64] = ticks["exchange_type"].astype(np.int64) << 32 | ticks["token"]
    return codes
