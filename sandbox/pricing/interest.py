"""How much of a contract trades and is held: lots by distance from the money, drifting from minute to minute, the same for one seed."""

from __future__ import annotations

import math

import numpy as np

from sandbox.pricing.noise import Ints, seed_of, smooth, uniform
from sandbox.universe import Instrument, InstrumentKind

_USUAL_LOTS = {
    "FUTIDX": 150_000,
    "OPTIDX": 80_000,
    "FUTSTK": 30_000,
    "OPTSTK": 3_000,
    "FUTCOM": 8_000,
    "OPTFUT": 1_500,
}
"""Held at the money, about; a four-hundredth of it trades in a minute."""
_NEAR_THE_MONEY = 0.03
_MINUTES_PER_HOLDING = 400
_TWIN_MINUTE_VALUE_PAISE = 280_000_000
"""BSE trades about a twelfth of what NSE does."""
_DAYS_APART, _HOURS_APART = 5 * 1_440.0, 90.0


def open_interest(contract: Instrument, seed: int, minutes: Ints) -> Ints:
    """Units held at each of the minutes (since the epoch); zeros for what is no contract."""
    if not contract.is_derivative:
        return np.zeros(len(minutes), dtype=np.int64)
    own, at = seed_of(seed, "interest", contract.exchange, contract.token), minutes.astype(np.float64)
    drift = 1 + 0.25 * smooth(own, at, _DAYS_APART) + 0.06 * smooth(own + 1, at, _HOURS_APART)
    lots = (_lots_held(contract, own) * drift).astype(np.int64)
    return lots * contract.lot_size


def minute_volumes(instrument: Instrument, seed: int, minutes: Ints) -> Ints:
    """What trades in each of a session's minutes: much in the first and last, less at noon."""
    own = seed_of(seed, "volume", instrument.exchange, instrument.token)
    if instrument.is_derivative:
        usual = _lots_held(instrument, own) / _MINUTES_PER_HOLDING
    else:
        usual = _TWIN_MINUTE_VALUE_PAISE / instrument.base_price / instrument.lot_size
    part = np.linspace(-1.0, 1.0, len(minutes))
    lots = usual * (0.5 + part**4) * (0.4 + 1.2 * uniform(own, minutes))
    return lots.astype(np.int64) * instrument.lot_size


def _lots_held(contract: Instrument, own: int) -> float:
    usual = _USUAL_LOTS.get(contract.instrument_type, 1_000)
    if contract.kind is not InstrumentKind.OPTION:
        return usual * (0.6 + own % 1_000 / 1_250)
    distance = (contract.strike / contract.base_price - 1) / _NEAR_THE_MONEY
    return max(2.0, usual * math.exp(-distance * distance / 2) * (0.3 + own % 1_000 / 1_000))
