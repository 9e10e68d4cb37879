"""The daily instrument list, in the broker's nine all-string columns."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

from sandbox.universe import Instrument, Universe


@dataclass(frozen=True, slots=True)
class ScripMaster:
    """The served file: one UTF-8 JSON array, plain and gzipped."""

    plain: bytes
    gzipped: bytes

    @classmethod
    def of(cls, universe: Universe) -> ScripMaster:
        plain = json.dumps([row(i) for i in universe], separators=(",", ":")).encode()
        return cls(plain, gzip.compress(plain, mtime=0))


def row(instrument: Instrument) -> dict[str, str]:
    """tick_size is paise; strike is rupees x 100, -1 for equities and 0 for indices; an index has no tick."""
    return {
        "token": instrument.token,
        "symbol": instrument.symbol,
        "name": instrument.name,
        "expiry": "",
        "strike": "-1.000000" if instrument.tradable else "0.000000",
        "lotsize": str(instrument.lot_size),
        "instrumenttype": "" if instrument.tradable else "AMXIDX",
        "exch_seg": instrument.exchange,
        "tick_size": f"{instrument.tick_size if instrument.tradable else 0}.000000",
    }
